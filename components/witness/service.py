"""The witness process's parts, made from its settings and run together."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from components.archive.errors import LogMissing
from components.archive.kept_checkpoints import KeptCheckpoints
from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.log.cosignature import parse_cosigner_key
from components.archive.log.log_signature import LogVerifierKey, parse_log_verifier_key
from components.archive.reader import LogReader
from components.process.http import serve_http
from components.process.status import Status
from components.settings.log import LogSettings
from components.settings.witness import WitnessSettings
from components.witness.client import WitnessClient, post_over_http, post_within
from components.witness.cosign import Witness
from components.witness.feed import LogFeed
from components.witness.keys import load_witness_keys
from components.witness.server import make_application
from components.witness.state import WitnessState
from components.witness.timestamp import TimeStampAuthority, TimeStamper, load_certificates

_FINISH_TIMEOUT_S = 6.0  # less than the supervisor waits


@dataclass(frozen=True, slots=True)
class WitnessService:
    """The running parts: the witness, and a feed for each of the site's logs."""

    witness: Witness
    feeds: Sequence[LogFeed]
    stampers: Sequence[TimeStamper]

    def find_faults(self) -> list[str]:
        """Return the present faults, a line for each."""
        faults = [f"it cannot cosign: {fault}"] if (fault := self.witness.find_fault()) else []
        for feed in self.feeds:
            faults += [f"log {feed.name}, {name}: {text}" for name, text in feed.faults.items()]
        return faults + [f"time stamps: {each.fault}" for each in self.stampers if each.fault]

    async def run(self) -> None:
        """Have the logs witnessed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self.feeds:
                tasks.create_task(feed.run(), name=feed.name)
            for stamper in self.stampers:
                tasks.create_task(stamper.run())
            # A witness may have no logs of its own, and runs for those of others.
            await asyncio.Event().wait()

    def describe(self) -> Status:
        """Return the content of the witness's status file."""
        details = {
            "cosigns": list(self.witness.origins),
            "logs": {feed.name: feed.newest[1].size if feed.newest else None for feed in self.feeds},
            "faults": self.find_faults(),
        }
        return Status("running", details)

    async def close(self) -> None:
        """Have the logs' last checkpoints witnessed, if this is quick, and close the logs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_TIMEOUT_S):
                await asyncio.gather(*(feed.finish() for feed in self.feeds))
        for feed in self.feeds:
            await feed.close()


@asynccontextmanager
async def open_service(
    settings: WitnessSettings, logs: Sequence[LogSettings], state: WitnessState
) -> AsyncIterator[WitnessService]:
    """Create the service, and listen if there is a port; raises KeyFileError, ValueError and OSError."""
    async with aiohttp.ClientSession() as session:
        witness = _make_witness(settings, logs, state)
        service = _make_service(settings, logs, witness, session)
        async with AsyncExitStack() as stack:
            if settings.port:
                application = make_application(witness)
                await stack.enter_async_context(serve_http(application, settings.address, settings.port))
            yield service


def _make_witness(settings: WitnessSettings, logs: Sequence[LogSettings], state: WitnessState) -> Witness:
    def load_logs() -> list[LogVerifierKey]:
        # Read each time: a key that another site's log gets is brought into its folder while this runs.
        try:
            others = [parse_log_verifier_key(vkey) for vkey in settings.read_logs()]
        except (ValueError, OSError) as error:
            raise KeyFileError(f"witness.sites.keys: {error}") from None
        own = [load_verifier_key(log.verifier_key_file) for log in logs] if settings.cosign_own else []
        return [*others, *own]

    return Witness(state, load_witness_keys(settings.key_file), load_logs, lambda: int(time.time()))


def _make_service(
    settings: WitnessSettings, logs: Sequence[LogSettings], witness: Witness, session: aiohttp.ClientSession
) -> WitnessService:
    own = [cosigner.cosigner_key for cosigner in load_witness_keys(settings.key_file)]
    stamps = settings.time_stamps
    authority = stamps and TimeStampAuthority(session, stamps.url, load_certificates(stamps.certificates))
    asked = [(url, [parse_cosigner_key(vkey) for vkey in vkeys]) for url, vkeys in settings.read_asked()]
    feeds, stampers = [], []
    for log in logs:
        # A client remembers a log's size: each log has its own.
        clients = [WitnessClient(post_over_http(session, url), keys) for url, keys in asked]
        if settings.cosign_own:
            clients.append(WitnessClient(post_within(witness), own))
        kept = KeptCheckpoints(log.witnessed)
        feed = _make_feed(log, kept, clients)
        feeds.append(feed)
        if stamps and authority:
            stampers.append(TimeStamper(feed, authority, kept, stamps.every_s))
    return WitnessService(witness, feeds, stampers)


def _make_feed(log: LogSettings, kept: KeptCheckpoints, clients: Sequence[WitnessClient]) -> LogFeed:
    async def open_reader() -> LogReader | None:
        try:
            return await LogReader.open(log.store)
        except LogMissing:
            return None

    return LogFeed(log.name, lambda: load_verifier_key(log.verifier_key_file), open_reader, kept, clients)
