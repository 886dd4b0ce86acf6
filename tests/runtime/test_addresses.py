"""Addresses that a request may make this process connect to."""

from __future__ import annotations

import pytest

from frazil_runtime.addresses import is_public


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="this host"),
        pytest.param("127.8.9.1", id="this host by another address"),
        pytest.param("0.0.0.0", id="any address of this host"),
        pytest.param("10.96.0.1", id="a private network"),
        pytest.param("172.16.0.1", id="another private network"),
        pytest.param("192.168.1.1", id="a home"),
        pytest.param("100.64.0.1", id="a carrier's shared network"),
        pytest.param("100.100.100.200", id="a metadata service in a shared network"),
        pytest.param("169.254.169.254", id="the metadata service of most clouds"),
        pytest.param("168.63.129.16", id="a cloud's host at a public address"),
        pytest.param("192.0.0.192", id="a metadata service among protocol assignments"),
        pytest.param("224.0.0.1", id="multicast on this link"),
        pytest.param("232.1.2.3", id="multicast anywhere"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("::1", id="this host in IPv6"),
        pytest.param("::", id="any address in IPv6"),
        pytest.param("fe80::1", id="this link in IPv6"),
        pytest.param("fe80::1%eth0", id="this link in IPv6, with its interface"),
        pytest.param("fd00:ec2::254", id="a metadata service in IPv6"),
        pytest.param("fec0::1", id="a site's own in IPv6"),
        pytest.param("ff02::1", id="multicast in IPv6"),
        pytest.param("2001:db8::1", id="documentation in IPv6"),
        pytest.param("::ffff:127.0.0.1", id="this host, mapped"),
        pytest.param("::ffff:8.8.8.8", id="a public address, mapped"),
        pytest.param("64:ff9b::a9fe:a9fe", id="the metadata service behind NAT64"),
        pytest.param("2002:7f00:1::", id="this host behind 6to4"),
        pytest.param("2001:0:4136:e378::", id="Teredo"),
        pytest.param("localhost", id="a name"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_near_is_not_public(address: str) -> None:
    assert not is_public(address)
