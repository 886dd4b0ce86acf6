"""Where a URI leads: the store that holds the thing, and its name there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore

from frazil_runtime import contract
from frazil_runtime.contract import Exit
from frazil_runtime.freeze.request import FreezeError
from frazil_runtime.objects import open_source
from frazil_runtime.transfer import is_plain

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SCHEMES: Final = "s3://, gs://, az://, https://, pvc://claim/path or a local path"


@dataclass(frozen=True, slots=True)
class Location:
    """``name`` in ``store``, which is rooted at the folder around it.

    ``name`` is empty where the URI is a bucket's root. ``uri`` is fit to be shown: it has no query
    and no user. ``listable``: HTTP can only be asked for what one knows to be there. On a disk
    ``folder`` is the directory around it, and ``mount`` a volume claim's around that.
    """

    uri: str
    store: ObjectStore
    name: str
    listable: bool = True
    folder: Path | None = None
    mount: Path | None = None

    def leaves_the_claim(self, key: str) -> bool:
        """Whether an object of a volume claim is a link to elsewhere: perhaps to our secrets."""
        if self.folder is None or self.mount is None:
            return False
        return not (self.folder / key).resolve().is_relative_to(self.mount.resolve())


def locate(uri: str, environ: Mapping[str, str]) -> Location:
    """Open the store around ``uri``. Nothing is read yet.

    Raises FreezeError: INVALID_REQUEST for a URI that makes no sense, SOURCE_NOT_FOUND for a local
    directory that is not there.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return _local(uri, Path(uri))
    if scheme == "file":
        return _local(uri, Path(unquote(rest)))
    if scheme == "pvc":
        return _claim(uri, rest, environ)
    if scheme in ("s3", "gs", "az", "https", "http"):
        return _remote(uri, environ)
    raise FreezeError(Exit.INVALID_REQUEST, f"{shown(uri)}: {scheme}:// is none of {SCHEMES}")


def shown(uri: str) -> str:
    """The URI without what may be secret in it: a query's signature, a password."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _remote(uri: str, environ: Mapping[str, str]) -> Location:
    # A `?` or `#` is a character like any other in an object's key, but not on the web.
    web = uri.startswith("http")
    bare, _, query = uri.partition("?") if web else (uri, "", "")
    scheme, _, rest = bare.partition("://")
    host, _, path = rest.partition("/")
    path = unquote(path.strip("/")) if web else path.strip("/")
    if not host or (path and not is_plain(path)):
        raise FreezeError(
            Exit.INVALID_REQUEST, f"{shown(uri)} is not {scheme}://<host or bucket>/<path>"
        )
    folder, _, name = path.rpartition("/")
    url = f"{scheme}://{host}/{folder}".rstrip("/") + (f"?{query}" if query else "")
    try:
        store = open_source(url, environ)
    except (BaseError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"{shown(uri)} cannot be opened: {first}. Check the URI and the credentials beside it",
        ) from error
    return Location(shown(uri), store, name, listable=not web)


def _claim(uri: str, rest: str, environ: Mapping[str, str]) -> Location:
    claims = environ.get(contract.ENV_PVC_ROOT)
    if not claims:
        raise FreezeError(
            Exit.INVALID_REQUEST,
            f"{uri}: volume claims are mounted in the cluster only; name a local path instead",
        )
    path = rest.rstrip("/")
    if not is_plain(path) or "/" not in path:
        raise FreezeError(Exit.INVALID_REQUEST, f"{uri} is not pvc://<claim>/<path>")
    found = _local(uri, Path(claims) / path)
    claim = Path(claims) / path.partition("/")[0]
    return replace(found, mount=claim)


def _local(uri: str, path: Path) -> Location:
    # Not resolve(): a link keeps the name that the user gave it.
    path = path.absolute()
    if not path.parent.is_dir():
        raise FreezeError(
            Exit.SOURCE_NOT_FOUND, f"{uri}: there is no directory {path.parent}. Check the path"
        )
    return Location(uri, LocalStore(path.parent), path.name, folder=path.parent)
