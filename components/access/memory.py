"""A small file with what the component has done: the state of accounts, and which statements are recorded."""

import json
from enum import StrEnum
from pathlib import Path

import structlog

from components.archive.durable import PRIVATE, replace_durably
from components.process.json_text import read_json

log = structlog.get_logger("access")

MEMORY = "done.json"
"""The name of the file in the folder of the statements."""


class AccountState(StrEnum):
    """The state of a person's account on the server."""

    PRESENT = "present"
    SUSPENDED = "suspended"
    ABSENT = "absent"


class Memory:
    """Accounts by bare JID, and records (`gate/100042`) by the names of the statements they hold.

    If it is lost or out of date, the component only does, and records, some things again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        self.accounts: dict[str, AccountState] = {}
        self.recorded: dict[str, str] = {}
        try:
            document = read_json(path.read_text())
            self.accounts = {str(jid): AccountState(each) for jid, each in document["accounts"].items()}
            self.recorded = {str(name): str(record) for name, record in document["recorded"].items()}
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("begins anew", file=str(path))

    def set_account(self, jid: str, account: AccountState) -> None:
        """Note the present state of an account."""
        self.accounts[jid] = account
        self._changed = True

    def set_recorded(self, name: str, record: str) -> None:
        """Note the record of a statement."""
        self.recorded[name] = record
        self._changed = True

    def store(self) -> None:
        """Write the file, if anything is new; raises OSError."""
        if not self._changed:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        document = {"accounts": self.accounts, "recorded": self.recorded}
        # Killed before: the next start does some of it again.
        replace_durably(self._path, f"{json.dumps(document)}\n".encode(), PRIVATE)
        self._changed = False
