"""A process that takes another's place says that it is ready, and waits; one that is alone does not."""

import asyncio
import os
import socket

import pytest

from components.process.turn import TURN_VARIABLE, wait_for_turn


async def test_one_that_is_alone_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TURN_VARIABLE, raising=False)
    await wait_for_turn()


async def test_it_says_that_it_is_ready_and_waits_until_the_other_end_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, its = socket.socketpair()
    ours.setblocking(False)
    monkeypatch.setenv(TURN_VARIABLE, str(its.detach()))
    waiting = asyncio.create_task(wait_for_turn())
    assert await asyncio.get_running_loop().sock_recv(ours, 10) == b"\n"
    assert TURN_VARIABLE not in os.environ  # what it starts itself has no turn
    assert not waiting.done()
    ours.close()
    await waiting


async def test_one_that_is_told_to_stop_while_it_waits_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, its = socket.socketpair()
    number = its.detach()
    monkeypatch.setenv(TURN_VARIABLE, str(number))
    waiting = asyncio.create_task(wait_for_turn())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    ours.close()
