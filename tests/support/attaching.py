"""What is done on a server that Steelyard is attached to, whichever server that is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run_command
from tests.support.stream import XmppStream


def read_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what a command has printed since this was asked last."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


async def make_room(stream: XmppStream, room: str, fields: str = "") -> None:
    """Join a room that is not there, and configure it with these fields of a form."""
    stream.send(f"<presence to='{room}/Alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await stream.expect(lambda stanza: stanza.get("from") == f"{room}/Alice")
    form = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"
    answer = await stream.request(
        "set", f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>", to=room
    )
    assert answer.get("type") == "result"


async def search(site: Path, capsys: pytest.CaptureFixture[str], query: str) -> list[str]:
    """Return what the records that a query finds said."""
    # A command has an event loop of its own.
    assert await asyncio.to_thread(run_command, "audit", "search", query, "--site", site, "--json") == 0
    return sorted(hit["text"] for hit in read_json(capsys)["records"])
