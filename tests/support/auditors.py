"""Auditors of a site of two enterprises, and the one who gives the commands."""

from pathlib import Path

import pytest

from components.audit import auditor
from tests.support.audit_site import Site, make_site

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


async def make_audited_site(folder: Path, more: str = "") -> Site:
    """Make a site with both enterprises and the four auditors; `more` goes to the table [audit]."""
    site = await make_site(folder)
    (folder / "directory.toml").write_text(DIRECTORY)
    text = site.path.read_text().replace("[audit]\n", f"[audit]\n{more}\n")
    site.path.write_text(f"{text}\n{AUDITORS}")
    return Site(site.path, type(site.settings)(site.path))


def become(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    """Let this process be that user's, for what asks who gives a command."""
    monkeypatch.setattr(auditor, "name_actor", lambda: user)
