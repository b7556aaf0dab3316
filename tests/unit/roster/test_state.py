"""What the roster component remembers."""

import stat
from pathlib import Path

import pytest

from components.roster.state import KeptState, RosterStateError, load_state, save_state
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.roster import Given

ALICE = BareJid("alice@metals.example")
STATE = KeptState(
    frozenset({ALICE}),
    Given({ALICE: frozenset({"Alice", "Älice"})}, {EnterpriseId("metals"): frozenset({"Base metals"})}),
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "run" / "state.json"
    assert load_state(file) == KeptState()
    save_state(file, STATE)
    assert load_state(file) == STATE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"owners": [], "names": [], "groups": {}}', "{"])
def test_a_file_that_is_something_else_says_what_to_do(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    with pytest.raises(RosterStateError, match="delete it"):
        load_state(file)
