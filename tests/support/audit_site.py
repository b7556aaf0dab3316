"""A site with a real gate log and a real audit log, both empty."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.archive.keys import create_log_key, load_log_key
from components.archive.reader import LogReader
from components.archive.record import (
    Access,
    Delivery,
    Record,
    RecordKind,
    Submission,
    encode_access,
    encode_delivery,
    encode_submission,
    parse_record,
)
from components.archive.writer import LogWriter
from components.audit.settings import AuditSettings, LogSettings, load_audit_settings
from policy.decision import StanzaError

SITE_TOML = """
[site]
name = "Metals"
[gate]
log = "archive/gate.db"
log_origin = "metals.example/gate"
log_key_file = "keys/log-gate.key"
jid = "gate.metals.example"
[audit]
log = "archive/audit.db"
log_origin = "metals.example/audit"
log_key_file = "keys/log-audit.key"
index = "archive/index.db"
"""
T0_NS = 1_795_464_245_000_000_000  # 2026-11-23T20:04:05Z
REFUSAL = StanzaError("cancel", "not-allowed", "Write to people of your own firm.")


@dataclass
class Site:
    """A site's logs; `say` and the like make records, `record` appends them."""

    path: Path
    settings: AuditSettings
    seqs: "itertools.count[int]" = field(default_factory=itertools.count)

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

    async def record_payloads(self, entries: Sequence[tuple[RecordKind, bytes]]) -> None:
        writer = await open_writer(self.settings.gate)
        await writer.append(entries)
        await writer.close()

    async def accesses(self) -> list[Access]:
        """What the audit log holds."""
        if not self.settings.audit.path.exists():
            return []
        reader = await LogReader.open(self.settings.audit.path)
        stored = await reader.fetch(0, await reader.size())
        await reader.close()
        found = [parse_record(RecordKind(each.leaf.kind), each.payload) for each in stored]
        return [each for each in found if isinstance(each, Access)]


async def open_writer(log: LogSettings) -> LogWriter:
    return await LogWriter.open(log.path, log.origin, load_log_key(log.key_file).private_key)


def _encode(record: Record) -> tuple[RecordKind, bytes]:
    match record:
        case Submission():
            return record.kind, encode_submission(record)
        case Delivery():
            return RecordKind.DELIVERY, encode_delivery(record)
        case Access():
            return RecordKind.ACCESS, encode_access(record)


async def make_site(folder: Path) -> Site:
    path = folder / "site.toml"
    path.write_text(SITE_TOML)
    for name in ("archive", "keys"):
        (folder / name).mkdir()
    settings = load_audit_settings(path)
    for log in (settings.gate, settings.audit):
        create_log_key(log.key_file, log.origin)
    await (await open_writer(settings.gate)).close()
    return Site(path, settings)
