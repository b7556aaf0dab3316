"""Tells the service manager the state of a process by `sd_notify(3)`, which systemd's `Type=notify` waits for."""

import contextlib
import os
import socket

ADDRESS_VARIABLE = "NOTIFY_SOCKET"


def notify_manager(state: str) -> None:
    """Send a state such as `READY=1`; do nothing if there is no service manager, or if it does not listen."""
    address = os.environ.get(ADDRESS_VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):  # a name in the abstract namespace begins with a zero byte
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address)
