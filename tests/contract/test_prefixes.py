"""What the API server lets into `fetch.allow` is what the runtime can read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frazil_operator.api_inputs import PREFIX_RULES
from frazil_runtime.uris import Allowed

RULES = [rule["rule"] for rule in PREFIX_RULES["x-kubernetes-validations"]]


def let_in(prefix: str) -> bool:
    """What the CEL rules say, which are matches alone."""
    return all(_holds(rule, prefix) for rule in RULES)


def _holds(rule: str, prefix: str) -> bool:
    matches = re.fullmatch(r"(!?)self\.matches\('([^'\\]+)'\)", rule)
    assert matches, rule
    pattern = re.sub(r"\$(?=$|\))", r"\\Z", matches[2])  # RE2's end is the very end
    return (re.search(pattern, prefix) is not None) != bool(matches[1])


@pytest.mark.parametrize(
    "prefix",
    [
        "s3://photos",
        "s3://photos/",
        "s3://photos/2024/b.0xff/~user/a=b,c",
        "https://photos.example",
        "https://photos.example:8443/a/b",
        "https://localhost/a",
        "https://10.example/a",
        "https://Photos.Example/A",
    ],
)
def test_a_prefix_is_let_in_and_read(prefix: str) -> None:
    assert let_in(prefix)
    assert Allowed.parse([prefix]).find(f"{prefix.rstrip('/')}/x")


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("", id="nothing"),
        pytest.param("photos.example/a", id="no scheme"),
        pytest.param("http://photos.example", id="without TLS"),
        pytest.param("gs://photos", id="a store that is not read"),
        pytest.param("file:///etc", id="a file"),
        pytest.param("s3://", id="no bucket"),
        pytest.param("https://user@photos.example", id="a user"),
        pytest.param("https://photos.example/a?b=c", id="a query"),
        pytest.param("https://photos.example/a#b", id="a fragment"),
        pytest.param("https://10.0.0.1/a", id="an address"),
        pytest.param("https://2130706433/a", id="an address as a number"),
        pytest.param("https://0x7f000001/a", id="an address in hexadecimal digits"),
        pytest.param("https://127.0x1/a", id="a part of one in hexadecimal digits"),
        pytest.param("https://[::1]/a", id="an address of IPv6"),
        pytest.param("https://photos.example/a/../b", id="a way up"),
        pytest.param("s3://photos/.", id="a way nowhere"),
        pytest.param("s3://photos/..;x/a", id="a way up with a parameter"),
        pytest.param("https://photos.example/%2e%2e/a", id="a way up, encoded"),
        pytest.param("https://photos.example/a b", id="a space"),
        pytest.param("https://photos.example/a\\b", id="a backslash"),
        pytest.param("s3://photos/ä", id="a letter that is not ASCII"),
        pytest.param("s3://photos\n", id="a line's end"),
        pytest.param("https://photos.example:443443/a", id="a port that is none"),
    ],
)
def test_what_is_no_prefix_is_kept_out(prefix: str) -> None:
    assert not let_in(prefix)


@given(
    st.from_regex("(s3|https)://[a-z0-9.:@x%-]{0,12}(/[a-z.;%2?#~]{0,6}){0,3}", fullmatch=True),
)
def test_whatever_is_let_in_can_be_read(prefix: str) -> None:
    if let_in(prefix):
        Allowed.parse([prefix])
