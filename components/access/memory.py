"""What the component has done already, in a small file: which accounts are how, which statements are recorded."""

import json
from enum import StrEnum
from pathlib import Path

import structlog

from components.archive.durable import PRIVATE, replace_durably

log = structlog.get_logger("access")


class AccountState(StrEnum):
    """How somebody's account on the server is."""

    PRESENT = "present"
    SUSPENDED = "suspended"
    ABSENT = "absent"


class Memory:
    """Accounts by bare JID, and records (`gate/100042`) by the names of the statements they hold.

    Lost or out of date, it costs work and nothing else: what it does not know is done, and recorded, again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        self.accounts: dict[str, AccountState] = {}
        self.recorded: dict[str, str] = {}
        try:
            document = json.loads(path.read_text())
            self.accounts = {str(jid): AccountState(each) for jid, each in document["accounts"].items()}
            self.recorded = {str(name): str(record) for name, record in document["recorded"].items()}
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, AttributeError):
            log.warning("begins anew", file=str(path))

    def set_account(self, jid: str, account: AccountState) -> None:
        """Note how an account is now."""
        self.accounts[jid] = account
        self._changed = True

    def set_recorded(self, name: str, record: str) -> None:
        """Note where a statement is recorded."""
        self.recorded[name] = record
        self._changed = True

    def store(self) -> None:
        """Write it, if anything is new; raises OSError."""
        if not self._changed:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        document = {"accounts": self.accounts, "recorded": self.recorded}
        # Killed before: some of it is done again at the next start.
        replace_durably(self._path, f"{json.dumps(document)}\n".encode(), PRIVATE)
        self._changed = False
