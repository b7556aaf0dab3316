"""Whom an LDAP directory lists, by what its server returns (the server: tests/e2e/test_directory_ldap.py)."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.directory import ldap_reader, ldap_source
from components.directory.ldap_reader import LdapContent, LdapEntry
from components.directory.ldap_source import list_ldap, make_listing, normal_dn
from components.directory.people import Listing, SourceError
from components.settings.directory import LdapSource
from policy.directory.enterprise import Role

GROUPS = "ou=groups,dc=metals,dc=example"
BASE, PRECIOUS = f"cn=base,{GROUPS}", f"cn=precious,{GROUPS}"
TRADERS, APPROVERS = f"cn=traders,{GROUPS}", f"cn=approvers,{GROUPS}"


def source(**changes: Any) -> LdapSource:
    given = {
        "enterprise": "metals",
        "url": "ldaps://ldap.metals.example",
        "base": "ou=people,dc=metals,dc=example",
        "domain": "metals.example",
        "desks": {BASE: "base", PRECIOUS: "precious"},
        "roles": {TRADERS: "trader", APPROVERS: "approver"},
    }
    return LdapSource(**(given | changes))


def dn(uid: str) -> str:
    return f"uid={uid},ou=people,dc=metals,dc=example"


def entry(uid: str, **attributes: list[str]) -> LdapEntry:
    return LdapEntry(dn(uid), {"mail": [f"{uid}@metals.example"], "cn": [uid.title()]} | attributes)


def listing(*entries: LdapEntry, groups: dict[str, list[str]] | None = None, **changes: Any) -> Listing:
    """List people, all of them traders unless `groups` says otherwise."""
    everybody = {TRADERS: [each.dn for each in entries]}
    return make_listing(
        source(**changes), LdapContent(list(entries), everybody if groups is None else groups)
    )


def problems(*entries: LdapEntry, **changes: Any) -> list[str]:
    with pytest.raises(SourceError) as raised:
        listing(*entries, **changes)
    return list(raised.value.problems)


def test_groups_give_desks_and_roles_whatever_their_order() -> None:
    groups = {BASE: [dn("ann")], TRADERS: [dn("ben"), dn("ann")], APPROVERS: [dn("ann")]}
    found = listing(entry("ann", employeeNumber=["7"]), entry("ben"), groups=groups)
    ann, ben = (listed.person for listed in found.people)
    assert (ann.jid, ann.name, ann.id) == ("ann@metals.example", "Ann", "7")
    assert (ann.desk, ann.roles) == ("base", frozenset({Role.TRADER, Role.APPROVER}))
    assert (ben.desk, ben.roles, ben.id) == (None, frozenset({Role.TRADER}), None)
    assert [listed.origin for listed in found.people] == [dn("ann"), dn("ben")]


def test_whom_no_group_gives_a_role_is_left_out_and_counted() -> None:
    found = listing(
        entry("ann"), entry("ben"), entry("cid"), groups={TRADERS: [dn("ann")], BASE: [dn("ben")]}
    )
    assert [listed.person.name for listed in found.people] == ["Ann"]
    assert found.left_out == 2


def test_whoever_is_left_out_may_be_written_as_wrongly_as_they_like() -> None:
    assert listing(entry("ann"), entry("printer", mail=[]), groups={TRADERS: [dn("ann")]}).left_out == 1


def test_default_roles_leave_nobody_out() -> None:
    found = listing(entry("ann"), entry("ben"), groups={APPROVERS: [dn("ben")]}, default_roles=("trader",))
    assert [listed.person.roles for listed in found.people] == [{Role.TRADER}, {Role.APPROVER}]
    assert found.left_out == 0


def test_an_entry_itself_may_say_its_groups() -> None:
    ann = entry("ann", memberOf=[TRADERS.upper(), PRECIOUS, "cn=football,dc=metals,dc=example"])
    (found,) = listing(ann, groups={}, member_of="memberOf").people
    assert (found.person.desk, found.person.roles) == ("precious", frozenset({Role.TRADER}))
    assert listing(entry("ben"), groups={TRADERS: [dn("ben")]}, member_of="memberOf").left_out == 1


@pytest.mark.parametrize(
    ("value", "desk"), [("base", "base"), ("Base Metals", "base"), ("IT", None), ("oil", "oil")]
)
def test_an_attribute_may_say_the_desk(value: str, desk: str | None) -> None:
    desks = {"Base Metals": "base", "IT": ""}
    (found,) = listing(entry("ann", dept=[value]), desk="dept", desks=desks).people
    assert found.person.desk == desk


def test_with_a_desk_attribute_the_keys_of_desks_are_no_groups() -> None:
    assert source(desk="dept").groups == (TRADERS, APPROVERS)
    assert source().groups == (BASE, PRECIOUS, TRADERS, APPROVERS)
    assert source(desks={TRADERS: "base"}).groups == (TRADERS, APPROVERS)


@pytest.mark.parametrize(
    ("accounts", "account"),
    [
        (["ann@metals.example"], "ann@metals.example"),
        (["ann@elsewhere.example"], "ann@elsewhere.example"),
        (["Ann@Metals.Example"], "ann@metals.example"),
        (["ann"], "ann@metals.example"),
        (["ann@elsewhere.example", "ann.arden@METALS.example"], "ann.arden@metals.example"),
        (["ann@elsewhere.example", "ann"], "ann@metals.example"),
    ],
)
def test_of_several_accounts_the_one_in_the_sources_domain_counts(accounts: list[str], account: str) -> None:
    (found,) = listing(entry("ann", mail=accounts)).people
    assert found.person.jid == account


@pytest.mark.parametrize(
    ("accounts", "domain", "problem"),
    [
        ([], "metals.example", "has no values of 'mail' to be its account"),
        (
            ["a@metals.example", "b@metals.example"],
            "metals.example",
            "has 2 values of 'mail' to be its account",
        ),
        (["a@metals.example", "b"], "metals.example", "has 2 values of 'mail' to be its account"),
        (["a@x.example", "b@y.example"], "metals.example", "has no values of 'mail' to be its account"),
        (
            ["a@notmetals.example", "b@y.example"],
            "metals.example",
            "has no values of 'mail' to be its account",
        ),
        (["a@metals.example", "a@x.example"], None, "has 2 values of 'mail' to be its account"),
    ],
)
def test_an_account_that_cannot_be_told_is_a_problem(
    accounts: list[str], domain: str | None, problem: str
) -> None:
    assert problems(entry("ann", mail=accounts), domain=domain) == [f"{dn('ann')}: {problem}"]


def test_all_that_is_wrong_is_told_and_then_nobody_is_listed() -> None:
    groups = {TRADERS: [dn("ann"), dn("ben"), dn("cid"), dn("dan")], BASE: [dn("ben")], PRECIOUS: [dn("ben")]}
    told = problems(
        entry("ann", cn=[]),
        entry("ben"),
        entry("cid", mail=["c id@@x"], cn=["\x07"]),
        entry("dan"),
        groups=groups,
    )
    assert told[:2] == [
        f"{dn('ann')}: the name is empty",
        f"{dn('ben')}: belongs to several desks (base, precious): a person has one",
    ]
    assert [line.split(": ")[0] for line in told[2:]] == [dn("cid")] * 2
    assert "the name" in told[3]


def test_of_several_names_and_ids_it_is_the_same_at_each_reading() -> None:
    one = entry("ann", cn=["Annie", "Ann"], employeeNumber=["9", "10"])
    other = entry("ann", cn=["Ann", "Annie"], employeeNumber=["10", "9"])
    assert listing(one) == listing(other)
    assert listing(one).people[0].person.name == "Ann"


SAME_NAMES = [
    ("cn=Base\\, Metals,ou=groups,dc=x", "cn=Base\\2C Metals,ou=groups,dc=x"),
    ("cn=Base\\, Metals,dc=x", "CN=base\\,  METALS , DC=X "),
    ("cn=Müller,dc=x", "cn=M\\C3\\BCller,dc=x"),
    ("cn=铜,dc=x", "cn=\\E9\\93\\9C,dc=x"),
    ("cn=a\\\\,dc=x", "cn=a\\5c , dc=x"),
    ("cn=a+sn=b,dc=x", "cn = a + sn = b , dc = x"),
    ("cn=\\#1,dc=x", "cn=\\231,dc=x"),
    ('cn=\\"A\\",dc=x', "cn=\\22a\\22,dc=x"),
    ("cn=a,dc=x", "cn=a;dc=x"),
    ("cn=a=b,dc=x", "cn=a\\=b,dc=x"),
]


@pytest.mark.parametrize(("one", "other"), SAME_NAMES)
def test_a_name_is_the_same_however_its_characters_are_escaped(one: str, other: str) -> None:
    assert normal_dn(one) == normal_dn(other)
    assert normal_dn(normal_dn(one)) == normal_dn(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=a,cn=b", "cn=a\\,cn=b"),
        ("cn=a+sn=b", "cn=a\\+sn=b"),
        ("cn=a b", "cn=ab"),
        ("cn=a\\\\,cn=b", "cn=a\\\\\\,cn=b"),
        ("cn=a,dc=x", "cn=a,dc=x,dc=y"),
    ],
)
def test_names_that_differ_stay_different(one: str, other: str) -> None:
    assert normal_dn(one) != normal_dn(other)


@pytest.mark.parametrize(("one", "other"), SAME_NAMES)
def test_a_group_gives_its_role_however_the_server_writes_its_name(one: str, other: str) -> None:
    told = entry("ann", memberOf=[other])
    (found,) = listing(told, groups={}, member_of="memberOf", desks={}, roles={one: "trader"}).people
    assert found.person.roles == {Role.TRADER}
    member = LdapEntry(one, entry("ann").attributes)
    assert len(listing(member, groups={TRADERS: [other]}).people) == 1


def answer_with(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process that reads the server be this text of a program."""
    monkeypatch.setattr(ldap_source, "_READER", ("-c", program))


