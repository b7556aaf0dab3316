"""The access component at work: follows statements, keeps accounts, tells people, and has everything recorded."""

import asyncio
import contextlib
import time
from xml.etree import ElementTree as ET

import structlog

from components.access.accounts import take_password
from components.access.acknowledge import COMMAND as ACKNOWLEDGE
from components.access.acknowledge import NAME as ACKNOWLEDGE_NAME
from components.access.acknowledge import Acknowledging, Standing
from components.access.adhoc import NODE
from components.access.adhoc import XMLNS as XMLNS_COMMANDS
from components.access.commands import AccessCommands
from components.access.discovery import Discovery
from components.access.keeper import AccountKeeper
from components.access.memory import MEMORY, AccountState, Memory
from components.access.notice import (
    describe_duties,
    describe_login,
    make_message,
    read_body,
    read_receipt,
)
from components.access.password import PasswordFolder, set_by_prosodyctl
from components.access.rooms import RoomNotices
from components.link.entity import XMLNS_DISCO_INFO, XMLNS_DISCO_ITEMS, EntityLink, Request
from components.link.stream import ComponentLogin
from components.process.status import Status
from components.rules.access.accept import enterprise_of_approver
from components.rules.access.folder import GrantsError
from components.rules.access.register import AccessRegister
from components.rules.fingerprint import fingerprint_file
from components.rules.load import parse_site_directory
from components.settings.access import AccessSettings
from components.settings.site import SiteFile
from policy.access.admission import AdmissionState
from policy.address import bare, domain_of, notice_address
from policy.directory.directory import DirectoryError
from policy.directory.enterprise import EnterpriseId, Room

_INTERVAL_S = 0.2
_RECORD_PACK = 50
XMLNS_ACCESS = "urn:steelyard:access:0"

log = structlog.get_logger("access")


