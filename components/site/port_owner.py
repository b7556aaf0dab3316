"""Who listens on a port of this machine, and who may, as the kernel says (proc(5), /proc/net/tcp; ip(7))."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENS = "0A"
_FOR_ALL_FROM = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def find_owner(port: int) -> str:
    """Return the program that listens on a port, with its number; nothing of another user's, if we are not root."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    if not sockets:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if not sockets.isdisjoint(_open_files(process)):
                return f"{_name(process)} (process {process.name})"
    return ""


def is_listened_to(port: int) -> bool:
    """Return whether any program listens on a port, at any address."""
    return any(True for _ in _listening(port))


def first_port_for_all() -> int:
    """Return the first port that others than root may listen on."""
    with suppress(OSError, ValueError):
        return int(_FOR_ALL_FROM.read_text())
    return 1024


def _listening(port: int) -> Iterator[str]:
    """Yield the inode of each socket that listens on a port, at any address."""
    for table in _TABLES:
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                local, state, inode = (fields := line.split())[1], fields[3], fields[9]
                if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                    yield inode


def _open_files(process: Path) -> Iterator[str]:
    for file in (process / "fd").iterdir():
        with suppress(OSError):  # closed since
            yield str(file.readlink())


def _name(process: Path) -> str:
    """Return what a program calls itself, which may be any 15 bytes, as one line that no terminal obeys."""
    name = (process / "comm").read_bytes().decode(errors="replace").removesuffix("\n")
    return "".join(character if character.isprintable() else "?" for character in name)
