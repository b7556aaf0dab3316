"""A recorded site whose rosters are kept: a real server with the adapter, the real gate and the roster component."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from components.archive.keys import create_log_key
from components.site.parts import KEEPS_ROSTERS
from components.site.prosody import PlannedComponent, ProsodyPlan
from policy.address import domain_of
from tests.support.gate_process import GateProcess, gated_plan
from tests.support.process import PATIENCE_S, ProcessUnderTest, wait_until
from tests.support.server import private_server
from tests.support.stream import Element, XmppStream

ROSTER = "{jabber:iq:roster}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A person of a directory under test; people of one `firm` may reach each other."""

    name: str
    desk: str = ""
    firm: str = "metals"


People = Mapping[str, Listed]


class RosterProcess(ProcessUnderTest):
    """One roster component, its settings beside the gate's; `settings` are further fields of its table."""

    def __init__(self, root: Path, own: PlannedComponent, site_toml: Path, **settings: float) -> None:
        root.mkdir(parents=True, exist_ok=True)
        super().__init__("the roster component", root / "roster.out")
        self.log_file = root / "roster.db"
        self.log_origin = f"{own.jid}/log"
        self.state_file = root / "state.json"
        self._status_file = root / "status.json"
        self._site_toml = site_toml
        secret, key = root / "roster.secret", root / "log-roster.key"
        secret.write_text(own.secret)
        create_log_key(key, self.log_origin)
        table: dict[str, object] = {
            "jid": own.jid,
            "secret_file": str(secret),
            "log": str(self.log_file),
            "log_origin": self.log_origin,
            "log_key_file": str(key),
            "state_file": str(self.state_file),
            "status_file": str(self._status_file),
            "reconnect_max_s": 0.5,
        }
        lines = (f"{name} = {json.dumps(value)}" for name, value in (table | settings).items())
        site_toml.write_text(site_toml.read_text("utf-8") + "\n".join(("[roster]", *lines, "")), "utf-8")

    async def start(self) -> None:
        """Start it and wait until it has looked at every roster."""
        self.launch()
        await self._wait_until_ready(self._is_done)

    def launch(self) -> None:
        """Start it and do not wait."""
        self._status_file.unlink(missing_ok=True)
        self._launch([sys.executable, "-m", "components.roster", self._site_toml])

    def status(self) -> dict[str, Any]:
        """Return what its status file says, or an empty dict while there is none."""
        try:
            status: dict[str, Any] = json.loads(self._status_file.read_bytes())
        except FileNotFoundError:
            return {}
        return status

    async def settle(self) -> None:
        """Wait until it has nothing more to look at."""
        before = self._status_file.stat().st_mtime_ns
        done = await wait_until(
            lambda: self._status_file.stat().st_mtime_ns != before and self.status()["waiting"] == 0
        )
        assert done, f"it is {self.status()}:\n{self.log_tail()}"

    async def _is_done(self) -> bool:
        status = self.status()
        return status.get("state") == "connected" and status["waiting"] == 0


