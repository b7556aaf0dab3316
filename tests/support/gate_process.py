"""The real gate as a process of its own, beside a Prosody under test."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from components.archive.keys import (
    create_conversation_key,
    create_log_key,
    create_recipient_key,
    load_recipient_key,
)
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.process.turn import TURN_VARIABLE
from components.site.prosody import ProsodyPlan
from tests.support.process import ProcessUnderTest, wait_until
from tests.support.prosody import private_plan

GATE = "gate.metals.example"
EXAMPLE_POLICY = Path(__file__).resolve().parents[2] / "config" / "examples" / "policy.toml"
"""The rules that a new site begins with."""


class GateProcess(ProcessUnderTest):
    """One gate process, its settings, keys and log; all of them below `root`.

    `settings` are further fields of the `[gate]` table of site.toml. Start Prosody first: the gate is ready
    once it is connected.
    """

    def __init__(self, root: Path, plan: ProsodyPlan, directory: str, **settings: str | float) -> None:
        root.mkdir(parents=True, exist_ok=True)
        super().__init__("the gate", root / "gate.out")
        # What runs: a test may have a gate with a mistake.
        self.program: tuple[str, ...] = ("components.gate",)
        self.log_file = root / "gate.db"
        self.log_origin = f"{plan.gate}/log"
        self.log_key_file = root / "log-gate.key"
        self.site_toml = root / "site.toml"
        self._status_file = root / "gate.status.json"
        secret_file, self.directory_file = root / "gate.secret", root / "directory.toml"
        secret_file.write_text(plan.gate_secret)
        self.write_directory(directory)
        create_log_key(self.log_key_file, self.log_origin)
        self.auditor_key_file = root / "auditor.key"
        create_recipient_key(self.auditor_key_file, "auditor")
        create_conversation_key(root / "conversation.key")
        table: dict[str, object] = {
            "jid": plan.gate,
            "address": plan.component_address,
            "component_port": plan.component_port,
            "secret_file": secret_file,
            "directory": self.directory_file,
            "log": self.log_file,
            "log_origin": self.log_origin,
            "log_key_file": self.log_key_file,
            "status_file": self._status_file,
            "hold_timeout_s": plan.hold_timeout_s,
            "window_stanzas": plan.window_stanzas,
            "window_bytes": plan.window_bytes,
            "reconnect_max_s": 0.5,
            "canary_interval_s": 0,  # what most tests count is what they said themselves
        }
        lines = [f"{name} = {_toml(value)}" for name, value in (table | settings).items()]
        archive = [
            f"recipients = [{_toml(self.auditor_key_file.with_suffix('.pub'))}]",
            f"conversation_key_file = {_toml(root / 'conversation.key')}",
        ]
        document = "\n".join(("[gate]", *lines, "[archive]", *archive, ""))
        self.site_toml.write_text(document, encoding="utf-8")

    def add_archive_settings(self, text: str) -> None:
        """Add lines to the `[archive]` table of its site.toml, for its next start."""
        self.site_toml.write_text(self.site_toml.read_text("utf-8") + text, encoding="utf-8")

    def replace_setting(self, old: str, new: str) -> None:
        """Replace a line of its site.toml, for its next start."""
        text = self.site_toml.read_text("utf-8")
        assert old in text
        self.site_toml.write_text(text.replace(old, new), encoding="utf-8")

    def add_table(self, text: str) -> None:
        """Add a table to its site.toml, for its next start."""
        self.site_toml.write_text(f"{self.site_toml.read_text('utf-8')}\n{text}\n", encoding="utf-8")

    def write_directory(self, directory: str) -> None:
        """Put another directory in the place of its own, at once; a running gate takes it by itself."""
        written = self.directory_file.with_suffix(".new")
        written.write_text(directory, encoding="utf-8")
        written.replace(self.directory_file)

    @asynccontextmanager
    async def open_log(self) -> AsyncIterator[RecordOpener]:
        """Open its log, be it running or not, with the auditor's key."""
        async with open_sealed(self.log_file, self.log_origin, self.auditor_key_file) as opener:
            yield opener

    async def start(self) -> None:
        """Start it and wait until it is connected; raises `NotReadyError`."""
        self.launch()
        await self._wait_until_ready(self._is_connected)

    def launch(self) -> None:
        """Start it and do not wait, as when there is no server to connect to."""
        self._status_file.unlink(missing_ok=True)
        self._launch([sys.executable, "-m", *self.program, self.site_toml])

    async def hand_over(self) -> None:
        """Let a successor take its place, as `steelyard restart gate` does, and wait until that is connected."""
        ours, its = socket.socketpair()
        before = self._process
        assert before is not None
        with ours:
            with its:
                successor = self._spawn(
                    [sys.executable, "-m", *self.program, self.site_toml],
                    {TURN_VARIABLE: str(its.fileno())},
                    (its.fileno(),),
                )
            ours.setblocking(False)
            ready = await asyncio.get_running_loop().sock_recv(ours, 1)
            assert ready, f"the successor ended:\n{self.log_tail()}"
            await self.stop()
            self._process = successor
        assert await wait_until(lambda: self.status().get("pid") == successor.pid), self.log_tail()
        await self._wait_until_ready(self._is_connected)

    def status(self) -> dict[str, Any]:
        """Return what its status file says, or an empty dict while there is none."""
        try:
            status: dict[str, Any] = json.loads(self._status_file.read_bytes())
        except FileNotFoundError:
            return {}
        return status

    async def wait_for_state(self, state: str) -> None:
        """Wait until it newly writes `connected`, `disconnected` or `not recording` to its status file."""
        before = self._written_at_ns()
        if not await wait_until(
            lambda: self._written_at_ns() != before and self.status().get("state") == state
        ):
            raise AssertionError(f"the gate is {self.status()}, not {state}:\n{self.log_tail()}")

    async def change_rules(self, file: Path, text: str) -> None:
        """Write a file of its rules, and wait until they are in force."""
        before = self._rules_changed()
        file.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - the test waits for it anyway
        if not await wait_until(lambda: self._rules_changed() > before):
            raise AssertionError(f"the rules did not change:\n{self.log_tail()}")

    def _rules_changed(self) -> int:
        return self._output_file.read_text("utf-8").count('"rules changed"')

    async def wait_for_alarm(self, name: str, *, present: bool = True) -> None:
        """Wait until its status file shows an alarm, or shows it no more."""

        def is_so() -> bool:
            return (name in [alarm["name"] for alarm in self.status().get("alarms", ())]) is present

        if not await wait_until(is_so):
            raise AssertionError(f"the gate is {self.status()}:\n{self.log_tail()}")

    def _written_at_ns(self) -> int:
        try:
            return self._status_file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    async def _is_connected(self) -> bool:
        return self.status().get("state") == "connected"


