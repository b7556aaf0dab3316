"""What the component remembers over a restart: whose rosters it keeps, and which names and groups it wrote."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from components.archive.durable import PRIVATE, replace_durably
from components.archive.state_format import find_later
from components.process.json_text import read_json
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.roster import Given

_Key = TypeVar("_Key", BareJid, EnterpriseId)


class RosterStateError(Exception):
    """The state file cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """The accounts whose rosters are kept, by bare JID, and all names and groups ever written to rosters."""

    owners: frozenset[BareJid] = frozenset()
    given: Given = field(default_factory=Given)


def load_state(path: Path) -> KeptState:
    """Read the state; if there is no file, no roster was ever kept. Raises RosterStateError and OSError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return KeptState()
    try:
        state = read_json(content)
        if later := find_later(state, path):
            raise RosterStateError(later)
        names = {BareJid(jid): frozenset(map(str, each)) for jid, each in state["names"].items()}
        groups = {EnterpriseId(firm): frozenset(map(str, each)) for firm, each in state["groups"].items()}
        return KeptState(frozenset(map(BareJid, state["owners"])), Given(names, groups))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RosterStateError(
            f"{path} is not the roster component's state; delete it, and old names and groups stay as traders' own"
        ) from None


def save_state(path: Path, state: KeptState) -> None:
    """Write the state; raises OSError.

    It is written before any roster. Killed in between: a name counts as written although no roster has it yet, which
    does no harm.
    """
    document = {
        "owners": sorted(state.owners),
        "names": _sorted(state.given.names),
        "groups": _sorted(state.given.groups),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_durably(path, (json.dumps(document, ensure_ascii=False) + "\n").encode(), PRIVATE)


def _sorted(sets: Mapping[_Key, frozenset[str]]) -> dict[str, list[str]]:
    return {key: sorted(sets[key]) for key in sorted(sets)}
