"""Which URIs a request may name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_runtime.uris import Allowed, Location, UriError, parse


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        pytest.param(
            "s3://photos/a/b%20c.jpg", Location("s3", "photos", 0, "/a/b%20c.jpg"), id="an object"
        ),
        pytest.param("s3://photos/é?x#y", Location("s3", "photos", 0, "/é?x#y"), id="an odd key"),
        pytest.param("https://A.example", Location("https", "a.example", 443, "/"), id="a host"),
        pytest.param(
            "https://a.example:8443/x%20y?sign=1/..",
            Location("https", "a.example", 8443, "/x%20y", "sign=1/.."),
            id="a port and a query",
        ),
        pytest.param(
            "https://1.2.3.4.xn--p1ai/",
            Location("https", "1.2.3.4.xn--p1ai", 443, "/"),
            id="a name",
        ),
    ],
)
def test_a_uri_in_its_parts(uri: str, location: Location) -> None:
    assert parse(uri) == location


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("", id="nothing"),
        pytest.param("/etc/passwd", id="a path"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("http://a.example/x", id="without TLS"),
        pytest.param("gs://bucket/x", id="another store"),
        pytest.param("https://", id="no host"),
        pytest.param("s3:///x", id="no bucket"),
        pytest.param("https://user@a.example/x", id="a user"),
        pytest.param("https://user:word@a.example/x", id="a user and a password"),
        pytest.param("https://a.example@evil.example/x", id="a host that is a user"),
        pytest.param("https://a.example\\@evil.example/x", id="a backslash"),
        pytest.param("https://a.example#@evil.example/x", id="a fragment before a host"),
        pytest.param("https://a.example/x#y", id="a fragment"),
        pytest.param("https://a.example:80:443/x", id="two ports"),
        pytest.param("https://a.example:/x", id="a colon without a port"),
        pytest.param("https://a.example:+443/x", id="a port with a sign"),
        pytest.param("https://a.example./x", id="a host with a final dot"),
        pytest.param("https://a..example/x", id="an empty label"),
        pytest.param("https://ä.example/x", id="a host that is not ASCII"),
        pytest.param("https://a%2eexample/x", id="an encoded host"),
        pytest.param("https://127.0.0.1/x", id="an address"),
        pytest.param("https://127.1/x", id="a short address"),
        pytest.param("https://2130706433/x", id="an address as a number"),
        pytest.param("https://0x7f000001/x", id="an address as a hexadecimal number"),
        pytest.param("https://127.0.0.0x1/x", id="an address with a hexadecimal end"),
        pytest.param("https://[::1]/x", id="an IPv6 address"),
        pytest.param("https://a.example/b/../c", id="dots"),
        pytest.param("https://a.example/b/./c", id="one dot"),
        pytest.param("https://a.example/b/%2e%2E/c", id="encoded dots"),
        pytest.param("https://a.example/b/%252e%252e/c", id="dots encoded twice"),
        pytest.param("https://a.example/b/..;x=1/c", id="dots with a parameter"),
        pytest.param("https://a.example/b%2f..%2fc", id="encoded slashes"),
        pytest.param("https://a.example/b%5c..%5cc", id="encoded backslashes"),
        pytest.param("https://a.example/b c", id="a space"),
        pytest.param("https://a.example/b\r\nHost: evil", id="a line break"),
        pytest.param("https://a.example/b\0", id="a zero byte"),
        pytest.param("s3://bucket/../other/x", id="dots in a key"),
        pytest.param("https://a.example/" + 3000 * "x", id="a long one"),
    ],
)
def test_a_uri_that_may_mean_something_else_is_refused(uri: str) -> None:
    with pytest.raises(UriError, match=r"^(malformed|longer than|neither)"):
        parse(uri)


def test_an_error_does_not_quote_the_uri() -> None:
    with pytest.raises(UriError) as refused:
        Allowed.parse(["s3://photos"]).find("https://a.example/path?signature=secret")
    assert "https://a.example" in str(refused.value)
    assert "path" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("prefix", "uri"),
    [
        pytest.param("s3://photos", "s3://photos/a.jpg", id="a whole bucket"),
        pytest.param("s3://photos/", "s3://photos/a.jpg", id="a bucket with a slash"),
        pytest.param("s3://photos/2024", "s3://photos/2024/a.jpg", id="a folder"),
        pytest.param("s3://photos/2024/", "s3://photos/2024//a.jpg", id="an empty segment below"),
        pytest.param("s3://photos/a.jpg", "s3://photos/a.jpg", id="one object"),
        pytest.param("https://A.example", "https://a.EXAMPLE/x?y=z", id="a host in any case"),
        pytest.param("https://a.example:443/x", "https://a.example/x/y", id="the port of https"),
        pytest.param("https://a.example:8443", "https://a.example:8443/y", id="another port"),
    ],
)
def test_a_prefix_covers_what_lies_below_it(prefix: str, uri: str) -> None:
    assert Allowed.parse(["s3://other", prefix]).find(uri) == parse(uri)


@pytest.mark.parametrize(
    ("prefix", "uri"),
    [
        pytest.param("s3://photos/2024", "s3://photos/2024-private/a.jpg", id="half a segment"),
        pytest.param("s3://photos", "s3://photos-private/a.jpg", id="half a bucket's name"),
        pytest.param("s3://photos", "s3://Photos/a.jpg", id="a bucket in another case"),
        pytest.param("s3://photos", "https://photos/a.jpg", id="another scheme"),
        pytest.param("https://a.example", "https://a.example.evil.example/", id="a longer host"),
        pytest.param("https://a.example", "https://b.a.example/", id="a host below"),
        pytest.param("https://a.example", "https://a.example:8443/", id="another port"),
        pytest.param("https://a.example/x", "https://a.example/X/y", id="a path in another case"),
    ],
)
def test_a_prefix_covers_nothing_else(prefix: str, uri: str) -> None:
    with pytest.raises(UriError, match=r"no prefix in fetch\.allow covers it"):
        Allowed.parse([prefix]).find(uri)


@pytest.mark.parametrize("prefix", ["photos/", "https://a.example/x?y=z", "https://10.0.0.1/"])
def test_a_prefix_that_makes_no_sense_is_quoted(prefix: str) -> None:
    with pytest.raises(ValueError, match="the prefix '"):
        Allowed.parse([prefix])


@given(st.text(st.sampled_from("ab/.%2eEfF5cC;:@?#\\ "), max_size=20))
def test_whatever_is_covered_stays_below_the_prefix(tail: str) -> None:
    allowed = Allowed.parse(["https://a.example/safe"])
    try:
        location = allowed.find(f"https://a.example/safe{tail}")
    except UriError:
        return
    assert (location.host, location.port) == ("a.example", 443)
    assert location.path.split("/")[1] == "safe"
    assert ".." not in location.path.split("/")
