"""A process that takes another's place: it makes all ready, and waits until that one has ended.

Who starts it (`components/site/hand_over.py`) hands it one end of a socket, whose number the environment names.
"""

import asyncio
import os
import socket

TURN_VARIABLE = "STEELYARD_TURN"


async def wait_for_turn() -> None:
    """Say that all is ready, and return when the process that was here before has ended; at once if there was none."""
    number = os.environ.pop(TURN_VARIABLE, "")
    if not number:
        return
    loop = asyncio.get_running_loop()
    with socket.socket(fileno=int(number)) as told:
        told.setblocking(False)
        await loop.sock_sendall(told, b"\n")
        # The other end is closed then.
        await loop.sock_recv(told, 1)
