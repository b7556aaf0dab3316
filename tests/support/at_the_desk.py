"""Whoever sits in Shanghai and gives commands over both cities."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from components.audit import access, auditor
from tests.support.audit_sites import Cities
from tests.support.command import run_command


@dataclass
class AtTheDesk:
    """Both sites, and the commands of one user after another."""

    cities: Cities
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def command(self, user: str, *arguments: str | Path) -> tuple[int, str]:
        """Give the exit status and what was printed, of which errors come last."""
        for place in (access, auditor):
            self.monkeypatch.setattr(place, "name_actor", lambda: user)
        self.capsys.readouterr()
        status = run_command(*arguments)
        output, errors = self.capsys.readouterr()
        return status, output + errors

    def id_of(self, name: str, number: int) -> str:
        """Return the id of a record of the gate, with its site's name."""
        return f"{name}:{getattr(self.cities, name).id_of(number)}"
