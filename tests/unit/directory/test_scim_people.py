"""Who the pushed users are on the line (docs/directory.md, "What counts"), and what follows from a push by itself."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from components.directory.apply import SiteDirectory
from components.directory.auto import AutoApply, find_unapplied
from components.directory.gather import GatherError, gather_people
from components.directory.people import Listing, SourceError
from components.directory.scim.people import NAME_MAX, list_scim, make_listing
from components.directory.scim.schema import ENTERPRISE, GROUP, USER
from components.directory.scim.state import ScimState, load_state, store_state, version_of
from components.settings.directory import CsvSource, DirectorySettings, ScimSource
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId, Role
from tests.unit.policy.samples import EXAMPLE_TEXT

METALS = EnterpriseId("metals")
PEOPLE = {"alice": "base", "bob": "base", "carol": "precious"}


def source(root: Path = Path("/x"), **changes: Any) -> ScimSource:
    given: dict[str, Any] = {
        "enterprise": "metals",
        "token_file": root / "token",
        "state": root / "metals.json",
        "domain": "metals.example",
        "desks": {"base": "base", "precious": "precious", "Base metals": "base"},
        "roles": {"Traders": "trader", "Approvers": "approver"},
    }
    return ScimSource(**(given | changes))


def user(account: str, *roles: str, **more: Any) -> dict[str, Any]:
    return {"id": f"id-{account}", "userName": account, "roles": [{"value": each} for each in roles]} | more


def group(name: str, *members: str) -> dict[str, Any]:
    return {"id": f"g-{name}", "displayName": name, "members": [{"value": f"id-{each}"} for each in members]}


def state(users: list[dict[str, Any]], groups: list[dict[str, Any]] | None = None) -> ScimState:
    return ScimState({each["id"]: each for each in users}, {each["id"]: each for each in groups or []})


def listing(*users: dict[str, Any], groups: list[dict[str, Any]] | None = None, **changes: Any) -> Listing:
    return make_listing(source(**changes), state(list(users), groups))


def test_a_user_is_a_person() -> None:
    ann = user(
        "Ann",
        "Traders",
        displayName="Ann Arden",
        externalId="ext",
        **{ENTERPRISE: {"employeeNumber": "7", "department": "Base metals"}},
    )
    (found,) = listing(ann).people
    assert found.origin == "SCIM user Ann"
    person = found.person
    assert (person.jid, person.name, person.id) == ("ann@metals.example", "Ann Arden", "7")
    assert (person.desk, person.roles) == ("base", frozenset({Role.TRADER}))


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"displayName": "A", "name": {"formatted": "B", "givenName": "C"}}, "A"),
        ({"name": {"formatted": "B", "givenName": "C", "familyName": "D"}}, "B"),
        ({"name": {"givenName": "C", "familyName": "D"}}, "C D"),
        ({"name": {"familyName": "D"}}, "D"),
        ({"name": {}}, "ann"),
        ({}, "ann"),
        ({"displayName": "x" * (NAME_MAX + 1)}, "x" * NAME_MAX),
    ],
)
def test_the_first_name_that_there_is_counts(attributes: Mapping[str, Any], name: str) -> None:
    assert listing(user("ann", "Traders", **attributes)).people[0].person.name == name


@pytest.mark.parametrize(
    ("attributes", "id_"),
    [
        ({ENTERPRISE: {"employeeNumber": "7"}, "externalId": "e"}, "7"),
        ({ENTERPRISE: {"department": "IT"}, "externalId": "e"}, "e"),
        ({"externalId": "e"}, "e"),
        ({}, None),
    ],
)
def test_the_employees_number_is_the_id_and_else_the_providers(
    attributes: Mapping[str, Any], id_: str | None
) -> None:
    assert listing(user("ann", "Traders", **attributes)).people[0].person.id == id_


def test_only_a_user_who_is_active_is_on_the_line() -> None:
    users = (
        user("ann", "Traders", active=False),
        user("ben", "Traders", active=True),
        user("cid", "Traders"),
    )
    found = listing(*users)
    assert [each.person.jid for each in found.people] == ["ben@metals.example", "cid@metals.example"]
    assert found.left_out == 0


def test_groups_roles_and_departments_stand_for_desks_and_roles() -> None:
    users = (user("ann"), user("ben", "Approvers"), user("cid", "Football"))
    groups = [group("Traders", "ann", "ben"), group("precious", "ann"), group("Chess", "cid", "nobody")]
    found = listing(*users, groups=groups)
    assert {each.person.jid: (each.person.desk, each.person.roles) for each in found.people} == {
        BareJid("ann@metals.example"): ("precious", frozenset({Role.TRADER})),
        BareJid("ben@metals.example"): (None, frozenset({Role.TRADER, Role.APPROVER})),
    }
    assert found.left_out == 1
    assert [each.person.roles for each in listing(user("cid"), default_roles=("auditor",)).people] == [
        {Role.AUDITOR}
    ]


def test_one_desk_by_two_names_is_one_desk() -> None:
    (ann,) = listing(user("ann", "Traders", "base", "Base metals")).people
    assert ann.person.desk == "base"


def test_whoever_leaves_is_gone_from_all_groups() -> None:
    before = state([user("ann"), user("ben")], [group("Traders", "ann", "ben"), group("Approvers", "ben")])
    after = before.without(USER, "id-ann")
    assert list(after.users) == ["id-ben"]
    assert [len(each["members"]) for each in after.groups.values()] == [1, 1]
    assert after.groups["g-Approvers"] is before.groups["g-Approvers"]
    assert [each["id"] for each in after.groups_of()["id-ben"]] == ["g-Traders", "g-Approvers"]
    assert list(before.without(GROUP, "g-Traders").groups) == ["g-Approvers"]


def test_a_tag_changes_with_whatever_changes_and_with_nothing_else() -> None:
    ann = user("ann", "Traders")
    assert version_of(ann) == version_of(dict(reversed(ann.items())))
    tags = {version_of(each) for each in (ann, ann | {"active": True}, ann | {"active": False}, user("ann"))}
    assert len(tags) == 4


def test_what_is_stored_is_read_again_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "metals.json"
    assert load_state(file) is None
    kept = state([user("zoe"), user("ann")], [group("Traders", "ann")])
    store_state(file, kept)
    assert load_state(file) == kept
    assert list((load_state(file) or ScimState()).users) == ["id-zoe", "id-ann"]
    assert file.stat().st_mode & 0o077 == 0


def test_nothing_pushed_yet_is_told_and_is_no_empty_enterprise(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing has been pushed for metals yet"):
        list_scim(source(tmp_path))


def push(root: Path, people: Mapping[str, str], **wrong: str) -> None:
    users = [user(name, "Traders", desk, displayName=name.title()) for name, desk in people.items()]
    users += [user(account, "Traders", displayName=name) for name, account in wrong.items()]
    store_state(root / "metals.json", state(users))


def site(root: Path, **changes: Any) -> SiteDirectory:
    file = root / "directory.toml"
    if not file.exists():
        file.write_text(EXAMPLE_TEXT)
    settings: dict[str, Any] = {
        "scim": (source(root, **({"auto": True} | changes)),),
        "scim_port": 8443,
        "max_departures": 0.5,
    }
    return SiteDirectory(file, DirectorySettings(**settings))


async def apply_once(made: SiteDirectory) -> list[dict[str, Any]]:
    """Let a push be applied, and return what was logged of it."""
    with structlog.testing.capture_logs() as logged:
        applier = asyncio.create_task(AutoApply(made, "metals").run())
        while not logged:  # noqa: ASYNC110 - it works in a thread, and says when it has done
            await asyncio.sleep(0.001)
        applier.cancel()
    return [dict(each) for each in logged]


async def test_a_push_is_applied_by_itself_also_one_from_before_the_start(tmp_path: Path) -> None:
    push(tmp_path, PEOPLE | {"zoe": "base"})
    made = site(tmp_path)
    assert find_unapplied(made)
    (applied,) = await apply_once(made)
    assert (applied["event"], applied["enterprise"]) == ("applied", "metals")
    assert "zoe@metals.example" in made.file.read_text()
    assert find_unapplied(made) == []


@pytest.mark.parametrize(
    ("people", "wrong", "reason"),
    [
        ({"alice": "base"}, {}, "3 of 4 people would leave metals, more than 2"),
        (
            PEOPLE,
            {"Eve": "eve@elsewhere.example"},
            "SCIM user eve@elsewhere.example, jid: 'elsewhere.example'",
        ),
        (PEOPLE, {"Eve": "e v e"}, "SCIM user e v e: "),
    ],
)
async def test_what_cannot_be_applied_is_logged_and_nobody_leaves(
    people: dict[str, str], wrong: dict[str, str], reason: str, tmp_path: Path
) -> None:
    push(tmp_path, people, **wrong)
    made = site(tmp_path)
    (refused,) = await apply_once(made)
    assert refused["event"] == "not applied"
    assert any(each.startswith(reason) for each in refused["reasons"])
    assert made.file.read_text() == EXAMPLE_TEXT
    assert find_unapplied(made)


async def test_a_directory_that_cannot_be_read_is_logged_and_left(tmp_path: Path) -> None:
    push(tmp_path, PEOPLE)
    made = site(tmp_path)
    made.file.write_text("nonsense")
    (refused,) = await apply_once(made)
    assert any(each.startswith("directory.toml: ") for each in refused["reasons"])
    assert made.file.read_text() == "nonsense"


def test_what_waits_is_told_only_of_sources_that_apply_by_themselves(tmp_path: Path) -> None:
    made = site(tmp_path)
    assert find_unapplied(made) == [], "nothing was pushed"
    push(tmp_path, PEOPLE | {"zoe": "base"})
    (told,) = find_unapplied(made)
    assert told == "5 pushed changes of metals are not applied; see `steelyard directory plan`"
    assert find_unapplied(site(tmp_path, auto=False)) == []
    made.settings.scim[0].state.write_text("{")
    (told,) = find_unapplied(made)
    assert "put it back from a backup" in told


def test_sources_of_an_enterprise_add_up_and_the_faults_of_all_are_told(tmp_path: Path) -> None:
    file = tmp_path / "bots.csv"
    file.write_text("jid,name,roles\nbot@metals.example,Bot,service\n")
    settings = DirectorySettings(
        scim=(source(tmp_path),),
        scim_port=8443,
        csv=(
            CsvSource(enterprise="metals", file=file),
            CsvSource(enterprise="grain", file=tmp_path / "none"),
        ),
    )
    push(tmp_path, {"alice": "base"})
    found = gather_people(settings, {METALS})
    assert [each.person.name for each in found.people[METALS]] == ["Bot", "Alice"]
    (tmp_path / "metals.json").write_text(json.dumps({"version": 2}))
    with pytest.raises(GatherError) as raised:
        gather_people(settings)
    assert len(raised.value.problems) == 2
    assert [each.person.name for each in raised.value.gathered.people[METALS]] == ["Bot"]
