"""The line of one run: a real Prosody with two enterprises, the real gate, and whatever can break between them."""

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from components.site.prosody import ProsodyPlan
from tests.soak.history import ServerEnd
from tests.soak.people import Journal, Person
from tests.soak.plan import COUNTS, IN_ROOM, OTHER_SITE, ROOM, SITE, STRANGER, Fault, Plan
from tests.support.bad_network import BadNetwork
from tests.support.console import CONSOLE_MODULES, Console
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.observer import MODULES_UNDER_LOAD
from tests.support.prosody import ProsodyServer

HOLD_TIMEOUT_S = 1.0
SLOW_S = 0.02

_OTHER_ENTERPRISE = f"""\
[enterprise.grain]
name = "Grain"
sites = [{{ domain = "{OTHER_SITE}", rooms = "rooms.{OTHER_SITE}" }}]
[[enterprise.grain.person]]
jid = "{STRANGER}@{OTHER_SITE}"
name = "{STRANGER}"
roles = ["trader"]
"""


class SoakLine:
    """One line under test, below `root`, and its people; `plan` says whether there is a wire that may break."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.journal = Journal()
        self.server_ends: list[ServerEnd] = []
        self._needs_wire = plan.needs_wire
        self._stack = AsyncExitStack()
        self._root = root
        self._plan = _server_plan(root / "prosody")
        self.server = ProsodyServer(self._plan, options={"smacks_hibernation_time": "30"})
        self.people = {
            name: Person(name, counts, self.server.address, self.journal, name in IN_ROOM)
            for name, counts in COUNTS.items()
        }
        accounts = [each.jid for each in self.people.values()]
        self.server.register(*accounts)
        ours = [each for each in accounts if each.endswith(f"@{SITE}")]
        for jid in ours[1:]:
            self.server.befriend(ours[0], jid)
        self._directory = one_enterprise(ours, [ROOM]) + _OTHER_ENTERPRISE

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        port = self._plan.component_port
        if self._needs_wire:
            self.wire = await self._stack.enter_async_context(BadNetwork(port))
            port = self.wire.port
        self.gate = GateProcess(
            *(self._root / "gate", self._plan, self._directory), component_port=port, canary_interval_s=0.5
        )
        self.gate.program = ("tests.soak.gate",)
        self._stack.push_async_callback(self.gate.kill9)
        self._stack.push_async_callback(self.server.kill9)
        await self.server.start()
        await self.gate.start()

    async def break_something(self, fault: Fault) -> None:
        """Break what a plan says, and mend it after so long as it says."""
        if fault.where in self.people:
            await self._break_client(self.people[fault.where], fault)
        else:
            await getattr(self, f"_{fault.where}_{fault.what.replace(' ', '_')}")(fault)

    async def _break_client(self, person: Person, fault: Fault) -> None:
        if fault.what != "cut":
            person.stall()
            await asyncio.sleep(fault.for_s)
        if fault.what == "stall":
            person.go_on()
        else:
            person.cut()

    async def _gate_kill(self, fault: Fault) -> None:
        await self.gate.kill9()
        await asyncio.sleep(fault.for_s)
        await self.gate.start()

    async def _gate_freeze(self, fault: Fault) -> None:
        self.gate.sigstop()
        await asyncio.sleep(fault.for_s)
        self.gate.sigcont()

    async def _gate_restart(self, _fault: Fault) -> None:
        await self.gate.restart()

    async def _gate_hand_over(self, _fault: Fault) -> None:
        await self.gate.hand_over()

    async def _gate_fill_disk(self, fault: Fault) -> None:
        """Let no file of the gate's grow: whatever it writes fails, as on a full disk."""
        pid = self.gate.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        await asyncio.sleep(fault.for_s)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    async def _gate_set_clock(self, fault: Fault) -> None:
        """Have the gate's clock be wrong, now and in its later lives; it is set right again."""
        for skew in (fault.detail, "0"):
            self.gate.site_toml.with_name("skew").write_text(skew)
            self.gate.send_signal(signal.SIGUSR2)
            await asyncio.sleep(fault.for_s)

    async def _server_kill(self, fault: Fault) -> None:
        await self._end_server(self.server.kill9, killed=True)
        await asyncio.sleep(fault.for_s)
        await self.server.start()

    async def _server_restart(self, fault: Fault) -> None:
        await self._end_server(self.server.stop, killed=False)
        await asyncio.sleep(fault.for_s)
        await self.server.start()

    async def _end_server(self, end: Callable[[], Awaitable[None]], *, killed: bool) -> None:
        self.server_ends.append(ServerEnd(self.journal.now_s(), killed))
        await end()

    async def _server_freeze(self, fault: Fault) -> None:
        self.server.sigstop()
        await asyncio.sleep(fault.for_s)
        self.server.sigcont()

    async def _server_reload(self, fault: Fault) -> None:
        await Console(self.server).say(fault.detail)

    async def _wire_cut(self, fault: Fault) -> None:
        self.wire.is_up = False
        self.wire.cut()
        await asyncio.sleep(fault.for_s)
        self.wire.is_up = True

    async def _wire_stall(self, fault: Fault) -> None:
        self.wire.stall(int(fault.detail))
        await asyncio.sleep(fault.for_s)
        self.wire.go_on()

    async def _wire_stall_and_cut(self, fault: Fault) -> None:
        self.wire.stall(int(fault.detail))
        await asyncio.sleep(fault.for_s)
        self.wire.cut()
        self.wire.go_on()

    async def _wire_slow(self, fault: Fault) -> None:
        self.wire.delay_s = SLOW_S
        await asyncio.sleep(fault.for_s)
        self.wire.delay_s = 0.0


def _server_plan(root: Path) -> ProsodyPlan:
    return gated_plan(
        root,
        domains=(SITE, OTHER_SITE),
        room_domains=(f"rooms.{SITE}", f"rooms.{OTHER_SITE}"),
        hold_timeout_s=HOLD_TIMEOUT_S,
        makes_rooms=True,
        modules=(*MODULES_UNDER_LOAD, *CONSOLE_MODULES),
    )
