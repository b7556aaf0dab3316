"""Tells the service manager the state of a process by `sd_notify(3)`, which systemd's `Type=notify` waits for."""

import asyncio
import contextlib
import os
import socket

ADDRESS_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLES = ("WATCHDOG_USEC", "WATCHDOG_PID")
MANAGER_VARIABLES = (ADDRESS_VARIABLE, *WATCHDOG_VARIABLES)
"""What a service manager tells the process that it started, and no other."""

_US_PER_S = 1_000_000


def notify_manager(state: str) -> None:
    """Send a state such as `READY=1`; do nothing if there is no service manager, or if it does not listen."""
    address = os.environ.get(ADDRESS_VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):  # a name in the abstract namespace begins with a zero byte
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address)


def find_watchdog_s() -> float | None:
    """Return how many seconds of silence the service manager takes for a hang (`sd_watchdog_enabled(3)`).

    None if it does not watch, or watches another process.
    """
    interval, pid = (os.environ.get(name, "") for name in WATCHDOG_VARIABLES)
    if pid not in ("", str(os.getpid())) or not interval.isascii() or not interval.isdigit():
        return None
    return int(interval) / _US_PER_S or None


async def keep_watched(watchdog_s: float) -> None:
    """Tell the service manager twice in each interval that the event loop turns, until cancelled."""
    while True:
        notify_manager("WATCHDOG=1")
        await asyncio.sleep(watchdog_s / 2)
