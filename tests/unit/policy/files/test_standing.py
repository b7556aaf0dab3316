"""A message goes on as the file does whose link it carries, and never better than without a link."""

from itertools import product

import pytest

from policy.decision import HELD, Action, Decision, StanzaError, release
from policy.facts import StanzaFacts, Way
from policy.files.standing import FileStanding, FileState, decide_standings
from tests.unit.policy.files.firsts import FIRST, FIRSTS, STRICTNESS

SAID = StanzaFacts(Way.C2S, "message", "chat", "anna@metals.example/a", "ben@metals.example")
OPEN = FileStanding(FileState.OPEN)
WAITS = FileStanding(FileState.HELD, ("macros",), "With compliance.")
NO = FileStanding(FileState.REFUSED, ("program",), "No programs.")
GONE = FileStanding(FileState.ABSENT)
NOBODY_KNOWS = FileStanding(FileState.UNKNOWN)


def test_what_is_open_goes_on() -> None:
    assert decide_standings(FIRST, SAID, [OPEN, OPEN]) is FIRST
    assert decide_standings(FIRST, SAID, []) is FIRST


def test_what_is_held_is_held_with_its_file() -> None:
    found = decide_standings(FIRST, SAID, [OPEN, WAITS])
    assert (found.action, found.rules) == (Action.HOLD, ("flagged", "file-held", "macros"))
    assert found.error == StanzaError("wait", "policy-violation", HELD + "With compliance.")
    remote = decide_standings(FIRST, SAID._replace(way=Way.S2S), [WAITS])
    assert (remote.action, remote.error) == (Action.HOLD, None)


def test_what_nobody_knows_is_held() -> None:
    found = decide_standings(FIRST, SAID, [NOBODY_KNOWS])
    assert (found.action, found.rules) == (Action.HOLD, ("flagged", "file-held"))


@pytest.mark.parametrize("other", [OPEN, WAITS, NOBODY_KNOWS, GONE])
def test_what_is_refused_is_refused_with_its_text(other: FileStanding) -> None:
    found = decide_standings(FIRST, SAID, [other, NO])
    assert (found.action, found.rules) == (Action.REFUSE, ("flagged", "file-refused", "program"))
    assert found.error == StanzaError("modify", "policy-violation", "No programs.")


def test_what_has_not_come_is_refused() -> None:
    found = decide_standings(FIRST, SAID, [WAITS, GONE])
    assert (found.action, found.rules) == (Action.REFUSE, ("flagged", "file-absent"))


@pytest.mark.parametrize(
    "facts", [SAID._replace(kind="iq"), SAID._replace(kind="presence"), SAID._replace(type="error")]
)
@pytest.mark.parametrize("standing", [WAITS, NOBODY_KNOWS])
def test_what_cannot_wait_is_refused(facts: StanzaFacts, standing: FileStanding) -> None:
    found = decide_standings(FIRST, facts, [standing])
    assert found.action is Action.REFUSE
    assert found.error is not None
    assert found.error.text


@pytest.mark.parametrize("standing", [WAITS, NOBODY_KNOWS, NO, GONE])
def test_after_a_review_the_file_must_be_open(standing: FileStanding) -> None:
    assert decide_standings(FIRST, SAID, [OPEN], again=True) is FIRST
    assert decide_standings(FIRST, SAID, [standing], again=True).action is Action.REFUSE


def test_rules_that_flag_or_warn_are_named_with_the_message() -> None:
    flagged = FileStanding(FileState.OPEN, ("location",))
    assert decide_standings(FIRST, SAID, [flagged]) == release("flagged", "location")
    warned = FileStanding(FileState.OPEN, ("large",), "That was large.")
    found = decide_standings(FIRST, SAID, [flagged, warned])
    assert found == Decision(Action.RELEASE, ("flagged", "large", "location"), notice="That was large.")
    told = Decision(Action.RELEASE, ("words",), notice="Mind your words.")
    assert decide_standings(told, SAID, [warned]).notice == "Mind your words."


def test_what_is_taken_out_stays_out() -> None:
    first = Decision(
        Action.AMEND, ("links",), notice="A link was taken out.", strip=("https://evil.example",)
    )
    found = decide_standings(first, SAID, [WAITS])
    assert (found.action, found.strip, found.notice) == (Action.HOLD, ("https://evil.example",), "")


def test_no_file_makes_a_decision_weaker() -> None:
    standings = (OPEN, WAITS, NO, GONE, NOBODY_KNOWS)
    for first, standing, kind, way, again in product(
        FIRSTS, standings, ("message", "iq"), Way, (False, True)
    ):
        found = decide_standings(first, SAID._replace(kind=kind, way=way), [standing], again=again)
        assert STRICTNESS.index(found.action) >= STRICTNESS.index(first.action)
        assert set(found.rules) >= set(first.rules)
