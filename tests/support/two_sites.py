"""Two federated sites under test, each a real server, with gates or bare; and a directory that can change."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.audit.sites.ledger import read_ledger
from components.audit.sites.letters import Comparison, compare_books
from components.audit.sites.named import NamedSite
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from components.site.parts import MAKES_ACCOUNTS
from components.site.prosody import PlannedComponent, ProsodyPlan
from tests.support.certificates import CertificateAuthority
from tests.support.ejabberd import EjabberdServer
from tests.support.gate_process import GateProcess
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, wait_until
from tests.support.prosody import ProsodyServer, peers_of, private_plan
from tests.support.site_toml import write_site_toml
from tests.support.stream import XmppStream

_IN_FORCE = "Borders are as the gate says now"


class TwoSites:
    """`sites` gives each server's domains, by the first of them; the same people and passwords on bare servers.

    `directory` writes `directory.toml` for the gate of that JID; without it, there are no gates. `options` are those of
    `ProsodyServer`, by the site's first domain. The site whose first domain is `on_ejabberd` runs that. For so long as
    `hold_timeout_s`, a server waits for its gate.
    """

    def __init__(
        self,
        root: Path,
        sites: Iterable[tuple[str, ...]],
        people: Iterable[str],
        authority: CertificateAuthority,
        directory: Mapping[str, str] | None = None,
        options: Mapping[str, Mapping[str, str]] | None = None,
        on_ejabberd: str = "",
        hold_timeout_s: float = PATIENCE_S,
    ) -> None:
        plans = [plan_site(root / domains[0], domains, authority) for domains in sites]
        plans = [replace(plan, hold_timeout_s=hold_timeout_s) for plan in plans]
        if directory:
            federated = tuple(name for plan in plans for name in plan.domains + plan.room_domains)
            plans = [
                replace(
                    plan, gate=f"gate.{plan.domains[0]}", gate_secret="secret", federated_domains=federated
                )
                for plan in plans
            ]
        pairs = zip(plans, reversed(plans), strict=True)
        self.servers: list[ProsodyServer | EjabberdServer] = [
            (EjabberdServer if here.domains[0] == on_ejabberd else ProsodyServer)(
                here, peers=peers_of(there), options=(options or {}).get(here.domains[0])
            )
            for here, there in pairs
        ]
        self.gates = [
            GateProcess(plan.root / "gate", plan, directory[plan.gate])
            for plan in plans
            if directory and plan.gate
        ]
        self._at = {domain: server for server in self.servers for domain in server.plan.domains}
        for jid in people:
            self.server_of(jid).register(jid)

    def server_of(self, jid: str) -> ProsodyServer | EjabberdServer:
        """Return the server that has this account."""
        return self._at[jid.partition("@")[2]]

    def lead_through(self, ports: Mapping[str, int]) -> None:
        """Have the servers of others be reached at these ports of this machine, by domain; before they start."""
        for server in self.servers:
            assert isinstance(server, ProsodyServer)
            for domain in ports.keys() - set(server.plan.domains):
                server.reach(domain, ports[domain])

    async def start(self) -> None:
        """Start all servers, then all gates."""
        await _all(server.start() for server in self.servers)
        await _all(gate.start() for gate in self.gates)

    async def stop(self) -> None:
        """Kill whatever runs."""
        await _all(process.kill9() for process in [*self.servers, *self.gates])

    async def change(self, directory: Mapping[str, str]) -> None:
        """Put another directory into force at all sites, and wait until servers and gates keep it."""
        before = [self._changes(server) for server in self.servers]
        for gate, server in zip(self.gates, self.servers, strict=True):
            gate.write_directory(directory[server.plan.gate])
        for server, count in zip(self.servers, before, strict=True):
            changed = await wait_until(lambda: self._changes(server) > count)  # noqa: B023 - at once
            assert changed, f"{server.plan.domains[0]} did not learn of the change:\n{server.log_tail()}"

    async def login(self, jid: str, *, online: bool = True) -> XmppStream:
        """Log in with a full JID, and become available."""
        stream = await XmppStream.login(self.server_of(jid.partition("/")[0]).address, jid)
        if online:
            await stream.request("get", "<query xmlns='jabber:iq:roster'/>")
            await stream.come_online("<presence><status>here</status></presence>")
        return stream

    async def compare(self) -> list[Comparison]:
        """Stop the gates, which sign all that they have recorded, and compare the archives in both directions."""
        await _all(gate.stop() for gate in self.gates)
        ledgers = []
        for rank, (gate, server) in enumerate(zip(self.gates, self.servers, strict=True)):
            async with gate.open_log() as log:
                ledgers.append(await read_ledger(_named(rank, gate, server), log, ignore_progress))
        here, there = ledgers
        return [
            compare_books(sender.book(recipient.site, "gate"), recipient.book(sender.site, "gate"), 0)
            for sender, recipient in ((here, there), (there, here))
        ]

    @staticmethod
    def _changes(server: ProsodyServer | EjabberdServer) -> int:
        return (server.plan.root / "prosody.log").read_text("utf-8", "replace").count(_IN_FORCE)


def _named(rank: int, gate: GateProcess, server: ProsodyServer | EjabberdServer) -> NamedSite:
    """Return a site as its auditors know it."""
    plan = server.plan
    toml = write_site_toml(
        gate.site_toml.with_name("auditors.toml"),
        prosody={"domains": list(plan.domains), "room_domains": list(plan.room_domains)},
        gate={"jid": plan.gate},
    )
    return NamedSite(rank, plan.domains[0], SiteFile(toml))


def plan_site(root: Path, domains: tuple[str, ...], authority: CertificateAuthority) -> ProsodyPlan:
    """Plan a bare server that federates, with rooms at each of its domains."""
    rooms = tuple(f"rooms.{domain}" for domain in domains)
    changes: dict[str, Any] = {
        "domains": domains,
        "room_domains": rooms,
        "s2s_port": free_port(),
        # What makes accounts brings commands with it (XEP-0133), which must be nobody else's.
        "components": (PlannedComponent(f"access.{domains[0]}", "secret", MAKES_ACCOUNTS),),
        "certificates": authority.issue(root / "certs", domains + rooms),
    }
    return private_plan(root, **changes)


async def _all(calls: Iterable[Coroutine[None, None, None]]) -> None:
    await asyncio.gather(*calls)
