"""What becomes of the directory, what is refused, and what is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.cli.output.directory import describe_plan, directory_lines, plan_lines
from components.directory import apply
from components.directory.apply import (
    ApplyRefusedError,
    SiteDirectory,
    apply_site,
    plan_site,
    previous_file,
    read_directory,
)
from components.directory.gather import Gathered, gather_people
from components.directory.people import ListedPerson, SourceError
from components.directory.plan import DirectoryPlan, PlanError, make_plan
from components.settings.directory import CsvSource, DirectorySettings
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.directory.enterprise import DeskId, EnterpriseId, Person, Role
from tests.unit.policy.samples import EXAMPLE, EXAMPLE_TEXT

METALS = EnterpriseId("metals")
ROWS = """
alice@metals.example,Alice Arden,,base,trader
bob@metals.example,Bob Baker,,base,trader
carol@metals.example,Carol Castle,,precious,trader
dora@metals.example,Dora Dean,,,auditor
"""


def listed(*accounts: str, desk: str = "base") -> tuple[ListedPerson, ...]:
    return tuple(
        ListedPerson(
            Person(BareJid(account), account[:3], DeskId(desk), frozenset({Role.TRADER})), f"line {number}"
        )
        for number, account in enumerate(accounts, 2)
    )


def plan_of(people: Sequence[ListedPerson], share: float = 0.2, allowed: int | None = None) -> DirectoryPlan:
    return make_plan(EXAMPLE, Gathered({METALS: tuple(people)}, {METALS: 0}), share, allowed)


def test_a_source_replaces_the_people_of_its_enterprise_and_nothing_else() -> None:
    plan = plan_of(listed("zoe@metals.example", "bob@metals.example"))
    grain, metals = plan.new.enterprises
    assert grain == EXAMPLE.enterprises[0]
    assert [person.jid for person in metals.people] == ["bob@metals.example", "zoe@metals.example"]
    assert (metals.desks, metals.rooms, metals.sites) == (
        EXAMPLE.enterprises[1].desks,
        EXAMPLE.enterprises[1].rooms,
        EXAMPLE.enterprises[1].sites,
    )
    assert list(plan_lines(plan)) == [
        "metals",
        "  - person alice@metals.example: name Alice Arden, desk base, roles trader",
        "  ~ person bob@metals.example: name Bob Baker -> bob",
        "  - person carol@metals.example: name Carol Castle, desk precious, roles trader",
        "  - person dora@metals.example: name Dora Dean, roles auditor",
        "  + person zoe@metals.example: name zoe, desk base, roles trader",
    ]


def test_what_is_wrong_is_told_with_where_the_source_says_it() -> None:
    people = [
        *listed("bob@metals.example", "ann@elsewhere.example", "bob@metals.example"),
        *listed("desk@rooms.metals.example", desk="bse"),
    ]
    with pytest.raises(PlanError) as raised:
        plan_of(people)
    assert set(raised.value.problems) == {
        "line 4, jid: 'bob@metals.example' is already at line 2, jid",
        "line 3, jid: 'elsewhere.example' is no domain of this enterprise (metals.example)",
        "line 2, jid: 'rooms.metals.example' is no domain of this enterprise (metals.example)",
        "line 2, desk: this enterprise has no desk 'bse'",
        "enterprise.metals.room[0].jid: 'desk@rooms.metals.example' is already at line 2, jid",
    }


def test_an_enterprise_that_is_not_listed() -> None:
    with pytest.raises(PlanError, match=r"directory.toml has no enterprise 'oil'"):
        make_plan(EXAMPLE, Gathered({EnterpriseId("oil"): ()}, {}), 0.2)


@pytest.mark.parametrize(
    ("left", "share", "allowed", "refused"),
    [
        (4, 0.2, None, False),
        (3, 0.2, None, False),  # one always may
        (2, 0.2, None, True),
        (2, 0.5, None, False),
        (0, 0.5, None, True),
        (0, 1.0, None, False),
        (2, 0.2, 2, False),
        (1, 0.2, 2, True),
        (3, 0.2, 0, True),
    ],
)
def test_too_many_must_not_leave_at_once(left: int, share: float, allowed: int | None, refused: bool) -> None:
    people = [ListedPerson(person, "") for person in EXAMPLE.enterprises[1].people[:left]]
    plan = plan_of(people, share, allowed)
    assert bool(plan.refusals) is refused
    if refused:
        assert plan.refusals[0].startswith(f"{4 - left} of 4 people would leave metals, more than ")
        assert f"--allow-departures {4 - left}" in plan.refusals[0]


@pytest.mark.parametrize("share", [each / 100 for each in range(1, 101)])
def test_a_share_is_counted_as_it_is_written(share: float) -> None:
    """In binary, 0.29 * 100 is less than 29."""
    hundred = listed(*(f"p{number:03}@metals.example" for number in range(100)))
    old = plan_of(hundred).new
    may = round(share * 100)
    for leave in {may, min(may + 1, 100)}:
        plan = make_plan(old, Gathered({METALS: hundred[leave:]}, {}), share)
        assert bool(plan.refusals) is (leave > may)


def site(root: Path, rows: str = ROWS) -> SiteDirectory:
    file = root / "directory.toml"
    if not file.exists():
        file.write_text(EXAMPLE_TEXT)
    (root / "people.csv").write_text(f"jid,name,id,desk,roles\n{rows}")
    return SiteDirectory(
        file, DirectorySettings(csv=(CsvSource(enterprise="metals", file=root / "people.csv"),))
    )


def test_a_directory_that_does_not_change_is_not_written(tmp_path: Path) -> None:
    made = site(tmp_path)
    assert apply_site(made).changes == ()
    assert made.file.read_text() == EXAMPLE_TEXT
    assert not previous_file(made.file).exists()


def test_what_is_planned_is_applied(tmp_path: Path) -> None:
    made = site(tmp_path, ROWS.replace("bob@metals.example,Bob Baker", "ben@metals.example,Ben Baker"))
    made.file.chmod(0o640)
    planned = plan_site(made)
    assert made.file.read_text() == EXAMPLE_TEXT
    done = apply_site(made)
    assert (done.changes, done.new) == (planned.changes, planned.new)
    assert len(done.changes) == 2
    text = made.file.read_text()
    assert parse_directory(text) == done.new
    assert text.startswith("# Written by `steelyard directory apply`.")
    assert "the people of metals\n" in text
    assert made.file.stat().st_mode & 0o777 == 0o640
    assert previous_file(made.file).read_text() == EXAMPLE_TEXT
    assert apply_site(made).changes == ()
    assert describe_plan(done, applied=True)["changes"][0] == {
        "kind": "new",
        "enterprise": "metals",
        "what": "person",
        "name": "ben@metals.example",
        "details": {
            "name": {"old": "", "new": "Ben Baker"},
            "desk": {"old": "", "new": "base"},
            "roles": {"old": "", "new": "trader"},
        },
    }


def test_what_is_refused_leaves_the_directory_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ApplyRefusedError):
        apply_site(site(tmp_path, ""))
    with pytest.raises(SourceError):
        apply_site(site(tmp_path, "ann@metals.example,,,,\n"))
    with pytest.raises(PlanError, match="no desk 'bse'"):
        apply_site(site(tmp_path, ROWS + "ann@metals.example,Ann,,bse,trader\n"))
    made = site(tmp_path, "")
    assert made.file.read_text() == EXAMPLE_TEXT
    assert len(apply_site(made, allowed_departures=4).changes) == 4
    assert read_directory(made.file).enterprises[1].people == ()


def test_a_change_by_hand_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site(tmp_path, ROWS + "ann@metals.example,Ann,,base,trader\n")

    def change_by_hand(*arguments: Any) -> Gathered:
        gathered = gather_people(*arguments)
        made.file.write_text(EXAMPLE_TEXT + "# a remark\n")
        return gathered

    monkeypatch.setattr(apply, "gather_people", change_by_hand)
    with pytest.raises(PlanError, match="was changed meanwhile"):
        apply_site(made)
    assert made.file.read_text().endswith("# a remark\n")
    monkeypatch.undo()
    assert len(apply_site(made).changes) == 1


def test_a_broken_directory_is_told_and_left(tmp_path: Path) -> None:
    made = site(tmp_path)
    made.file.write_text(EXAMPLE_TEXT.replace('["auditor"]', '["boss"]'))
    with pytest.raises(PlanError, match=r"^directory.toml: enterprise.metals.person\[3\].roles"):
        apply_site(made)
    made.file.write_bytes(b"\xff")
    with pytest.raises(PlanError, match="is no UTF-8"):
        apply_site(made)
    made.file.unlink()
    with pytest.raises(PlanError, match="no such file"):
        apply_site(made)


def test_several_sources_of_an_enterprise_add_up_and_one_may_be_asked_alone(tmp_path: Path) -> None:
    first = site(tmp_path)
    bots, grain = tmp_path / "bots.csv", tmp_path / "grain.csv"
    bots.write_text("jid,name,roles\nprices@metals.example,Price feed,service\n")
    grain.write_text("jid,name,roles\ngreta@grain.example,Greta,traitor\n")
    sources = (
        *first.settings.csv,
        CsvSource(enterprise="metals", file=bots),
        CsvSource(enterprise="grain", file=grain),
    )
    both = SiteDirectory(first.file, DirectorySettings(csv=sources))
    with pytest.raises(SourceError, match="'traitor' is no role"):
        plan_site(both)
    (change,) = plan_site(both, {METALS}).changes
    assert str(change) == "+ person prices@metals.example: name Price feed, roles service"


def test_who_is_on_the_line_is_shown_by_desk() -> None:
    lines = list(directory_lines(EXAMPLE))
    assert lines[3] == "    hanna@grain.example  Hanna Hale (approver, trader)"
    assert lines[-5:] == [
        "    bob@metals.example  Bob Baker (trader)",
        "  Precious metals (precious)",
        "    carol@metals.example  Carol Castle (trader)",
        "  at no desk",
        "    dora@metals.example  Dora Dean (auditor)",
    ]


def test_what_the_source_and_what_the_directory_has_against_it_is_told_at_once(tmp_path: Path) -> None:
    rows = (
        "alice@metals.example,Alice,,bse,traitor\n"  # 2: two things in one line
        "bob,,,base,trader\n"
        "carol@metals.example,Carol,,precious,trader\n"  # 4: right, if line 5 were not
        "carol@metals.example,Carol,,gold,trader\n"
        "dora@elsewhere.example,,,,auditor\n"  # 6
    )
    with pytest.raises(SourceError) as raised:
        plan_site(site(tmp_path, rows))
    assert set(raised.value.problems) == {
        "people.csv line 2: 'traitor' is no role: choose of trader, auditor, approver, operator, chaperone, service",
        "people.csv line 3: 'bob' has no '@': write name@domain",
        "people.csv line 3: the name is empty",
        "people.csv line 6: the name is empty",
        "people.csv line 2, desk: this enterprise has no desk 'bse'",
        "people.csv line 5, jid: 'carol@metals.example' is already at people.csv line 4, jid",
        "people.csv line 5, desk: this enterprise has no desk 'gold'",
        "people.csv line 6, jid: 'elsewhere.example' is no domain of this enterprise (metals.example)",
    }
