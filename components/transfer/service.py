"""The transfer component at work: slots over its link, files over HTTP, rules as they change."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from xml.etree import ElementTree as ET

import structlog

from components.archive.alarm import Alarms
from components.link.entity import XMLNS_DISCO_INFO, XMLNS_DISCO_ITEMS, EntityLink, Request, XmppError
from components.link.stream import ComponentLogin
from components.process.status import Status
from components.rules.file_links import ID_SIZE_BYTES, FileLink, FileLinks
from components.rules.follow import RulesChange, RulesFollower, RulesProblems
from components.settings.gate import GateSettings
from components.settings.secret import read_secret
from components.settings.transfer import TransferSettings
from components.transfer.day_use import DAY_S
from components.transfer.deciding import FileDecider
from components.transfer.journal import FileJournal
from components.transfer.slots import (
    NS,
    Slot,
    encode_info,
    encode_slot,
    parse_request,
    refusal_error,
)
from components.transfer.state import Upload, UploadStore
from policy.address import BareJid, bare
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId
from policy.files.slot import SlotRequest, decide_slot

log = structlog.get_logger("transfer")

_NOT_ADMITTED = "Files are taken from people who are admitted to this line."


@dataclass(slots=True)
class Counters:
    """What the component has done since it started."""

    slots: int = 0
    refused_slots: int = 0


class SlotService:
    """Gives slots to people who are admitted, as policy decides (XEP-0363, 4 and 5).

    `clock_s` gives Unix time.
    """

    def __init__(
        self,
        settings: TransferSettings,
        links: FileLinks,
        uploads: UploadStore,
        directory: Directory,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self.counters = Counters()
        self._settings = settings
        self._limits = settings.limits.for_slots
        self._links = links
        self._uploads = uploads
        self._clock_s = clock_s
        # What one request is given counts before the next is decided.
        self._turn = asyncio.Lock()

    def is_admitted(self, owner: str) -> bool:
        """Return whether somebody may use the line now."""
        return BareJid(owner) in self.directory.people

    async def give(self, request: Request) -> ET.Element:
        """Give a slot, or raise the XmppError that says why there is none."""
        owner, now_s = bare(request.sender), int(self._clock_s())
        enterprise = self.directory.find_enterprise(owner)
        if enterprise is None or not self.is_admitted(owner):
            raise XmppError("forbidden", _NOT_ADMITTED, "auth")
        asked = parse_request(request.payload)
        async with self._turn:
            return await self._give(owner, enterprise, asked, now_s)

    async def _give(
        self, owner: BareJid, enterprise: EnterpriseId, asked: SlotRequest, now_s: int
    ) -> ET.Element:
        usage = await self._uploads.usage(owner, enterprise, now_s)
        if refusal := decide_slot(asked, self._limits, usage, now_s):
            self.counters.refused_slots += 1
            raise refusal_error(refusal)
        until_s = self._available_until(asked, now_s)
        upload = Upload(
            secrets.token_bytes(ID_SIZE_BYTES),
            owner,
            enterprise,
            asked.name,
            asked.media_type,
            asked.size_bytes,
            asked.purpose,
            now_s,
            now_s + int(self._settings.slot_lifetime_s),
            until_s,
        )
        self._uploads.issue(upload)
        self.counters.slots += 1
        url = self._links.make(FileLink(upload.id, owner, until_s), asked.name)
        return encode_slot(Slot(url, self._links.authorization(upload.id)))

    def _available_until(self, asked: SlotRequest, now_s: int) -> int:
        until_s = now_s + self._settings.kept_available_days * DAY_S
        return min(until_s, asked.expire_before_s) if asked.expire_before_s is not None else until_s


class TransferService:
    """Connects the link, the rules and the slots. Raises RulesError and OSError to begin with."""

    def __init__(
        self,
        settings: TransferSettings,
        gate: GateSettings,
        follower: RulesFollower,
        slots: SlotService,
        decider: FileDecider,
        journal: FileJournal,
        alarms: Alarms,
    ) -> None:
        self.problems: tuple[str, ...] = ()
        self.slots = slots
        self._decider = decider
        self.journal = journal
        self._alarms = alarms
        self._follower = follower
        self._max_bytes = settings.limits.for_slots.file_bytes
        secret = read_secret(settings.secret_file)
        login = ComponentLogin(
            settings.jid, secret, gate.address, gate.component_port, settings.reconnect_max_s
        )
        self._link = EntityLink(login, on_state=_tell_state)
        self._link.serve(f"{{{NS}}}request", self._take_request)
        self._link.serve(f"{{{XMLNS_DISCO_INFO}}}query", self._tell_info)
        self._link.serve(f"{{{XMLNS_DISCO_ITEMS}}}query", _tell_no_items)

    @property
    def is_connected(self) -> bool:
        """Whether the server has accepted the component."""
        return self._link.is_up

    def describe(self) -> Status:
        """Return what the component's status file says."""
        state = "connected" if self.is_connected else "disconnected"
        details = {
            **asdict(self.slots.counters),
            "records": self.journal.size,
            "problems": list(self.problems),
            "alarms": self._alarms.present(),
        }
        return Status(state, details)

    async def run(self) -> None:
        """Give slots until cancelled; raises LogDamaged, LogFenced and OSError."""
        self._link.open()
        try:
            async for news in self._follower.follow():
                match news:
                    case RulesChange():
                        self.slots.directory = news.after.directory
                        self._decider.use(news.after)
                    case RulesProblems():
                        self.problems = news.problems
                        if news.problems:
                            log.error("rules not taken as a whole", problems=news.problems)
        finally:
            await self._link.close()

    async def _take_request(self, request: Request) -> ET.Element:
        if request.kind != "get":
            raise XmppError("bad-request", "A slot is asked for by a request of type get.", "modify")
        return await self.slots.give(request)

    async def _tell_info(self, request: Request) -> ET.Element:
        if request.kind != "get" or request.payload.get("node"):
            raise XmppError("item-not-found")
        return encode_info(self._max_bytes)


async def _tell_no_items(_request: Request) -> ET.Element:
    return ET.Element(f"{{{XMLNS_DISCO_ITEMS}}}query")


def _tell_state(connected: bool) -> None:
    log.info("connected" if connected else "disconnected")
