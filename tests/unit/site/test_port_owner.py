"""Who has a port is told by the kernel's own tables: for each family of addresses, and for listeners alone."""

import os
import re
import socket
from pathlib import Path

import pytest

from components.site import port_owner
from components.site.port_owner import find_owner

COMM = Path("/proc/self/comm")


def ourselves() -> str:
    """Name this process, as it is called now: a runner of tests may call it otherwise with each test."""
    return f"{COMM.read_text().removesuffix(chr(10))} (process {os.getpid()})"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_listener_is_named(address: str) -> None:
    with socket.create_server((address, 0)) as listener:
        assert find_owner(listener.getsockname()[1]) == ourselves()


def test_one_at_an_address_of_ipv6_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where the machine has no such address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        table = tmp_path / "tcp6"
        table.write_text(re.sub(r"\b[0-9A-F]{8}:", f"{0:032X}:", Path("/proc/net/tcp").read_text()))
        monkeypatch.setattr(port_owner, "_TABLES", (str(table),))
        assert find_owner(listener.getsockname()[1]) == ourselves()


def test_a_port_without_a_listener_has_no_owner() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert find_owner(bound.getsockname()[1]) == ""


def test_a_file_that_is_closed_meanwhile_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.readlink

    def closed(file: Path) -> str:
        if not (target := read(file)).startswith("socket:["):
            raise FileNotFoundError
        return target

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(os, "readlink", closed)
        assert find_owner(listener.getsockname()[1]) == ourselves()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (b"a\x1b[31mb\nc", "a?[31mb?c"),
        ("\u202egnp".encode(), "?gnp"),
        # Cut by the kernel in the middle of a character.
        ("abcd服务器程序".encode(), "abcd服务器�"),
    ],
)
def test_a_name_that_is_no_text_is_one_line_that_no_terminal_obeys(name: bytes, told: str) -> None:
    before = COMM.read_bytes()
    COMM.write_bytes(name)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            assert find_owner(listener.getsockname()[1]) == f"{told} (process {os.getpid()})"
    finally:
        COMM.write_bytes(before.removesuffix(b"\n"))


def test_what_nobody_may_see_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is with another user's process: the kernel shows that somebody listens, and not whose files these are."""

    def deny(_process: Path) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(port_owner, "_open_files", deny)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert find_owner(listener.getsockname()[1]) == ""


def test_a_system_without_these_tables_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(port_owner, "_TABLES", (str(tmp_path / "tcp"),))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert find_owner(listener.getsockname()[1]) == ""
