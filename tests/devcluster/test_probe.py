"""DNS by hand: one question, and whether the reply answers it."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from devkube import probe


def reply(flags: int, answers: int) -> bytes:
    return struct.pack(">6H", 0x4652, flags, 1, answers, 0, 0)


def test_a_question_is_spelled_in_labels() -> None:
    assert b"\x02ab\x01c\x00\x00\x01\x00\x01" in probe.query("ab.c")


def test_only_a_reply_with_an_address_counts() -> None:
    assert probe.has_address(reply(0x8180, 1))
    assert not probe.has_address(reply(0x8180, 0))
    assert not probe.has_address(reply(0x8183, 0))  # no such name
    assert not probe.has_address(reply(0x8182, 1))  # the server failed
    assert not probe.has_address(b"short")


def test_a_port_answers_while_someone_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert probe.answers(f"tcp://127.0.0.1:{port}")
    assert not probe.answers(f"tcp://127.0.0.1:{port}")


def test_a_socket_file_alone_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert not probe.answers(f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert not probe.answers(f"unix://{path}")
        server.listen()
        assert probe.answers(f"unix://{path}")
