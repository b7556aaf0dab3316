"""One site of a run: a real Prosody (or ejabberd), the real gate, and whatever can break in them and between them."""

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from components.site.prosody import ProsodyPlan
from tests.soak.plan import OTHER_FIRM, ROOM, SITE, STRANGER, Fault, Plan, Trader, gate_of
from tests.support.bad_network import BadNetwork
from tests.support.certificates import CertificateAuthority
from tests.support.console import CONSOLE_MODULES, Console
from tests.support.ejabberd import EjabberdServer
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.observer import MODULES_UNDER_LOAD
from tests.support.ports import free_port
from tests.support.server import EJABBERD, SERVER, private_server

HOLD_TIMEOUT_S = 1.0
SLOW_S = 0.02
# What ejabberd reloads, whichever of Prosody's modules a plan says.
_RELOAD_ADAPTER = (
    'gen_mod:stop_module(<<"%s">>, mod_stanza_gate), gen_mod:start_module(<<"%s">>, mod_stanza_gate).'
)

_OTHER_ENTERPRISE = f"""\
[enterprise.grain]
name = "Grain"
sites = [{{ domain = "{OTHER_FIRM}", rooms = "rooms.{OTHER_FIRM}" }}]
[[enterprise.grain.person]]
jid = "{STRANGER.jid}"
name = "{STRANGER.name}"
roles = ["trader"]
"""


class SoakSite:
    """The site of a domain, below `root`. `note_end` is called when its server ends, with whether it is killed."""

    def __init__(
        self,
        root: Path,
        domain: str,
        plan: Plan,
        authority: CertificateAuthority | None,
        note_end: Callable[[bool], None],
    ) -> None:
        self.domain = domain
        self._root, self._run, self._note_end = root, plan, note_end
        self._plan = _server_plan(root / "prosody", domain, plan.sites, authority)
        options = {"smacks_hibernation_time": "30"} if SERVER is not EJABBERD else None
        self.server = private_server(self._plan, options=options)
        ours = [each.jid for each in plan.traders if each.domain in self._plan.domains]
        self.server.register(*ours)
        self._make_contacts(plan.traders)

    async def start(self, stack: AsyncExitStack) -> None:
        """Start the server, the gate, and what breaks between them; the stack ends them."""
        port = self._plan.component_port
        if self._run.needs_wire(self.domain):
            self.wire = await stack.enter_async_context(BadNetwork(port))
            port = self.wire.port
        people = [each.jid for each in self._run.traders if each is not STRANGER]
        directory = one_enterprise(people, [ROOM], gate=self._plan.gate, domains=self._run.sites)
        self.gate = GateProcess(
            *(self._root / "gate", self._plan, directory + _OTHER_ENTERPRISE),
            component_port=port,
            canary_interval_s=0.5,
        )
        self.gate.program = ("tests.soak.gate",)
        stack.push_async_callback(self.gate.kill9)
        stack.push_async_callback(self.server.kill9)
        await self.server.start()
        await self.gate.start()

    async def open_link(self, stack: AsyncExitStack) -> int:
        """Make what others reach this site through, and return its port."""
        self.link = await stack.enter_async_context(BadNetwork(self._plan.s2s_port))
        return self.link.port

    async def break_something(self, fault: Fault) -> None:
        """Break what a plan says, and mend it after so long as it says."""
        await getattr(self, f"_{fault.where}_{fault.what.replace(' ', '_')}")(fault)

    def _make_contacts(self, traders: Sequence[Trader]) -> None:
        """Have those of this site see the status of all others of the enterprise, as they see theirs."""
        for one in traders:
            for other in traders:
                if one.domain == self.domain and STRANGER is not other is not one:
                    self.server.befriend(one.jid, other.jid)

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
        self._note_end(killed)
        await end()

    async def _server_freeze(self, fault: Fault) -> None:
        self.server.sigstop()
        await asyncio.sleep(fault.for_s)
        self.server.sigcont()

    async def _server_reload(self, fault: Fault) -> None:
        if isinstance(self.server, EjabberdServer):
            self.server.evaluate(_RELOAD_ADAPTER % (self.domain, self.domain))
        else:
            await Console(self.server).say(fault.detail.format(site=self.domain))

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
        self.wire.delay_s = lambda: SLOW_S
        await asyncio.sleep(fault.for_s)
        self.wire.delay_s = float

    async def _link_cut(self, _fault: Fault) -> None:
        self.link.cut()

    async def _link_refuse(self, fault: Fault) -> None:
        self.link.is_up = False
        self.link.cut()
        await asyncio.sleep(fault.for_s)
        self.link.is_up = True

    async def _link_stall_and_cut(self, fault: Fault) -> None:
        self.link.stall(int(fault.detail))
        await asyncio.sleep(fault.for_s)
        self.link.cut()
        self.link.go_on()


def _server_plan(
    root: Path, domain: str, sites: Sequence[str], authority: CertificateAuthority | None
) -> ProsodyPlan:
    domains = (SITE, OTHER_FIRM) if domain == SITE else (domain,)
    rooms = tuple(f"rooms.{each}" for each in domains)
    plan = gated_plan(
        root,
        domains=domains,
        room_domains=rooms,
        gate=gate_of(domain),
        hold_timeout_s=HOLD_TIMEOUT_S,
        makes_rooms=True,
        modules=(*MODULES_UNDER_LOAD, *CONSOLE_MODULES),
    )
    if authority is None:
        return plan
    return replace(
        plan,
        s2s_port=free_port(),
        certificates=authority.issue(root / "certs", domains + rooms),
        federated_domains=tuple(name for site in sites for name in (site, f"rooms.{site}")),
    )