def test_what_the_reading_process_says_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(
        "import json, sys; told = json.load(sys.stdin);"
        "print(json.dumps({'entries': [{'dn': 'uid=ann', 'attributes': {'mail': ['ann'], 'cn': [told['base']]}}],"
        " 'groups': {}}))",
        monkeypatch,
    )
    (ann,) = list_ldap(source(default_roles=("trader",))).people
    assert (ann.person.jid, ann.person.name) == ("ann@metals.example", "ou=people,dc=metals,dc=example")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ('print(\'{"problems": ["one", "two"]}\')', ["one", "two"]),
        (
            "raise SystemExit('no libldap')",
            ["ldaps://ldap.metals.example: cannot be read; the reader says no libldap"],
        ),
        ("pass", ["ldaps://ldap.metals.example: cannot be read; the reader says nothing"]),
    ],
)
def test_a_reading_process_that_fails_is_told(
    program: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(program, monkeypatch)
    with pytest.raises(SourceError) as raised:
        list_ldap(source())
    assert list(raised.value.problems) == expected


def test_a_password_is_read_or_what_is_wrong_with_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ldap.password"
    given = source(bind_dn="cn=steelyard", password_file=file)
    read = ldap_reader._read_password
    for content, problem in ((None, "cannot be read"), (b"\xff", "cannot be read"), (b" \n", "is empty")):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SourceError, match=problem):
            read(given)
    file.write_text("s3cret\n")
    assert read(given) == "s3cret"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": "https://ldap.metals.example"}, "is no address of the form ldaps://host"),
        ({"url": "ldaps://"}, "is no address of the form ldaps://host"),
        ({"bind_dn": "cn=x"}, "bind_dn and password_file belong together"),
        ({"roles": {}}, "nobody would have a role"),
        ({"roles": {TRADERS: "king"}}, "Input should be"),
        ({"base": ""}, "at least 1 character"),
        ({"page_size": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        source(**changes)
