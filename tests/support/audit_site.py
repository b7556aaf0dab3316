"""A site with a real gate log and a real audit log, both empty."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.archive.keys import create_log_key, create_recipient_key, load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.record import (
    Access,
    Alarm,
    Delivery,
    Event,
    Record,
    RecordKind,
    Submission,
    encode_access,
    encode_alarm,
    encode_delivery,
    encode_event,
    encode_submission,
    parse_record,
)
from components.archive.store.open import open_store
from components.archive.writer import Entry, LogWriter
from components.audit.open_log import open_log
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.decision import StanzaError
from tests.support.site_toml import write_site_toml
from tests.support.typed import file_of

T0_NS = 1_795_464_245_000_000_000  # 2026-11-23T20:04:05Z
REFUSAL = StanzaError("cancel", "not-allowed", "Write to people of your own firm.")


@dataclass
class Site:
    """A site's logs; `say` and the like make records, `record` appends them.

    `places` are the indexes in the gate's log of what was appended, in order; between them are the log's own records.
    """

    path: Path
    settings: SiteFile
    seqs: "itertools.count[int]" = field(default_factory=itertools.count)
    places: list[int] = field(default_factory=list)

    def id_of(self, number: int) -> str:
        """The id of what was appended as `number`, from 0."""
        return f"gate/{self.places[number]}"

    def numbers_of(self, indexes: Iterable[int]) -> list[int]:
        """Which of what was appended these indexes are."""
        return [self.places.index(index) for index in indexes]

    def submit(
        self,
        body: bytes,
        *,
        kind: RecordKind = RecordKind.STANZA,
        seq: int | None = None,
        at_s: float = 0,
        action: str = "release",
        rules: tuple[str, ...] = (),
        error: StanzaError | None = None,
        epoch: str = "e1",
    ) -> Submission:
        number = next(self.seqs) if seq is None else seq
        at_ns = T0_NS + int(at_s * 10**9)
        return Submission(kind, epoch, number, "c2s", "c7", at_ns, action, rules, error, body)

    def say(self, sender: str, to: str, text: str, **fields: object) -> Submission:
        body = f"<message xmlns='jabber:client' from='{sender}' to='{to}'><body>{text}</body></message>"
        return self.submit(body.encode(), **fields)  # type: ignore[arg-type]

    async def record(self, *records: Record) -> None:
        await self.record_payloads([_encode(record) for record in records])

    async def record_payloads(self, entries: Sequence[Entry]) -> None:
        writer = await open_writer(self.settings, self.settings.gate_log)
        first = await writer.append(entries)
        await writer.close()
        self.places += range(first, first + len(entries))

    async def record_in(self, log: LogSettings, *records: Record) -> list[int]:
        """Append records to another log of the site, and return their indexes in it."""
        writer = await open_writer(self.settings, log)
        first = await writer.append([_encode(record) for record in records])
        await writer.close()
        return list(range(first, first + len(records)))

    async def accesses(self) -> list[Access]:
        """What the audit log holds."""
        if not file_of(self.settings.audit_log.store).exists():
            return []
        async with open_log(self.settings, self.settings.audit_log) as log:
            opened = await log.fetch(0, await log.reader.size())
        found = [(RecordKind(each.leaf.kind), each.payload or b"") for each in opened]
        records = [parse_record(kind, payload) for kind, payload in found if kind.is_sealed and payload]
        return [each for each in records if isinstance(each, Access)]


async def open_writer(settings: SiteFile, log: LogSettings) -> LogWriter:
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    return await open_log_writer(await open_store(log.store), log.key_file, log.origin, recipients)


def _encode(record: Record) -> Entry:
    match record:
        case Submission():
            return Entry(record.kind, encode_submission(record))
        case Delivery():
            return Entry(RecordKind.DELIVERY, encode_delivery(record))
        case Access():
            return Entry(RecordKind.ACCESS, encode_access(record))
        case Alarm():
            return Entry(RecordKind.ALARM, encode_alarm(record))
        case Event():
            return Entry(record.kind, encode_event(record))
        case other:
            raise AssertionError(f"no test says how to write {other}")


async def make_site(folder: Path, **tables: Any) -> Site:
    """`tables` are added to its settings; those of them that have a log get a key for it."""
    path = write_site_toml(folder / "site.toml", **tables)
    for name in ("archive", "keys"):
        (folder / name).mkdir()
    settings = SiteFile(path)
    for log in settings.logs:
        create_log_key(log.key_file, log.origin)
    for public in settings.archive.recipients:
        create_recipient_key(public.with_suffix(".key"), public.stem)
    await (await open_writer(settings, settings.gate_log)).close()
    return Site(path, settings)
