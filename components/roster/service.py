"""The roster component at work: passes news from its link and from the rules' files to the keeper."""

import asyncio
from dataclasses import asdict
from xml.etree import ElementTree as ET

import structlog

from components.link.entity import EntityLink, Request, XmppError
from components.link.stream import ComponentLogin
from components.process.status import Status, read_status
from components.roster.journal import RosterJournal
from components.roster.keeper import Keeper
from components.roster.state import load_state, save_state
from components.roster.wire import QUERY, keeps_rosters
from components.rules.follow import RulesChange, RulesFollower, RulesProblems
from components.rules.load import RuleSources
from components.settings.gate import GateSettings
from components.settings.roster import RosterSettings
from components.settings.secret import read_secret
from policy.address import Domain, bare, domain_of
from policy.roster import Rosters
from policy.rules import Rules

_GATE_FOLLOWS_WITHIN_S = 10.0
_INTERVAL_S = 0.05

log = structlog.get_logger("roster")


class RosterService:
    """Connects the link, the rules and the keeper. Raises RulesError, RosterStateError and OSError at the start."""

    def __init__(
        self, settings: RosterSettings, gate: GateSettings, sources: RuleSources, journal: RosterJournal
    ) -> None:
        self.journal = journal
        self.problems: tuple[str, ...] = ()
        self._gate_status = gate.status_file
        self._to_use: asyncio.Queue[Rules] = asyncio.Queue()
        secret = read_secret(settings.secret_file)
        login = ComponentLogin(
            settings.jid, secret, gate.address, gate.component_port, settings.reconnect_max_s
        )
        self._link = EntityLink(login, on_state=self._link_changed)
        self._link.on_message(self._hear)
        self._link.serve(QUERY, self._take_push)
        self.keeper = Keeper(
            self._link,
            journal,
            load_state(settings.state_file),
            lambda state: save_state(settings.state_file, state),
            requests_per_s=settings.requests_per_s,
            requests_at_once=settings.requests_at_once,
        )
        self._follower = RulesFollower(sources)
        self._rosters = Rosters(self._follower.rules.directory)
        self.keeper.use(self._rosters)

    @property
    def state(self) -> str:
        """`connected`, `refused` if no server lets it keep rosters, or `disconnected`."""
        if not self._link.is_up:
            return "disconnected"
        return "connected" if self.keeper.hosts else "refused"

    def describe(self) -> Status:
        """Return the content of the component's status file."""
        details = {
            "domains": sorted(self.keeper.hosts),
            "waiting": self.keeper.waiting,
            "without_account": self.keeper.without_account,
            **asdict(self.keeper.counters),
            "records": self.journal.size,
            "problems": list(self.problems),
        }
        return Status(self.state, details)

    async def run(self) -> None:
        """Keep the rosters until cancelled; raises LogDamaged, LogFenced and OSError."""
        self._link.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_rules())
                tasks.create_task(self._use_rules())
                tasks.create_task(self.keeper.run())
        finally:
            await self._link.close()

    async def _follow_rules(self) -> None:
        async for news in self._follower.follow():
            match news:
                case RulesChange():
                    self._to_use.put_nowait(news.after)
                case RulesProblems():
                    self._tell(news.problems)

    async def _use_rules(self) -> None:
        """Keep the rosters by new rules after the gate has them: before, it would refuse a newcomer's first stanza."""
        while True:
            rules = await self._to_use.get()
            # A gate that is away for longer has the rules when it comes back.
            for _ in range(round(_GATE_FOLLOWS_WITHIN_S / _INTERVAL_S)):
                if not self._to_use.empty() or await self._gate_decides_by(rules):
                    break
                await asyncio.sleep(_INTERVAL_S)
            if self._to_use.empty():
                self._rosters = Rosters(rules.directory, self._rosters)
                self.keeper.use(self._rosters)

    async def _gate_decides_by(self, rules: Rules) -> bool:
        status, _fault = await asyncio.to_thread(read_status, self._gate_status)
        return status.get("rules") == rules.digest

    def _tell(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        if problems:
            log.error("rules not taken as a whole", problems=problems)

    def _link_changed(self, connected: bool) -> None:
        log.info("connected" if connected else "disconnected")
        self.keeper.link_changed(connected)

    def _hear(self, message: ET.Element) -> None:
        """Take the privileges that a server grants (XEP-0356, 4.2), which it announces whenever we connect."""
        sender = message.get("from", "")
        granted = keeps_rosters(message)
        if granted is not None and sender == domain_of(sender):
            self.keeper.granted(Domain(sender), granted)

    async def _take_push(self, request: Request) -> None:
        """Take a change that another party made to a roster (XEP-0356, 4.4)."""
        owner = bare(request.sender)
        if request.kind != "set" or request.sender != owner:
            raise XmppError("not-allowed", "Your roster is kept by your enterprise.")
        self.keeper.changed(owner)
