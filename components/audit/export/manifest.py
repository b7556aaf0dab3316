"""The manifest of an export: what it is, how many records it has, what it cannot carry, and each file's SHA-256."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

import orjson

from components.audit.export.evidence import proof_name, records_name
from components.audit.export.format import About, Format

FORMAT = "steelyard-export/1"

README = """\
This folder is an export of a recorded line.

manifest.json says what was searched for, when and under which time zone, how many records matched, how many of them
are here, which are left out and why, what this format cannot carry, and the SHA-256 of every file.

To check it, Python 3.11 and its package `cryptography` are enough; nothing is fetched:

    python verify.py export . {keys}

The keys (log-*.pub) are the public keys of the recorded line's logs. Get them from the firm some other way than with
this folder. Better, get verify.py some other way, too: it is the same file for everybody.

It checks that each record is the one that was sealed and signed when it was said, and that this export is the one that
the firm's audit log tells of. What exactly this proves, and what it does not, is in docs/export.md of Steelyard.
"""


# Of what an export is, these follow from the rest.
_KEPT_ELSEWHERE = ("zone", "auditor")


@dataclass(frozen=True, slots=True)
class ExportedLog:
    """A log whose records may be in an export, as it was when it was searched."""

    name: str
    origin: str
    size: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Started:
    """What an export is, from its beginning on; a stopped one goes on with the same."""

    about: About
    format: str
    actor: str
    log_size: int
    result_digest: str
    logs: tuple[ExportedLog, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The files of the public keys with which it is checked: of each log that it has records of, and the looks'."""
        names = (*(log.name for log in self.logs), self.about.id.partition("/")[0])
        return tuple(f"log-{name}.pub" for name in dict.fromkeys(names))


def write_readme(keys: Iterable[str]) -> str:
    """Return what tells people how they check an export with some public keys."""
    return README.format(keys=name_keys(keys))


def name_keys(keys: Iterable[str]) -> str:
    """Return the options of the verifier that name public keys."""
    return " ".join(f"--key {key}" for key in keys)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records matched, are in the files of the format, and are left out for each reason."""

    matched: int
    exported: int
    left_out: Mapping[str, int]


def make_manifest(
    started: Started, format_: Format, counts: Counts, files: Iterable[Mapping[str, object]]
) -> bytes:
    """Return the manifest, always the same bytes for the same export."""
    about = started.about
    manifest = {
        "format": FORMAT,
        "export": about.id,
        "software": f"Steelyard {about.version}",
        "site": about.site,
        "written_as": started.format,
        "cannot_carry": list(format_.cannot_carry),
        "auditor": started.actor,
        "matter": about.matter,
        "query": about.query,
        "zone": about.zone_name,
        "started_at_ns": about.started_at_ns,
        "log_size": started.log_size,
        "matched": counts.matched,
        "exported": counts.exported,
        "left_out": dict(counts.left_out),
        "result_digest": started.result_digest,
        "logs": [_describe_log(log) for log in started.logs],
        "files": list(files),
    }
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def encode_started(started: Started) -> str:
    """Encode what an export is, for the run that goes on with it."""
    noted = {each.name: getattr(started, each.name) for each in fields(Started)}
    about = {
        each.name: getattr(started.about, each.name)
        for each in fields(About)
        if each.name not in _KEPT_ELSEWHERE
    }
    return orjson.dumps({**noted, "about": about}).decode()


def parse_started(text: str) -> Started:
    """Parse what `encode_started` wrote."""
    noted = orjson.loads(text)
    about = noted.pop("about")
    logs = tuple(ExportedLog(**log) for log in noted.pop("logs"))
    whole = About(**about, zone=ZoneInfo(about["zone_name"]), auditor=noted["actor"])
    return Started(about=whole, logs=logs, **noted)


def _describe_log(log: ExportedLog) -> dict[str, object]:
    return {
        "name": log.name,
        "origin": log.origin,
        "size": log.size,
        "checkpoint": log.checkpoint,
        "records": records_name(log.name),
        "proof": proof_name(log.name),
    }
