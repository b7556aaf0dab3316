"""Who has a port is told by the kernel's own tables: for each family of addresses, and for listeners alone."""

import os
import socket
from pathlib import Path

import pytest

from components.site import port_owner
from components.site.port_owner import find_owner

SELF = f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"


@pytest.mark.parametrize(
    ("address", "family"),
    [("127.0.0.1", socket.AF_INET), ("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)],
)
def test_a_listener_is_named(address: str, family: socket.AddressFamily) -> None:
    with socket.create_server((address, 0), family=family) as listener:
        assert find_owner(listener.getsockname()[1]) == SELF


def test_a_port_without_a_listener_has_no_owner() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert find_owner(bound.getsockname()[1]) == ""


def test_what_nobody_may_see_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is with another user's process: the kernel shows that somebody listens, and not whose files these are."""

    def deny(_process: Path) -> list[Path]:
        raise PermissionError

    monkeypatch.setattr(port_owner, "_open_files", deny)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert find_owner(listener.getsockname()[1]) == ""


def test_a_system_without_these_tables_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(port_owner, "_TABLES", (str(tmp_path / "tcp"),))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert find_owner(listener.getsockname()[1]) == ""