class AccessService:
    """The admission of one site. Raises GrantsError, DirectoryError or OSError if its first read fails."""

    def __init__(self, site: SiteFile, secret: str) -> None:
        self._site = site
        self._access = site.require(AccessSettings)
        self._register = AccessRegister(self._access)
        self._memory = Memory(self._access.folder / MEMORY)
        login = ComponentLogin(self._access.jid, secret, site.gate.address, site.gate.component_port)
        self.link = EntityLink(login, on_state=self._link_changed)
        passwords = PasswordFolder(self._access.passwords, self._set_password)
        self.keeper = AccountKeeper(self.link, self._memory, passwords)
        self._wake = asyncio.Event()
        self._rooms = RoomNotices(self.link)
        self._sent: set[str] = set()
        self._state = self._read()
        self._acknowledging = Acknowledging(
            self._register, self._access.notice, lambda: self._state, self.link.send
        )
        self._serve()

    def describe(self) -> Status:
        """Return the content of the component's status file."""
        details = {
            "admitted": len(self._state.access.admitted),
            "pending_accounts": self.keeper.pending,
            "stuck": [*self.keeper.stuck, *self._rooms.stuck],
        }
        return Status("connected" if self.link.is_up else "disconnected", details)

    async def run(self) -> None:
        """Follow the files and the time until cancelled; a file that cannot be read changes nothing."""
        seen: tuple[object, ...] = ()
        due_s: int | None = 0
        while True:
            now = self._fingerprint()
            if now != seen or (due_s is not None and time.time() >= due_s):
                seen = now
                due_s = await self._refresh()
            self._record_news()
            self._memory.store()
            await asyncio.sleep(_INTERVAL_S)

    async def describe_rooms(self) -> None:
        """Put the notice into every room of this server that lacks it, until cancelled."""
        while True:
            pause_s = (
                await self._rooms.put(self._rooms_here(), self._access.notice) if self.link.is_up else None
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            self._wake.clear()

    async def _set_password(self, jid: str, password: str) -> None:
        if self._site.site.server == "ejabberd":
            await take_password(self.link, jid)
        else:
            await set_by_prosodyctl(self._site.prosody.config_file, jid, password)

    def _rooms_here(self) -> list[Room]:
        here = self._site.prosody.room_domains
        firms = self._state.directory.enterprises
        return [room for firm in firms for room in firm.rooms if domain_of(room.jid) in here]

    def _serve(self) -> None:
        commands = AccessCommands(self._register, lambda: self._state.directory, lambda: None)

        def find_commands(jid: str) -> dict[str, str]:
            asked = {f"{NODE}{ACKNOWLEDGE}": ACKNOWLEDGE_NAME} if self._acknowledging.is_asked(jid) else {}
            return asked | commands.offers(jid)

        async def handle(request: Request) -> ET.Element:
            is_answer = request.payload.get("node") == f"{NODE}{ACKNOWLEDGE}"
            return await (self._acknowledging.handle if is_answer else commands.handle)(request)

        discovery = Discovery(find_commands)
        self.link.serve(f"{{{XMLNS_COMMANDS}}}command", handle)
        self.link.serve(f"{{{XMLNS_DISCO_INFO}}}query", discovery.answer_info)
        self.link.serve(f"{{{XMLNS_DISCO_ITEMS}}}query", discovery.answer_items)
        self.link.on_message(self._take_message)

    def _read(self) -> Standing:
        file = self._site.gate.directory_file
        directory = parse_site_directory(file.name, file.read_text(encoding="utf-8")).directory
        return Standing(directory, self._register.judge(directory, int(time.time())))

    def _fingerprint(self) -> tuple[object, ...]:
        directory = fingerprint_file(self._site.gate.directory_file)
        return (*directory, *self._register.folder.fingerprint()) if directory else ()

    async def _refresh(self) -> int | None:
        """Read everything again, start what follows from it, and return when to read again without any change."""
        try:
            self._state = await asyncio.to_thread(self._read)
        except (GrantsError, DirectoryError, OSError, UnicodeDecodeError) as error:
            log.error("not taken", reason=str(error))
            return None
        self.keeper.want(self._wanted_accounts())
        self._wake.set()
        return self._state.access.next_change_s

    def _wanted_accounts(self) -> dict[str, AccountState]:
        """Return the wanted state of this server's accounts, without those that no statement is about."""
        standing, wanted = self._state.access, {}
        for jid, admission in standing.admissions.items():
            if domain_of(jid) not in self._site.prosody.domains:
                continue
            if jid in standing.admitted and jid in self._state.directory.people:
                wanted[str(jid)] = AccountState.PRESENT
            elif admission.state is AdmissionState.REVOKED:
                wanted[str(jid)] = AccountState.ABSENT
            elif jid in self._memory.accounts:
                wanted[str(jid)] = AccountState.SUSPENDED
        return wanted

    def _link_changed(self, connected: bool) -> None:
        log.info("connected" if connected else "disconnected")
        self.keeper.link_changed(connected=connected)
        if connected:
            # The server may be another one than before, and its rooms new.
            self._rooms.forget()
            self._wake.set()

    def _record_news(self) -> None:
        """Send statements that are not recorded yet to ourselves, so that the gate records them.

        They come back with the gate's receipt. Those that do not come back are sent again after the next connection.
        """
        if not self.link.is_up:
            self._sent.clear()
            return
        news = sorted(self._register.folder.known() - self._memory.recorded.keys() - self._sent)
        for name in news[:_RECORD_PACK]:
            note = (self._access.folder / name).read_text(encoding="utf-8")
            if self.link.send(make_message(self._access.jid, self._access.jid, note, name)):
                self._sent.add(name)

    def _tell(self, session: str) -> None:
        """Send the notice to a session that has just come online."""
        sender = notice_address(self._access.jid)
        if self._acknowledging.is_asked(session):
            self._acknowledging.ask(sender, session)
        elif bare(session) in self._state.access.admitted:
            admissions, enterprise = self._state.access.admissions.values(), self._enterprise_for(session)
            duties = describe_duties(admissions, enterprise, time.time())
            body = describe_login(self._access.notice, duties, observes=self._site.gate.observes)
            self.link.send(make_message(sender, session, body))

    def _enterprise_for(self, jid: str) -> EnterpriseId | None:
        """Return the enterprise that a person approves for, or None."""
        return enterprise_of_approver(self._register, self._state.directory, bare(jid))

    def _take_message(self, message: ET.Element) -> None:
        sender, body = message.get("from", ""), read_body(message)
        receipt = read_receipt(message, self._site.gate.jid)
        if sender == self._access.jid:
            if message.get("type") != "error" and receipt:
                self._memory.set_recorded(message.get("id", ""), receipt)
        elif sender in self._site.prosody.domains:
            # Only our own server sends from its domain.
            online = message.find(f"{{{XMLNS_ACCESS}}}online")
            if online is not None:
                self._tell(online.get("jid", ""))
        elif body:
            self._acknowledging.take_answer(sender, bare(message.get("to", "")), body, receipt)
