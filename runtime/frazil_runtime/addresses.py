"""PURE. Which IP addresses lead out of here, into the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_UNICAST: Final = IPv6Network("2000::/3")  # nothing else of IPv6 is routed in public
# Public by the registries, and still answered by the machine or the cloud underneath.
_NEAR: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's: not private, shared, of this host or this link,
    multicast, reserved, a cloud's metadata, or IPv6 that only wraps an IPv4 address.

    False where ``text`` is no address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return address in _UNICAST and address.is_global and not _wraps(address)
    return _is_public_v4(address)


def _is_public_v4(address: IPv4Address) -> bool:
    near = any(address in network for network in _NEAR)
    return address.is_global and not (near or address.is_multicast or address.is_reserved)


def _wraps(address: IPv6Address) -> bool:
    """6to4 and Teredo: a tunnel's end may send it to any IPv4 address."""
    return address.sixtofour is not None or address.teredo is not None
