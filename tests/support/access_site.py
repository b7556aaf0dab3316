"""A recorded site where people are admitted: a real server, the real gate and the real access component."""

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from components.archive.keys import create_log_key
from components.archive.log.note import Signer
from components.rules.access.accept import accept_note, make_decision, make_request
from components.rules.access.note import encode_note, sign_statement
from components.rules.access.register import AccessRegister, AccessState
from components.settings.site import SiteFile
from components.site.parts import MAKES_ACCOUNTS
from components.site.prosody import PlannedComponent
from policy.access.statement import AccessAct, Statement
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.directory.enterprise import EnterpriseId
from tests.support.gate_process import GateProcess, gated_plan
from tests.support.process import PATIENCE_S, ProcessUnderTest, wait_until
from tests.support.server import SERVER, private_server
from tests.support.stream import XmppStream, message

ACCESS = "access.metals.example"
NOTICE = f"notice@{ACCESS}"
APPROVERS = ("erin", "frank", "gina")


class AccessSite(ProcessUnderTest):
    """One site of `metals.example`; the component is the process, and `prosody` and `gate` are beside it.

    `people` are local parts; the approvers are listed besides. `rooms` are bare JIDs.
    """

    def __init__(self, root: Path, people: Iterable[str], rooms: Iterable[str] = (), **settings: Any) -> None:
        root.mkdir(parents=True, exist_ok=True)
        super().__init__("the access component", root / "access.out")
        own = PlannedComponent(ACCESS, "the component's own secret", MAKES_ACCOUNTS)
        plan = gated_plan(
            root / "prosody", components=(own,), makes_rooms=True, first_passwords=root / "passwords"
        )
        self.prosody = private_server(plan)
        self.passwords = root / "passwords"
        self._directory = write_directory(people, rooms, plan.gate)
        self.gate = GateProcess(root / "gate", plan, self._directory)
        self.site_toml = self.gate.site_toml
        self._status_file = root / "access.status.json"
        self.keys: dict[str, Signer] = {}
        for name in APPROVERS:
            self.keys[name] = create_log_key(self.key_file(name), f"approver/{name}@metals.example")
        secret = root / "access.secret"
        secret.write_text(own.secret)
        table = {
            "jid": ACCESS,
            "secret_file": str(secret),
            "folder": str(root / "access"),
            "approvers": [str(self.key_file(name).with_suffix(".pub")) for name in APPROVERS],
            "passwords": str(self.passwords),
            "status_file": str(self._status_file),
        }
        lines = ["[access]", *(f"{key} = {json.dumps(value)}" for key, value in (table | settings).items())]
        lines += [
            "[site]",
            f'name = "Metals"\nserver = "{SERVER.name}"\nlogs = "logs"',
            "[prosody]",
            f'domains = ["metals.example"]\nroom_domains = {json.dumps(list(plan.room_domains))}',
        ]
        lines += [f"folder = {json.dumps(str(plan.root))}", 'certificates = "certs"', ""]
        self.site_toml.write_text(self.site_toml.read_text("utf-8") + "\n".join(lines), "utf-8")
        access = SiteFile(self.site_toml).access
        assert access is not None
        self.register = AccessRegister(access)

    async def __aenter__(self) -> Self:
        await self.prosody.start()
        await self.gate.start()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self, self.prosody, self.gate):
            await process.kill9()

    def key_file(self, name: str) -> Path:
        """Return where an approver's private key is."""
        return self.passwords.with_name(f"{name}.key")

    async def start(self) -> None:
        """Start the component and wait until it is connected."""
        self._status_file.unlink(missing_ok=True)
        self._launch([sys.executable, "-m", "components.access", self.site_toml])
        await self._wait_until_ready(self._is_connected)

    def status(self) -> dict[str, Any]:
        """Return what its status file says, or an empty dict while there is none."""
        try:
            status: dict[str, Any] = json.loads(self._status_file.read_bytes())
        except FileNotFoundError:
            return {}
        return status

    async def wait_for_state(self, state: str) -> None:
        """Wait until the component is `connected` or `disconnected`."""
        assert await wait_until(lambda: self.status().get("state") == state), (
            f"{self.status()}\n{self.log_tail()}"
        )

    def ask(self, person: str) -> str:
        """Ask for somebody; returns the beginning of the request's digest."""
        jid, now_s = BareJid(f"{person}@metals.example"), int(time.time())
        directory = parse_directory(self._directory)
        statement = make_request(self.register, directory, jid, jid, now_s, f"r{time.time_ns()}")
        accept_note(self.register, directory, encode_note(statement), now_s)
        return max(
            (each for each in self.register.requests(directory, now_s) if each.person == jid),
            key=lambda each: each.request.at_s if each.request else 0,
        ).digest

    def decide(self, who: str, act: AccessAct, named: str) -> None:
        """Have an approver say it, with their key."""
        directory, now_s = parse_directory(self._directory), int(time.time())
        by = BareJid(f"{who}@metals.example")
        statement = make_decision(self.register, directory, act, named, by, now_s)
        accept_note(self.register, directory, sign_statement(statement, self.keys[who]), now_s)

    def admit(self, person: str) -> None:
        """Ask for somebody and have two approve."""
        digest = self.ask(person)
        for who in [name for name in APPROVERS if name != person][:2]:
            self.decide(who, AccessAct.APPROVE, digest)

    def revoke_later(self, who: str, person: str, at_s: int) -> None:
        """Have an approver put somebody out from a time to come on, which no command would take."""
        jid, by = BareJid(f"{person}@metals.example"), BareJid(f"{who}@metals.example")
        statement = Statement(AccessAct.REVOKE, jid, EnterpriseId("metals"), by, at_s)
        self.register.folder.store(sign_statement(statement, self.keys[who]))

    def list_people(self, people: Iterable[str]) -> None:
        """Write another directory, as an operator does; it comes into force a moment later."""
        self._directory = write_directory(people, (), self.prosody.plan.gate)
        file = self.site_toml.with_name("directory.toml")
        draft = file.with_suffix(".new")
        draft.write_text(self._directory, encoding="utf-8")
        draft.replace(file)

    def standing(self) -> AccessState:
        """Judge how it stands now."""
        return self.register.judge(parse_directory(self._directory), int(time.time()))

    async def fetch_password(self, person: str) -> str:
        """Wait for the first password of a new account."""
        file = self.passwords / f"{person}@metals.example"
        assert await wait_until(file.exists), f"{self.status()}\n{self.log_tail()}"
        return file.read_text().strip()

    async def login(self, person: str, password: str) -> XmppStream:
        """Log in and become available once the gate has the admission."""
        async with asyncio.timeout(PATIENCE_S):
            stream = None
            while stream is None:
                stream = await self.try_login(person, password)
            while (await stream.request("get", "<query xmlns='jabber:iq:roster'/>")).get("type") == "error":
                pass
        stream.send("<presence/>")
        return stream

    async def try_login(self, person: str, password: str) -> XmppStream | None:
        """Log in; None while the server says that they have no access."""
        try:
            return await XmppStream.login(self.prosody.address, f"{person}@metals.example", password=password)
        except AssertionError as error:
            if "account-disabled" not in str(error):
                raise
            return None

    async def acknowledge(self, stream: XmppStream, to: str = NOTICE) -> None:
        """Answer the notice, and wait to be thanked, in the same conversation."""
        stream.send(f"<message to='{to}' type='chat'><body>Yes</body></message>")
        await stream.expect(message("Thank you. You can write to your colleagues now.", from_=to))

    async def _is_connected(self) -> bool:
        return self.status().get("state") == "connected"


def write_directory(people: Iterable[str], rooms: Iterable[str], gate: str) -> str:
    """Write the directory.toml of one enterprise with traders, approvers and rooms."""
    lines = [f'gate = "{gate}"', f'access = "{ACCESS}"', "[enterprise.metals]", 'name = "Metals Trading AG"']
    lines += ['sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]']
    for name, role in [*((name, "trader") for name in people), *((name, "approver") for name in APPROVERS)]:
        lines += ["[[enterprise.metals.person]]", f'jid = "{name}@metals.example"']
        lines += [f'name = "{name}"', f'roles = ["{role}"]']
    for room in rooms:
        lines += ["[[enterprise.metals.room]]", f'jid = "{room}"', f'name = "{room}"']
    return "\n".join((*lines, ""))
