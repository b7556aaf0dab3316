"""An export as XEP-0227 is read back by Prosody's own storage driver, message by message."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit_site import T0_NS
from tests.support.export_site import ALICE, BOB, HOSTILE, ROOM, Said, export_to, make_scene
from tests.support.prosody import server_folder

SCRIPT = Path(__file__).with_name("read_archive.lua")


@pytest.fixture
async def exported(tmp_path: Path) -> tuple[Said, Path]:
    said = await make_scene(tmp_path)
    await export_to(said.site, tmp_path / "out", "xep0227")
    return said, tmp_path / "out"


def read_archive(folder: Path, jid: str) -> list[dict[str, Any]]:
    lua = next(path for name in ("lua5.4", "lua5.3", "lua5.2", "lua") if (path := shutil.which(name)))
    user, _, host = jid.partition("@")
    command = [lua, str(SCRIPT), str(server_folder()), str(folder), host, user]
    read = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in read.stdout.splitlines()]


def test_the_server_reads_what_was_said(exported: tuple[Said, Path]) -> None:
    said, folder = exported
    id_of = said.site.id_of
    alice, bob = (read_archive(folder, jid) for jid in (ALICE, BOB))
    assert alice == [{**each, "with": BOB} for each in bob]
    messages = {each["id"]: each for each in bob}
    original = messages[id_of(said.original)]
    assert original == {
        "id": id_of(said.original),
        "at": T0_NS // 10**9,
        "with": ALICE,
        "from": f"{ALICE}/desk",
        "to": BOB,
        "body": "Selling copper at 9,412",
    }
    for number, text in enumerate(HOSTILE, said.first_hostile):
        assert messages[id_of(number)]["body"] == text
    # What was delivered, as it was delivered.
    assert messages[id_of(said.amended)]["body"] == "Call me at ***"
    assert not messages.keys() & {id_of(said.held), id_of(said.refused), id_of(said.joined)}
    assert [each["at"] for each in bob] == sorted(each["at"] for each in bob)


def test_the_server_reads_what_was_said_in_a_room(exported: tuple[Said, Path]) -> None:
    said, folder = exported
    (message,) = read_archive(folder, ROOM)
    assert (message["id"], message["body"]) == (said.site.id_of(said.in_room), "To the room")


def test_every_delivered_message_is_in_an_archive(exported: tuple[Said, Path]) -> None:
    folder = exported[1]
    accounts = [path.stem for path in folder.glob("*@*.xml")]
    read = {each["id"] for account in accounts for each in read_archive(folder, account)}
    left_out = {json.loads(line)["id"] for line in (folder / "exceptions.jsonl").read_text().splitlines()}
    assert read | left_out == set((folder / "matched.txt").read_text().split())
    assert not read & left_out
