"""One whole site for a long time, as `steelyard up` runs it, under a moderate load: `make soak ARGS="--minutes 60"`.

Five people talk, lose their connections and log out, and the gate is killed now and then. How much memory each process
has is sampled. In the end what every client saw is compared with what the archive holds, as after each run of a seed.
"""

import asyncio
import os
import random
import signal
import ssl
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.archive.keys.reference import named_file
from components.archive.opener import RecordOpener
from components.archive.store.open import log_file
from components.settings.site import SiteFile
from components.site.init import load_passwords
from tests.soak.archived import read_archive
from tests.soak.check import Report
from tests.soak.history import History
from tests.soak.memory import Growth, MemoryWatch, find_growths
from tests.soak.people import Journal, Person
from tests.soak.plan import ROOM, STRANGER, TRADERS, Trader, draw_target
from tests.soak.run import check_when_all_came
from tests.support.demonstration import NOTICE, init_demonstration, let_write, register_people
from tests.support.gate_process import open_sealed
from tests.support.site import RunningSite
from tests.support.stream import Element

# Those of a run of one site, as the demonstration's directory names them.
PEOPLE = tuple(replace(each, name="dora") if each.name == "dave" else each for each in TRADERS[1])

_TALKS_PER_S = 1.0
"""Of four messages each."""
_LEAVES_EVERY_S = 30.0
_SAMPLE_S = 5.0
# Of the whole time: how long a process may take until it is warm (Prosody lets garbage be for a quarter of an hour at
# this load, mod_paced_collector), how far kills of the gate are apart, and until when there are some: one life is long.
_WARM_UP, _APART, _KILLS = 1 / 3, (1 / 10, 1 / 6), 1 / 2


@dataclass(frozen=True, slots=True)
class LongOutcome:
    """What a long run found."""

    report: Report
    messages: int
    kills: int
    growths: tuple[Growth, ...]


async def play_long(folder: Path, duration_s: float, seed: int, stop: asyncio.Event) -> LongOutcome:
    """Play for so long, or until told to stop, on a site that is made in a new folder; its processes end with it."""
    settings = init_demonstration(folder / "site" / "site.toml")
    add_room(settings.gate.directory_file)
    register_people(settings)
    async with RunningSite(settings.path.parent) as site:
        await let_write(site.folder, *(each.jid for each in PEOPLE))
        return await _Play(settings, site, random.Random(f"soak/long/{seed}")).play(duration_s, stop)


def add_room(directory: Path) -> None:
    """Put the room of the runs into the demonstration's directory."""
    room = f'[[enterprise.metals.room]]\njid = "{ROOM}"\nname = "The pit"\n\n[enterprise.grain]'
    directory.write_text(directory.read_text().replace("[enterprise.grain]", room))


class _Play:
    def __init__(self, settings: SiteFile, site: RunningSite, dice: random.Random) -> None:
        assert site.process
        self._settings, self._site, self._dice = settings, site, dice
        self._journal, self._kills = Journal(), 0
        self._memory = MemoryWatch(site.process.pid, site.folder.with_name("memory.jsonl"))
        passwords = load_passwords(settings)
        self._people = {each.name: Colleague(each, settings, passwords, self._journal) for each in PEOPLE}

    async def play(self, duration_s: float, stop: asyncio.Event) -> LongOutcome:
        staying = [asyncio.create_task(each.stay()) for each in self._people.values()]
        try:
            await self._hear_from_all()
            await for_so_long(
                duration_s, stop, self._talk(), self._leave(), self._kill_gate(duration_s), self._sample()
            )
            for each in self._people.values():
                each.log_in()
            await self._hear_from_all()
            report = await check_when_all_came(self._write_history)
        finally:
            for task in staying:
                task.cancel()
            await asyncio.gather(*staying, return_exceptions=True)
        growths = find_growths(self._memory.samples, duration_s * _WARM_UP)
        return LongOutcome(report, len(self._journal.said), self._kills, tuple(growths))

    async def _hear_from_all(self) -> None:
        await asyncio.gather(*(each.answered() for each in self._people.values()))

    async def _talk(self) -> None:
        while True:
            await asyncio.sleep(self._dice.expovariate(_TALKS_PER_S))
            who = self._dice.choice(PEOPLE)
            to, count = draw_target(self._dice, who, PEOPLE)
            self._people[who.name].speak(to, count, asks=self._dice.random() < 0.2)

    async def _leave(self) -> None:
        """Have people lose their connection, or go and come back; only who counts loses nothing with a connection."""
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / _LEAVES_EVERY_S))
            person = self._people[self._dice.choice([each for each in PEOPLE if each is not STRANGER]).name]
            if person.counts and self._dice.random() < 0.5:
                person.cut()
            else:
                await person.log_out()
                await asyncio.sleep(self._dice.uniform(0, 2))
                person.log_in()

    async def _kill_gate(self, duration_s: float) -> None:
        until_s = self._journal.now_s() + duration_s * _KILLS
        while True:
            await asyncio.sleep(duration_s * self._dice.uniform(*_APART))
            if self._journal.now_s() > until_s:
                await asyncio.Event().wait()
            os.kill(self._site.pid_of("components.gate"), signal.SIGKILL)
            self._kills += 1

    async def _sample(self) -> None:
        while True:
            self._memory.take(self._journal.now_s())
            await asyncio.sleep(_SAMPLE_S)

    async def _write_history(self) -> History:
        archived = await read_archive(self._settings.gate.jid, SiteLog(self._settings))
        for each in self._people.values():
            each.close_books()
        return History(
            tuple(self._journal.said),
            tuple(self._journal.heard),
            tuple(session for each in self._people.values() for session in each.sessions),
            frozenset(self._journal.acknowledged),
            tuple(archived.records),
            frozenset(archived.statuses),
            faults=archived.faults,
        )


class Colleague(Person):
    """One of the demonstration's people; what they are told of the recording is none of what people say."""

    def __init__(
        self, trader: Trader, settings: SiteFile, passwords: Mapping[str, str], journal: Journal
    ) -> None:
        server = settings.prosody
        tls = ssl.create_default_context(cafile=str(server.certificates / "ca.crt"))
        address = ("127.0.0.1", server.c2s_port)
        super().__init__(trader, address, journal, password=passwords[trader.jid], tls=tls)

    def hear(self, element: Element) -> None:
        """Take note of a message or a presence that came."""
        if element.get("from") != NOTICE:
            super().hear(element)


class SiteLog:
    """The log of a site's gate, as an auditor reads it."""

    def __init__(self, settings: SiteFile) -> None:
        file = log_file(settings.gate.log)
        assert file
        self.log_file, self.log_key_file = file, named_file(settings.gate.log_key_file)
        self._origin, self._keys = settings.gate.log_origin, settings.path.parent / "keys"

    def open_log(self) -> AbstractAsyncContextManager[RecordOpener]:
        """Open it with the auditor's key."""
        return open_sealed(self.log_file, self._origin, self._keys / "auditor.key")


async def for_so_long(duration_s: float, stop: asyncio.Event, *doings: Coroutine[Any, Any, None]) -> None:
    """Do all this until time is over, or until told to stop; what fails ends it."""
    tasks = [asyncio.create_task(each) for each in doings]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait(
            (*tasks, stopped), timeout=duration_s, return_when=asyncio.FIRST_COMPLETED
        )
        for each in done:
            each.result()
    finally:
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)
