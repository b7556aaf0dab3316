"""A site whose records may be destroyed at once, with two approvers; and its commands as they are typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_conversation_key, create_log_key
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.command import run_command

RETENTION = """
[class.communication]
number = 1
minimum_days = 0
keep_days = 0
applies_to = ["message", "access", "alarm"]
[class.signalling]
number = 2
minimum_days = 0
keep_days = 0
applies_to = ["presence", "iq", "session", "delivery"]
"""
SETTINGS = """[archive]
retention = "retention.toml"
approvers = ["keys/approver-anna.pub", "keys/approver-ben.pub"]"""


def add_retention(site: Site, retention: str = RETENTION) -> Site:
    """Give a site a retention policy, and Anna and Ben, who approve."""
    keys = site.path.parent / "keys"
    (site.path.parent / "retention.toml").write_text(retention)
    site.path.write_text(site.path.read_text().replace("[archive]", SETTINGS))
    create_conversation_key(keys / "conversation.key")
    for name in ("anna", "ben", "carl"):
        create_log_key(keys / f"approver-{name}.key", f"approver/{name}")
    return Site(site.path, SiteFile(site.path), site.seqs, site.places)


class Shell:
    """Runs `steelyard archive ...` in this process; gives what it prints as JSON."""

    def __init__(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = site
        self._capsys = capsys

    def run(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Give the exit status, and what was printed to standard output and error."""
        self._capsys.readouterr()
        status = run_command(*arguments)
        output, errors = self._capsys.readouterr()
        return status, output, errors

    def document(self, *arguments: str | Path) -> dict[str, Any]:
        status, output, errors = self.run(*arguments, "--json")
        assert status in (0, 1), errors
        found: dict[str, Any] = json.loads(output)
        return found

    def approve(self, file: Path, *names: str) -> None:
        for name in names:
            key = self.site.path.parent / "keys" / f"approver-{name}.key"
            status, _, errors = self.run("archive", "approve", file, "--key", key)
            assert status == 0, errors

    def order(self, *arguments: str) -> dict[str, Any]:
        """Propose, have Anna and Ben approve, and carry out; gives the answer."""
        file = self.site.path.parent / "an.order"
        status, _, errors = self.run("archive", *arguments, "--out", file)
        assert status == 0, errors
        self.approve(file, "anna", "ben")
        return self.document("archive", "carry-out", file)

    def search(self, query: str) -> list[str]:
        return [record["id"] for record in self.document("audit", "search", query)["records"]]
