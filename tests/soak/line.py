"""The line of one run: its sites, and its people at their clients."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from tests.soak.history import ServerEnd
from tests.soak.people import Journal, Person
from tests.soak.plan import OTHER_FIRM, SITE, Fault, Plan
from tests.soak.site import SoakSite
from tests.support.certificates import CertificateAuthority
from tests.support.prosody import ProsodyServer


class SoakLine:
    """A line under test, below `root`, with as many sites as a plan has."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.journal = Journal()
        self.server_ends: list[ServerEnd] = []
        self._stack = AsyncExitStack()
        authority = CertificateAuthority(root / "authority") if len(plan.sites) > 1 else None
        self.sites = {
            domain: SoakSite(root / domain.partition(".")[0], domain, plan, authority, self._note_end)
            for domain in plan.sites
        }
        at = {**self.sites, OTHER_FIRM: self.sites[SITE]}
        self.people = {
            each.name: Person(each, at[each.domain].server.address, self.journal) for each in plan.traders
        }

    async def __aenter__(self) -> Self:
        try:
            await self._link_sites()
            async with asyncio.TaskGroup() as tasks:
                for site in self.sites.values():
                    tasks.create_task(site.start(self._stack))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def break_something(self, fault: Fault) -> None:
        """Break what a plan says, and mend it after so long as it says."""
        if fault.where in self.people:
            await _break_client(self.people[fault.where], fault)
        else:
            await self.sites[fault.site].break_something(fault)

    async def _link_sites(self) -> None:
        """Have sites reach one another through what can break."""
        for site in self.sites.values() if len(self.sites) > 1 else ():
            port = await site.open_link(self._stack)
            for other in self.sites.values():
                if other is not site:
                    assert isinstance(other.server, ProsodyServer)
                    other.server.reach(site.domain, port)
                    other.server.reach(f"rooms.{site.domain}", port)

    def _note_end(self, killed: bool) -> None:
        self.server_ends.append(ServerEnd(self.journal.now_s(), killed))


async def _break_client(person: Person, fault: Fault) -> None:
    match fault.what:
        case "cut":
            person.cut()
        case "log out":
            await person.log_out()
            await asyncio.sleep(fault.for_s)
            person.log_in()
        case "stall" | "stall and cut":
            person.stall()
            await asyncio.sleep(fault.for_s)
            if fault.what == "stall":
                person.go_on()
            else:
                person.cut()
