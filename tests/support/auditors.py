"""Auditors of a site of two enterprises, and the one who gives the commands."""

from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.archive.record import Event, RecordKind
from components.audit import auditor
from components.rules.recorded_directory import DETAIL, write_listed
from components.settings.site import SiteFile
from policy.directory.directory import parse_directory
from tests.support.audit_site import T0_NS, Site, make_site

DIRECTORY = """\
gate = "gate.metals.example"

[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice"
roles = ["trader"]

[enterprise.grain]
name = "Grain"
sites = [{ domain = "grain.example" }]
[[enterprise.grain.person]]
jid = "gus@grain.example"
name = "Gus"
roles = ["trader"]
"""

AUDITORS = """\
[[audit.auditors]]
id = "erin"
name = "Erin"
user = "erin"
roles = ["auditor", "reviewer"]
enterprises = ["metals"]
[[audit.auditors]]
id = "greta"
name = "Greta"
user = "greta"
roles = ["auditor", "lead"]
enterprises = ["grain"]
[[audit.auditors]]
id = "lena"
name = "Lena"
user = "lena"
roles = ["auditor", "lead"]
[[audit.auditors]]
id = "otto"
name = "Otto"
user = "otto"
roles = ["overseer"]
"""


async def make_audited_site(folder: Path, more: str = "", *, records_directory: bool = True) -> Site:
    """Make a site with both enterprises and the four auditors; `more` goes to the table [audit]."""
    site = await make_site(folder)
    (folder / "directory.toml").write_text(DIRECTORY)
    text = site.path.read_text().replace("[audit]\n", f"[audit]\n{more}\n")
    site.path.write_text(f"{text}\n{AUDITORS}")
    made = Site(site.path, SiteFile(site.path))
    if records_directory:
        lines = write_listed(parse_directory(DIRECTORY))
        await made.record(Event(RecordKind.RULES, "in-force", ((DETAIL, lines),), T0_NS))
        made.places.clear()
    return made


def become(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    """Let this process be that user's, for what asks who gives a command."""
    monkeypatch.setattr(auditor, "name_actor", lambda: user)


def give_keys(site: Site, *who: str) -> dict[str, Path]:
    """Give auditors of a site keys to sign with, and return the files of their private halves."""
    keys = {each: site.path.parent / f"keys/auditor-{each}.key" for each in who}
    text = site.path.read_text()
    for each, file in keys.items():
        create_log_key(file, f"auditor/{each}")
        text = text.replace(f'id = "{each}"\n', f'id = "{each}"\nkey = "keys/{file.stem}.pub"\n')
    site.path.write_text(text)
    return keys
