"""An auditor of one enterprise orders what is of that one, and neither does nor learns anything about another's."""

import re
from pathlib import Path

import pytest

from tests.support.auditors import become, make_audited_site
from tests.support.retention_site import Shell, add_retention

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example", "bob@metals.example"
GUS, HAL = "gus@grain.example", "hal@grain.example"
METALS, METALS_TOO, GRAIN, GRAIN_TOO = range(4)
"""What is said, in order."""

MATTER, KEEP = ("--matter", "M-1"), ("hold", "--matter", "M-1")
HOLDS = {
    "custodian": (*KEEP, "--custodian", GUS),
    "query": (*KEEP, "--query", "gallium"),
    "conversation": (*KEEP, "--conversation", f"{GUS},{HAL}"),
    "record": (*KEEP, "GRAIN"),
}


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """What both enterprises said, each in a segment of its own; Lena sees all, Erin metals, Greta grain."""
    site = add_retention(await make_audited_site(tmp_path))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(site.path.parent)
    monkeypatch.setattr("components.audit.orders.carry._RETRY_S", 0.01)
    await site.record(site.say(ALICE, BOB, "gallium quietly"), site.say(BOB, ALICE, "indium"))
    await site.record(site.say(GUS, ALICE, "gallium loudly", action="refuse"), site.say(GUS, HAL, "barley"))
    become(monkeypatch, "lena")
    return Shell(site, capsys)


def given(shell: Shell, arguments: tuple[str, ...]) -> list[str]:
    return [shell.site.id_of(GRAIN) if each == "GRAIN" else each for each in arguments]


def refusal(shell: Shell, *arguments: str) -> str:
    """Propose what is refused; gives the one line that says why."""
    before = set(shell.site.path.parent.iterdir())
    status, output, errors = shell.run("archive", *arguments)
    assert (status, output, set(shell.site.path.parent.iterdir())) == (2, "", before)
    return errors.removeprefix("steelyard: ").strip()


def held_by(shell: Shell) -> list[str]:
    return [order["id"] for order in shell.document("archive", "orders")["orders"]]


@pytest.mark.parametrize("named", ["custodian", "conversation", "record"])
def test_a_hold_of_anothers_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    become(monkeypatch, "erin")
    told = refusal(shell, *given(shell, HOLDS[named]))
    assert "is of no enterprise that you may see" in told or "is not there" in told


def test_a_record_of_anothers_is_answered_as_one_that_is_not_there(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, "erin")
    foreign, nowhere = shell.site.id_of(GRAIN), "gate/99"
    for act in (KEEP, ("erase",)):
        answers = {id_: refusal(shell, *act, id_).replace(id_[5:], "N") for id_ in (foreign, nowhere)}
        assert len({*answers.values()}) == 1, answers


def test_somebody_of_anothers_is_answered_alike_whether_they_are_there_or_not(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, "erin")
    told = {
        refusal(shell, *KEEP, "--custodian", f"{who}@grain.example").replace(who, "X")
        for who in ("gus", "nil")
    }
    assert len(told) == 1
    for who in ("gus", "nil"):
        held = shell.document(
            "archive", *KEEP, "--query", f"gallium to:{who}@grain.example", "--out", f"{who}.order"
        )
        assert held["orders"][0]["segments"] == []


@pytest.mark.parametrize("act", [("hold", *MATTER), ("erase",)], ids=lambda act: act[0])
def test_a_query_finds_ones_own_alone(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, act: tuple[str, ...]
) -> None:
    become(monkeypatch, "erin")
    answer = shell.order(*act, "--query", "gallium")
    assert answer["state"] == "carried out", answer
    become(monkeypatch, "lena")
    left = shell.search("gallium")
    if act[0] == "erase":
        assert left == [shell.site.id_of(GRAIN)]
    else:
        assert shell.order("erase", shell.site.id_of(GRAIN_TOO))["state"] == "carried out"
        assert "is under hold" in refusal(shell, "erase", shell.site.id_of(METALS))


def test_what_expires_is_for_who_sees_the_whole_site(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "erin")
    for arguments in (("expire",), ("expire", "1"), ("expire", "--plan")):
        assert "who sees the whole site" in refusal(shell, *arguments)
    become(monkeypatch, "lena")
    assert shell.run("archive", "expire", "--plan")[0] == 0


@pytest.mark.parametrize("named", HOLDS)
def test_anothers_hold_is_neither_shown_nor_released(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    become(monkeypatch, "lena" if named == "query" else "greta")
    hold = shell.order(*given(shell, HOLDS[named]))["id"]
    assert held_by(shell) == [hold]
    become(monkeypatch, "erin")
    assert held_by(shell) == []
    unknown = refusal(shell, "release", "20261124T101500Z-3f2a91")
    assert refusal(shell, "release", hold).replace(hold, "X") == unknown.replace(
        "20261124T101500Z-3f2a91", "X"
    )
    assert "no hold of the matter" in refusal(shell, "release", *MATTER)
    become(monkeypatch, "lena")
    assert shell.order("release", hold)["state"] == "carried out"


@pytest.mark.parametrize(
    "named",
    [("--custodian", ALICE), ("--query", "gallium"), ("--conversation", f"{ALICE},{BOB}"), ("METALS",)],
    ids=["custodian", "query", "conversation", "record"],
)
def test_ones_own_hold_is_shown_and_released(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    become(monkeypatch, "erin")
    hold = shell.order(*KEEP, *(shell.site.id_of(METALS) if each == "METALS" else each for each in named))[
        "id"
    ]
    assert shell.order("release", *MATTER)["state"] == "carried out"
    assert held_by(shell)[0] == hold
    assert len(held_by(shell)) == 2
    become(monkeypatch, "greta")
    assert held_by(shell) == []


def test_who_is_no_auditor_or_sees_no_content_orders_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who, why in (("mallory", "is no auditor of this site"), ("otto", "has not the role")):
        become(monkeypatch, who)
        for arguments in (
            ("orders",),
            ("expire", "--plan"),
            ("erase", "gate/1"),
            (*KEEP, "--query", "gallium"),
        ):
            assert re.search(why, refusal(shell, *arguments))
