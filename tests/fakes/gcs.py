"""Google's object storage on loopback: its XML API, which obstore speaks, before a real S3 server.

That API is S3's but for who asks and for conditions: https://cloud.google.com/storage/docs/xml-api
and https://google.aip.dev/auth/4111. Those two are here, all else (objects, parts, ranges, pages of
a listing, errors) is versitygw's. fake-gcs-server does not know the API's writes, conditions and
pages.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from frazil_runtime import contract

from . import s3
from .buckets import NOBODY, Bucket

ACCOUNT = "tests@project.iam.gserviceaccount.com"
_CHUNK = 1 << 20
_EXPONENT = 65537
# RFC 8017, 9.2, note 1: what goes before a SHA-256 in a signature.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_CONDITION = "x-goog-if-generation-match"
_OF_A_CONNECTION = ("connection", "date", "host", "server", "transfer-encoding")
_DENIED = {
    401: ("AuthenticationRequired", "Authentication required."),
    403: ("AccessDenied", "Access denied."),
}


@dataclass(frozen=True)
class Key:
    """A service account's key: the private half in PEM, and the public modulus."""

    pem: str
    modulus: int

    @classmethod
    def make(cls) -> Key:
        """A new one."""
        generate = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        pem = subprocess.run(generate, check=True, capture_output=True).stdout
        show = ["openssl", "rsa", "-noout", "-modulus"]
        shown = subprocess.run(show, input=pem, check=True, capture_output=True).stdout
        return cls(pem.decode(), int(shown.decode().partition("=")[2], 16))

    def signed(self, text: str, signature: str) -> bool:
        """Whether ``signature`` is this key's under ``text``: RSASSA-PKCS1-v1_5 with SHA-256."""
        number = pow(int.from_bytes(_decoded(signature)), _EXPONENT, self.modulus)
        tail = b"\0" + _SHA256 + hashlib.sha256(text.encode()).digest()
        size = self.modulus.bit_length() // 8
        return number.to_bytes(size) == b"\0\1" + tail.rjust(size - 2, b"\xff")

    def account(self, email: str = ACCOUNT) -> str:
        """The JSON that Google gives out for an account with this key."""
        fields = {"type": "service_account", "client_email": email, "private_key": self.pem}
        return json.dumps(fields | {"private_key_id": "1"})


class Server:
    """The server; it makes buckets, each for one test, which only ACCOUNT may use."""

    def __init__(self, endpoint: str, behind: s3.Server, key: Key) -> None:
        self._endpoint, self._behind = endpoint, behind
        self._secret, self._forged = key.account(), Key.make().account()
        self.stranger = key.account("stranger@project.iam.gserviceaccount.com")

    def bucket(self) -> Bucket:
        behind = self._behind.bucket()
        url = f"gs://{behind.folder.name}"
        return Bucket(
            url=url,
            environ={
                "GOOGLE_BASE_URL": self._endpoint,
                "GOOGLE_SERVICE_ACCOUNT_KEY": self._secret,
            },
            store_environ={
                contract.ENV_STORE_URL: url,
                contract.ENV_STORE_ENDPOINT: self._endpoint,
                contract.ENV_STORE_SECRET_ACCESS_KEY: self._secret,
            },
            forged={
                "GOOGLE_SERVICE_ACCOUNT_KEY": self._forged,
                contract.ENV_STORE_SECRET_ACCESS_KEY: self._forged,
            },
            elsewhere={"GOOGLE_BASE_URL": NOBODY, contract.ENV_STORE_ENDPOINT: NOBODY},
            page=behind.page,
        )


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run the API before a versitygw of its own."""
    key = Key.make()
    with s3.server(folder) as behind:
        handler = partial(_Handler, key, behind.endpoint)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as front:
            thread = threading.Thread(target=front.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield Server(f"http://127.0.0.1:{front.server_port}", behind, key)
            finally:
                front.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection: checks who asks, and passes on what it asks for."""

    protocol_version = "HTTP/1.1"
    wbufsize = _CHUNK  # one packet for head and body

    def __init__(self, key: Key, behind: str, *connection: object) -> None:
        self._key, self._behind = key, behind
        super().__init__(*connection)  # type: ignore[arg-type]  # as socketserver gives them

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if status := _refusal(self.headers.get("Authorization", ""), self._key):
            self._refuse(status)
        else:
            self._pass_on(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - http.server has these names

    def _refuse(self, status: int) -> None:
        code, message = _DENIED[status]
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        text = f"<?xml version='1.0' encoding='UTF-8'?>{error}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _pass_on(self, body: bytes) -> None:
        asked = self._signed(body)
        where = urlsplit(asked.url)
        with closing(HTTPConnection(where.netloc)) as behind:
            target = asked.url.removeprefix(self._behind)
            behind.request(self.command, target, body, dict(asked.headers))
            got = behind.getresponse()
            self.send_response(got.status)
            for name, value in got.getheaders():
                if name.lower() not in _OF_A_CONNECTION:
                    self.send_header(name, value)
            self.end_headers()
            while chunk := got.read(_CHUNK):
                self.wfile.write(chunk)

    def _signed(self, body: bytes) -> AWSRequest:
        """The same request in S3's words, from the account that may do everything there."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.pop(_CONDITION, "") == "0":  # no generation of it: it must not be there
            headers["if-none-match"] = "*"
        for name in ("authorization", *_OF_A_CONNECTION):
            headers.pop(name, None)
        path, _, query = self.path.partition("?")
        url = self._behind + quote(unquote(path)) + (f"?{query}" if query else "")
        request = AWSRequest(self.command, url, headers, body)
        S3SigV4Auth(Credentials(s3.KEY, s3.SECRET), "s3", "us-east-1").add_auth(request)
        return request

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def _refusal(authorization: str, key: Key) -> int | None:
    """The status for whom it is refused: nobody known (401), or somebody else (403)."""
    scheme, _, token = authorization.partition(" ")
    signed, _, signature = token.rpartition(".")
    if scheme != "Bearer" or not signed or not key.signed(signed, signature):
        return 401
    claims = json.loads(_decoded(signed.partition(".")[2]))
    return None if claims["iss"] == claims["sub"] == ACCOUNT else 403


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
