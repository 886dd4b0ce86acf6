"""The bytes with which an answer begins."""

from __future__ import annotations

import re

import pytest

from frazil_runtime.transport import wire
from frazil_runtime.transport.wire import head

DATE = rb"date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n"


def test_status_headers_date_and_length() -> None:
    sent = head(200, ((b"a", b"1"), (b"b", b"2")), 17, last=False)
    expected = rb"HTTP/1\.1 200 OK\r\na: 1\r\nb: 2\r\n" + DATE + rb"content-length: 17\r\n\r\n"
    assert re.fullmatch(expected, sent), sent


def test_the_last_answer_says_so() -> None:
    assert head(200, (), 0, last=True).endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")
    assert b"connection" not in head(200, (), 0, last=False)


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (413, b"HTTP/1.1 413 Request Entity Too Large"),
        (429, b"HTTP/1.1 429 Too Many Requests"),
        (499, b"HTTP/1.1 499 "),
    ],
)
def test_a_status_has_its_reason_or_an_empty_one(status: int, line: bytes) -> None:
    assert head(status, (), 0, last=False).split(b"\r\n")[0] == line


def test_the_date_is_that_of_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    dates = []
    for now in (0.0, 0.9, 1.0):
        monkeypatch.setattr(wire.time, "time", lambda now=now: now)
        dates.append(re.search(rb"date: (.*?)\r\n", head(200, (), 0, last=False))[1])
    assert dates == [b"Thu, 01 Jan 1970 00:00:00 GMT"] * 2 + [b"Thu, 01 Jan 1970 00:00:01 GMT"]


def test_headers_of_one_answer_alone_are_sent_and_not_remembered() -> None:
    often = ((b"a", b"1"),)
    head(200, often, 0, last=False)
    before = wire._start.cache_info()
    sent = head(200, often, 17, last=False, own=((b"id", b"x7"), (b"b", b"2")))
    expected = rb"HTTP/1\.1 200 OK\r\na: 1\r\nid: x7\r\nb: 2\r\n" + DATE
    assert re.fullmatch(expected + rb"content-length: 17\r\n\r\n", sent), sent
    after = wire._start.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)