@asynccontextmanager
async def open_sealed(log_file: str | Path, origin: str, key_file: Path) -> AsyncIterator[RecordOpener]:
    """Open a log with a recipient's private key."""
    reader = await LogReader.open(log_file)
    try:
        yield RecordOpener(reader, origin, [load_recipient_key(key_file)])
    finally:
        await reader.close()


def gated_plan(root: Path, **changes: Any) -> ProsodyPlan:
    """Plan a server as `private_plan` does, with the adapter; `changes` are fields of `ProsodyPlan`."""
    own = {"gate": GATE, "gate_secret": "the gate's own secret"}
    return private_plan(root, **(own | changes))


def one_enterprise(
    people: Iterable[str],
    rooms: Iterable[str] = (),
    *,
    gate: str = GATE,
    domains: Iterable[str] = ("metals.example",),
) -> str:
    """Return a `directory.toml` of one enterprise, in which these bare JIDs may all reach one another.

    Each of its `domains` is a site, whose rooms are at `rooms.<domain>`.
    """
    sites = (f"{{ domain = {_toml(domain)}, rooms = {_toml(f'rooms.{domain}')} }}" for domain in domains)
    lines = [
        f"gate = {_toml(gate)}",
        "[enterprise.metals]",
        'name = "Metals Trading AG"',
        f"sites = [{', '.join(sites)}]",
    ]
    for jid in people:
        lines += [
            "[[enterprise.metals.person]]",
            f"jid = {_toml(jid)}",
            f"name = {_toml(jid)}",
            'roles = ["trader"]',
        ]
    for jid in rooms:
        lines += ["[[enterprise.metals.room]]", f"jid = {_toml(jid)}", f"name = {_toml(jid)}"]
    return "\n".join((*lines, ""))


def _toml(value: object) -> str:
    return str(value) if isinstance(value, int | float) else json.dumps(str(value))
