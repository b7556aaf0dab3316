"""Tells the service manager how a process is: `sd_notify(3)`, which systemd's `Type=notify` waits for."""

import contextlib
import os
import socket

ADDRESS_VARIABLE = "NOTIFY_SOCKET"


def notify_manager(state: str) -> None:
    """Send a state such as `READY=1`; does nothing without a service manager, or when it does not listen."""
    address = os.environ.get(ADDRESS_VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):  # a name in the abstract namespace, of which a zero byte is the first
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address)
