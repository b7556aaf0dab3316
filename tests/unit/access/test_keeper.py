"""Accounts follow admission: who is put out comes first, what fails is tried again, what was done is not done twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.access.accounts import XMLNS_COMMANDS, take_password
from components.access.form import parse_values
from components.access.keeper import AccountKeeper
from components.access.memory import AccountState, Memory
from components.access.password import PasswordFolder
from components.link.entity import NoAnswerError, XmppError
from tests.support.process import wait_until


class Server:
    """A server's administration commands, carried out on a set of accounts; `done` are those that were completed."""

    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self.done: list[tuple[str, str]] = []
        self.passwords: list[str] = []
        self.asked: list[dict[str, list[str]]] = []
        self.failures = 0
        self.refused: set[str] = set()

    async def request(
        self, to: str, payload: ET.Element, *, kind: str = "get", sender: str = "", timeout_s: float = 30.0
    ) -> ET.Element:
        assert (to, kind, sender) == ("metals.example", "set", "")
        command = payload.get("node", "").partition("#")[2]
        answer = ET.Element(f"{{{XMLNS_COMMANDS}}}command", sessionid="s1", status="executing")
        if payload.get("action") == "execute":
            if self.failures:
                self.failures -= 1
                raise NoAnswerError("gone")
            return answer
        assert payload.get("sessionid") == "s1"
        values = parse_values(payload)
        self.asked.append(values)
        answer.set("status", "completed")
        (jid,) = values.get("accountjid") or values["accountjids"]
        if jid in self.refused:
            raise XmppError("bad-request", "no such name")
        if command == "add-user":
            self.passwords += values["password"]
            if jid in self.accounts:
                ET.SubElement(
                    answer, f"{{{XMLNS_COMMANDS}}}note", type="error"
                ).text = "Account already exists"
            self.accounts.add(jid)
        elif command == "delete-user":
            self.accounts.discard(jid)
        self.done.append((command, jid))
        return answer


class Passwords(PasswordFolder):
    """Hands passwords over without a server's program."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, self._take)
        self.handed: list[str] = []

    async def _take(self, jid: str, password: str) -> None:
        assert self._draft(jid).read_text().strip() == password
        self.handed.append(jid)


class Case:
    def __init__(self, root: Path) -> None:
        self.server = Server()
        self.file = root / "access" / "done.json"
        self.passwords = Passwords(root / "passwords")
        self.begin()

    def begin(self) -> None:
        """Begin a life of the component, with what the one before left."""
        self.memory = Memory(self.file)
        self.keeper = AccountKeeper(self.server, self.memory, self.passwords)

    async def settle(self) -> None:
        assert await wait_until(lambda: self.keeper.pending == 0)


@pytest.fixture
async def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    monkeypatch.setattr("components.process.backoff.FIRST_PAUSE_S", 0.01)
    case = Case(tmp_path)
    task = asyncio.create_task(case.keeper.run())
    yield case
    task.cancel()


def jid(name: str) -> str:
    return f"{name}@metals.example"


async def test_who_is_put_out_comes_first(case: Case) -> None:
    wanted = {jid(f"new{number}"): AccountState.PRESENT for number in range(3)}
    case.keeper.want(wanted | {jid("gone"): AccountState.ABSENT, jid("late"): AccountState.SUSPENDED})
    assert case.server.done == []
    case.keeper.link_changed(connected=True)
    await case.settle()
    assert [command for command, _ in case.server.done] == [
        "delete-user",
        "end-user-session",
        *["add-user"] * 3,
    ]
    assert case.passwords.handed == list(wanted)
    files = {
        file.name: file.read_text().strip() for file in case.file.parents[1].joinpath("passwords").iterdir()
    }
    assert files.keys() == wanted.keys()
    assert not set(files.values()) & set(case.server.passwords), (
        "what crosses the line is not what is handed over"
    )


async def test_a_server_that_reads_the_password_itself_is_told_the_account_alone(case: Case) -> None:
    await take_password(case.server, jid("alice"))
    assert case.server.done == [("take-password", jid("alice"))]
    assert set(case.server.asked[-1]) == {"FORM_TYPE", "accountjid"}


async def test_an_account_that_was_there_keeps_its_password(case: Case) -> None:
    case.server.accounts.add(jid("bob"))
    case.keeper.link_changed(connected=True)
    case.keeper.want({jid("bob"): AccountState.PRESENT})
    await case.settle()
    assert case.passwords.handed == []
    assert not case.passwords.is_drafted(jid("bob"))


async def test_what_fails_is_tried_again(case: Case) -> None:
    case.server.failures = 2
    case.keeper.want({jid("bob"): AccountState.ABSENT})
    case.keeper.link_changed(connected=True)
    await case.settle()
    assert case.server.done == [("delete-user", jid("bob"))]


async def test_one_that_the_server_refuses_keeps_nobody_else_waiting(case: Case) -> None:
    case.server.refused = {jid("bad")}
    case.keeper.want({jid("bad"): AccountState.PRESENT, jid("bob"): AccountState.PRESENT})
    case.keeper.link_changed(connected=True)
    assert await wait_until(lambda: case.keeper.pending == 1)
    assert case.server.done == [("add-user", jid("bob"))]
    assert await wait_until(lambda: case.keeper.stuck == (f"{jid('bad')}: bad-request: no such name",))
    case.server.refused = set()
    await case.settle()
    assert case.keeper.stuck == ()


async def test_what_was_done_is_not_done_again(case: Case) -> None:
    case.keeper.link_changed(connected=True)
    case.keeper.want({jid("bob"): AccountState.PRESENT, jid("gone"): AccountState.ABSENT})
    await case.settle()
    assert await wait_until(case.file.exists)
    case.memory.store()
    done = len(case.server.done)
    case.begin()
    task = asyncio.create_task(case.keeper.run())
    case.keeper.want({jid("bob"): AccountState.PRESENT, jid("gone"): AccountState.PRESENT})
    case.keeper.link_changed(connected=True)
    await case.settle()
    task.cancel()
    assert case.server.done[done:] == [("add-user", jid("gone"))]


async def test_killed_before_the_password_was_set_it_is_set_the_next_time(case: Case) -> None:
    case.passwords.draft(jid("bob"))
    case.server.accounts.add(jid("bob"))
    case.keeper.link_changed(connected=True)
    case.keeper.want({jid("bob"): AccountState.PRESENT})
    await case.settle()
    assert case.passwords.handed == [jid("bob")]


@pytest.mark.parametrize("damage", ["", "{}", '{"accounts": {"a": "b"}, "recorded": {}}'])
def test_a_memory_that_is_lost_begins_anew(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "done.json"
    file.write_text(damage)
    memory = Memory(file)
    assert (memory.accounts, memory.recorded) == ({}, {})
    memory.set_recorded("a.note", "gate/7")
    memory.store()
    assert Memory(file).recorded == {"a.note": "gate/7"}