class RosterSite:
    """One site; `people` are those of all sites, and those at its `domains` have accounts here.

    `settings` are further fields of the roster component's table, `changes` those of `ProsodyPlan`.
    """

    def __init__(
        self, root: Path, people: People, *, settings: Mapping[str, float] | None = None, **changes: Any
    ) -> None:
        domains = changes.get("domains", ("metals.example",))
        own = PlannedComponent(f"roster.{domains[0]}", "the roster's own secret", KEEPS_ROSTERS)
        peers = changes.pop("peers", None)
        plan = gated_plan(root / "prosody", **({"components": (own,)} | changes))
        self.plan = plan
        self.prosody = private_server(plan, peers=peers)
        self.gate = GateProcess(root / "gate", plan, write_directory(plan, people))
        self.roster = RosterProcess(root / "roster", own, root / "gate" / "site.toml", **(settings or {}))
        self._directory = root / "gate" / "directory.toml"
        self.register(people)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill9()

    async def start(self) -> None:
        """Start all of it, one after the other."""
        await self.prosody.start()
        await self.gate.start()
        await self.roster.start()

    async def kill9(self) -> None:
        """End all of it."""
        for process in (self.roster, self.prosody, self.gate):
            await process.kill9()

    def register(self, people: Iterable[str]) -> None:
        """Make accounts for those of these people who are at this site."""
        self.prosody.register(*(jid for jid in people if domain_of(jid) in self.plan.domains))

    def list_people(self, people: People) -> None:
        """Write another directory, as an operator does; it comes into force a moment later."""
        draft = self._directory.with_suffix(".new")
        draft.write_text(write_directory(self.plan, people), "utf-8")
        draft.replace(self._directory)

    async def login(self, jid: str, tls: Any = None) -> XmppStream:
        """Log in, fetch the roster as soon as the gate knows who that is, and become available."""
        stream = await XmppStream.login(self.prosody.address, jid, tls=tls)
        async with asyncio.timeout(PATIENCE_S):
            while (await stream.request("get", "<query xmlns='jabber:iq:roster'/>")).get("type") == "error":
                pass
        await stream.come_online()
        return stream


async def fetch_roster(stream: XmppStream) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return the roster as the server gives it: name, subscription and groups by JID."""
    answer = await stream.request("get", "<query xmlns='jabber:iq:roster'/>")
    assert answer.get("type") == "result"
    return {item.get("jid", ""): _read(item) for item in answer.iter(f"{ROSTER}item")}


def is_push(jid: str, subscription: str = "") -> Any:
    """Match a roster push (RFC 6121, 2.1.6) of this contact."""

    def matches(element: Element) -> bool:
        item = element.find(f"{ROSTER}query/{ROSTER}item")
        if element.get("type") != "set" or item is None or item.get("jid") != jid:
            return False
        return not subscription or item.get("subscription") == subscription

    return matches


def is_presence(sender: str, type_: str | None = None) -> Any:
    """Match presence of this full or bare JID; without a type it is available."""
    return lambda element: (
        element.tag == "{jabber:client}presence"
        and element.get("type") == type_
        and (element.get("from") == sender or element.get("from", "").partition("/")[0] == sender)
    )


def write_directory(plan: ProsodyPlan, people: People) -> str:
    """Write the directory.toml of a site: its own components, and everybody at all sites."""
    lines = [f'gate = "{plan.gate}"', f'roster = "{plan.components[0].jid}"']
    for firm in sorted({person.firm for person in people.values()}):
        members = {jid: person for jid, person in people.items() if person.firm == firm}
        sites = sorted({domain_of(jid) for jid in members})
        rows = ", ".join(f'{{ domain = "{site}", rooms = "rooms.{site}" }}' for site in sites)
        lines += [f"[enterprise.{firm}]", f'name = "{firm}"', f"sites = [{rows}]"]
        for desk in sorted({person.desk for person in members.values()} - {""}):
            lines += [f"[[enterprise.{firm}.desk]]", f'id = "{desk_id(desk)}"', f"name = {json.dumps(desk)}"]
        for jid, person in members.items():
            lines += [f"[[enterprise.{firm}.person]]", f'jid = "{jid}"', f"name = {json.dumps(person.name)}"]
            lines += ['roles = ["trader"]']
            lines += [f'desk = "{desk_id(person.desk)}"'] if person.desk else []
    return "\n".join((*lines, ""))


def desk_id(name: str) -> str:
    """Return an id for a desk's name."""
    return "".join(char if char.isalnum() else "-" for char in name.lower())


def _read(item: Element) -> tuple[str, str, tuple[str, ...]]:
    groups = tuple(sorted(group.text or "" for group in item.iter(f"{ROSTER}group")))
    return item.get("name", ""), item.get("subscription", ""), groups
