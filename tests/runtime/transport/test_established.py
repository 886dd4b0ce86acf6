"""How many connections a port has, as the kernel tells."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from frazil_runtime.transport.established import established

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"
TABLES: dict[str, tuple[str, int]] = {
    "one connection": ("   0: 0100007F:2328 0100007F:C350 01 00000000:00000000\n", 1),
    "the listener is none": ("   0: 00000000:2328 00000000:0000 0A 00000000:00000000\n", 0),
    "nor is one that has ended": ("   0: 0100007F:2328 0100007F:C350 06 00000000:00000000\n", 0),
    "nor is our own to such a port": ("   0: 0100007F:C350 0100007F:2328 01 00000000:0\n", 0),
    "nor is one to another port": ("   0: 0100007F:2329 0100007F:C350 01 00000000:0\n", 0),
    "a line that is cut off": ("   0: 0100007F:2328\n", 0),
    "nothing at all": ("", 0),
}


@pytest.mark.parametrize(("lines", "count"), TABLES.values(), ids=TABLES)
def test_what_a_table_tells(tmp_path: Path, lines: str, count: int) -> None:
    (tmp_path / "tcp").write_text(HEAD + lines)
    assert established(9000, (tmp_path / "tcp", tmp_path / "tcp6")) == count


def test_a_connection_counts_from_its_beginning_to_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert established(port) == 0
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            assert established(port) == 1
            client.close()
        assert established(port) == 0
