"""The manifest of an export over several sites: which there are, what each has, and what is missing."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import orjson

from components.audit.export.export import Wanted
from components.audit.export.folder import MANIFEST, MANIFEST_RECORD, ExportFolder
from components.audit.sites.named import NamedSite, SiteFault

FORMAT = "steelyard-sites-export/1"

README = """\
This folder is an export of several recorded lines, which belong together.

Each folder in it is the export of one line, complete with its own manifest, proofs and verifier. manifest.json here
says what was searched for, which lines there are, and which are missing. messages.jsonl has a line for each message:
what passed from one line to another is in the exports of both, and is one line there, which names both records.

To check all of it, Python 3.11 and its package `cryptography` are enough; nothing is fetched:

    python verify.py export . --key shanghai/log-gate.pub --key shanghai/log-audit.pub --key london/log-gate.pub ...

with the public keys (log-*.pub) of all lines. Get them from the firm some other way than with this folder; better, get
verify.py some other way, too: it is the same file for everybody.

What exactly this proves, and what it does not, is in docs/export.md of Steelyard.
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """What an export over several sites is, from its beginning on; `query` means the same at any later time."""

    wanted: Wanted
    at_ns: int


@dataclass(frozen=True, slots=True)
class ExportedSite:
    """A site's export in `folder`; `behind` says why its copy may lack what the site has, if it is one."""

    name: str
    folder: str
    gate: str
    gate_log: str
    domains: tuple[str, ...]
    matched: int
    exported: int
    left_out: Mapping[str, int]
    access: str
    completed: str
    manifest_sha256: str
    behind: str


def encode_begun(begun: Begun) -> bytes:
    """Encode what an export is, for the run that goes on with it."""
    return orjson.dumps({"wanted": asdict(begun.wanted), "at_ns": begun.at_ns})


def parse_begun(data: bytes) -> Begun:
    """Parse what `encode_begun` wrote."""
    noted = orjson.loads(data)
    return Begun(Wanted(**noted["wanted"]), noted["at_ns"])


def read_exported(site: NamedSite, folder: ExportFolder, behind: str) -> ExportedSite:
    """Return what the manifest of a site's export says."""
    data = folder.read(MANIFEST)
    manifest = json.loads(data)
    completed = json.loads(folder.read(MANIFEST_RECORD))["index"]
    return ExportedSite(
        site.name,
        folder.path.name,
        site.gate,
        site.settings.gate_log.name,
        tuple(sorted(site.domains)),
        manifest["matched"],
        manifest["exported"],
        manifest["left_out"],
        manifest["export"],
        f"{site.settings.audit_log.name}/{completed}",
        sha256(data).hexdigest(),
        behind,
    )


def sum_left_out(sites: Iterable[ExportedSite]) -> dict[str, int]:
    """Return how many records are left out at all sites, for each reason."""
    return dict(sum((Counter(each.left_out) for each in sites), Counter[str]()))


def make_sites_manifest(
    begun: Begun,
    id_: str,
    sites: Sequence[ExportedSite],
    faults: Sequence[SiteFault],
    messages: int,
    files: Sequence[Mapping[str, Any]],
) -> bytes:
    """Return the manifest, the same bytes for the same export; `files` begin with that of the messages."""
    wanted, matched = begun.wanted, sum(each.matched for each in sites)
    manifest = {
        "format": FORMAT,
        "export": id_,
        "written_as": wanted.format,
        "matter": wanted.matter,
        "query": wanted.query,
        "zone": wanted.zone,
        "started_at_ns": begun.at_ns,
        "messages": messages,
        "doubles": matched - messages,
        "matched": matched,
        "exported": sum(each.exported for each in sites),
        "left_out": sum_left_out(sites),
        "complete": not faults and not any(each.behind for each in sites),
        "not_exported": [{"site": each.name, "reason": each.reason} for each in faults],
        "sites": [_describe(each) for each in sites],
        "result_digest": files[0]["sha256"],
        "files": list(files),
    }
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _describe(site: ExportedSite) -> dict[str, Any]:
    described = asdict(site)
    return {"site": described.pop("name"), **described, "behind": site.behind or None}
