"""PATCH as the standard has it (RFC 7644, 3.5.2), and as Entra ID and Okta send it; paths and filters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.directory.scim.error import ScimError
from components.directory.scim.patch import patch_resource
from components.directory.scim.path import matches, parse_attribute_path, parse_filter
from components.directory.scim.schema import ENTERPRISE, GROUP, USER, clean

ANN: dict[str, Any] = {
    "userName": "ann@metals.example",
    "displayName": "Ann",
    "name": {"givenName": "Ann", "familyName": "Arbor"},
    "active": True,
    "emails": [{"type": "work", "value": "ann@work"}, {"type": "home", "value": "ann@home"}],
    ENTERPRISE: {"employeeNumber": "7", "department": "Base"},
}
TRADERS: dict[str, Any] = {"displayName": "Traders", "members": [{"value": "1"}, {"value": "2"}]}


def patched(*operations: dict[str, Any], user: dict[str, Any] | None = None) -> dict[str, Any]:
    return patch_resource(USER, user or ANN, {"Operations": list(operations)})


def members(*operations: dict[str, Any]) -> list[str]:
    group = patch_resource(GROUP, TRADERS, {"Operations": list(operations)})
    return [row["value"] for row in group.get("members", [])]


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        # Entra ID: operations with capital letters, booleans as texts, paths with filters and with the schema.
        ({"op": "Replace", "path": "active", "value": "False"}, {"active": False}),
        ({"op": "Replace", "path": "displayName", "value": "Ann B."}, {"displayName": "Ann B."}),
        (
            {"op": "Add", "path": "name.givenName", "value": "Anna"},
            {"name": {"givenName": "Anna", "familyName": "Arbor"}},
        ),
        (
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@work"},
            {"emails": [{"type": "work", "value": "new@work"}, {"type": "home", "value": "ann@home"}]},
        ),
        (
            {"op": "Add", "path": 'emails[type eq "other"].value', "value": "new@other"},
            {"emails": [*ANN["emails"], {"type": "other", "value": "new@other"}]},
        ),
        (
            {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Oil"},
            {ENTERPRISE: {"employeeNumber": "7", "department": "Oil"}},
        ),
        (
            {
                "op": "Replace",
                "value": {"name.familyName": "Berg", f"{ENTERPRISE}:employeeNumber": "8", "active": "True"},
            },
            {
                "name": {"givenName": "Ann", "familyName": "Berg"},
                ENTERPRISE: {"employeeNumber": "8", "department": "Base"},
            },
        ),
        # Okta: no path, whole values.
        ({"op": "replace", "value": {"active": False}}, {"active": False}),
        ({"op": "replace", "value": {"id": "x", "displayName": "B", "schemas": ["x"]}}, {"displayName": "B"}),
        # The standard.
        ({"op": "add", "path": "emails", "value": [{"type": "work", "value": "ann@work"}]}, {}),
        (
            {"op": "add", "value": {"emails": [{"type": "work", "value": "2@work"}]}},
            {"emails": [*ANN["emails"], {"type": "work", "value": "2@work"}]},
        ),
        ({"op": "replace", "path": "emails", "value": [{"value": "one"}]}, {"emails": [{"value": "one"}]}),
        ({"op": "remove", "path": 'emails[type eq "home"]'}, {"emails": [ANN["emails"][0]]}),
        ({"op": "remove", "path": "emails"}, {"emails": None}),
        ({"op": "remove", "path": "displayName"}, {"displayName": None}),
        ({"op": "remove", "path": "name.givenName"}, {"name": {"familyName": "Arbor"}}),
        ({"op": "remove", "path": ENTERPRISE}, {ENTERPRISE: None}),
        (
            {"op": "replace", "path": "name", "value": {"formatted": "A"}},
            {"name": {"givenName": "Ann", "familyName": "Arbor", "formatted": "A"}},
        ),
        (
            {"op": "replace", "path": ENTERPRISE, "value": {"department": "Oil"}},
            {ENTERPRISE: {"employeeNumber": "7", "department": "Oil"}},
        ),
        (
            {"op": "replace", "path": "USERNAME", "value": "b@metals.example"},
            {"userName": "b@metals.example"},
        ),
        ({"op": "replace", "path": f"{USER.schema}:displayName", "value": "C"}, {"displayName": "C"}),
        # What is not kept is left aside.
        ({"op": "add", "path": 'phoneNumbers[type eq "work"].value', "value": "1"}, {}),
        ({"op": "add", "path": "urn:example:other:2.0:User:userName", "value": "1"}, {}),
        ({"op": "add", "value": {"password": "1", "nickName": "A"}}, {}),
    ],
)
def test_what_becomes_of_a_user(operation: dict[str, Any], changed: dict[str, Any]) -> None:
    wanted = {key: value for key, value in (ANN | changed).items() if value is not None}
    assert patched(operation) == wanted


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        ({"op": "Add", "path": "members", "value": [{"value": "3"}]}, ["1", "2", "3"]),
        ({"op": "add", "path": "members", "value": [{"value": "2", "display": "B"}]}, ["1", "2"]),
        ({"op": "Remove", "path": "members", "value": [{"value": "1"}]}, ["2"]),
        ({"op": "remove", "path": 'members[value eq "2"]'}, ["1"]),
        ({"op": "remove", "path": 'members[value eq "9"]'}, ["1", "2"]),
        ({"op": "remove", "path": "members"}, []),
        ({"op": "replace", "path": "members", "value": [{"value": "4"}]}, ["4"]),
        ({"op": "replace", "path": "members", "value": []}, []),
        ({"op": "replace", "value": {"members": [{"value": "5", "$ref": "x"}]}}, ["5"]),
        ({"op": "add", "path": "members", "value": {"value": "6"}}, ["1", "2", "6"]),
    ],
)
def test_who_is_left_in_a_group(operation: dict[str, Any], left: list[str]) -> None:
    assert members(operation) == left


def test_operations_are_done_in_their_order_and_all_or_none() -> None:
    assert members(
        {"op": "add", "path": "members", "value": [{"value": "3"}]},
        {"op": "remove", "path": 'members[value eq "1"]'},
    ) == ["2", "3"]
    before = repr(ANN)
    with pytest.raises(ScimError):
        patched({"op": "replace", "path": "displayName", "value": "X"}, {"op": "swap"})
    assert repr(ANN) == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([], "invalidSyntax"),
        ({}, "invalidSyntax"),
        ({"Operations": []}, "invalidSyntax"),
        ({"Operations": [1]}, "invalidSyntax"),
        ({"Operations": [{"op": "swap", "path": "active"}]}, "invalidSyntax"),
        ({"Operations": [{"op": "add", "path": "active", "value": True}] * 1001}, "invalidSyntax"),
        ({"Operations": [{"op": "remove"}]}, "noTarget"),
        ({"Operations": [{"op": "add", "value": 1}]}, "invalidValue"),
        ({"Operations": [{"op": "add", "path": "emails[", "value": 1}]}, "invalidPath"),
        ({"Operations": [{"op": "add", "path": "emails[type co 1]", "value": 1}]}, "invalidPath"),
        ({"Operations": [{"op": "replace", "path": "id", "value": "1"}]}, "mutability"),
        ({"Operations": [{"op": "remove", "path": "userName"}]}, "mutability"),
        ({"Operations": [{"op": "replace", "path": "userName", "value": ""}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "active", "value": "maybe"}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "displayName", "value": {"a": 1}}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "displayName", "value": "x" * 257}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "displayName", "value": "\ud800"}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "displayName", "value": "A\n"}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "displayName", "value": "A\ufffe"}]}, "invalidValue"),
        ({"Operations": [{"op": "replace", "path": "name", "value": "A"}]}, "invalidValue"),
    ],
)
def test_what_cannot_be_done_says_which_kind_of_mistake_it_is(body: Any, kind: str) -> None:
    with pytest.raises(ScimError) as raised:
        patch_resource(USER, ANN, body)
    assert (raised.value.status, raised.value.scim_type) == (400, kind)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('userName eq "ANN@metals.example"', True),
        ('username EQ "ann@metals.example"', True),
        ('userName eq "ben@metals.example"', False),
        ('externalId eq "x"', False),
        ("active eq true", True),
        ('active eq "False"', False),
        ('emails[type eq "work"].value eq "ann@work"', True),
        ('emails[type eq "home"].value eq "ann@work"', False),
        ('emails.value eq "ann@home"', True),
        ('emails eq "ann@home"', True),
        ('name.familyName eq "arbor"', True),
        (f'{ENTERPRISE}:department eq "base"', True),
        ('userName eq "ann@metals.example" and active eq true', True),
        ('userName eq "ann@metals.example" and displayName eq "x"', False),
        ('displayName eq "A\\"nn"', False),
        ("nickName eq null", False),
        ('id eq "1"', False),
    ],
)
def test_filters(text: str, found: bool) -> None:
    assert matches(USER, parse_filter(text), ANN) is found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        "userName pr",
        'userName co "a"',
        'userName eq "a" or active eq true',
        'not (userName eq "a")',
        '(userName eq "a")',
        "userName eq ann",
        'userName eq "a',
        'userName eq "a" and',
    ],
)
def test_filters_that_are_not_known_are_errors(text: str) -> None:
    with pytest.raises(ScimError) as raised:
        parse_filter(text)
    assert raised.value.scim_type == "invalidFilter"


def test_the_capital_letters_of_an_id_matter_and_those_of_a_name_do_not() -> None:
    user = {"userName": "a", "externalId": "aB"}
    assert matches(USER, parse_filter('externalId eq "aB"'), user)
    assert not matches(USER, parse_filter('externalId eq "ab"'), user)


def test_what_is_kept_of_a_user() -> None:
    assert clean(
        USER,
        {
            "schemas": ["x"],
            "USERNAME": "ann",
            "password": "secret",
            "active": "true",
            "name": {"GivenName": "Ann", "honorificPrefix": "Dr"},
            "emails": [{"value": "a", "primary": "True"}, {}],
            "phoneNumbers": [{"value": "1"}],
            "displayName": "",
            "externalId": 7,
            ENTERPRISE.lower(): {"department": "Base", "costCenter": "9"},
        },
    ) == {
        "userName": "ann",
        "active": True,
        "name": {"givenName": "Ann"},
        "emails": [{"value": "a", "primary": True}],
        "externalId": "7",
        ENTERPRISE: {"department": "Base"},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.one_of(
    st.sampled_from(
        [
            "emails",
            "emails.value",
            'emails[type eq "work"]',
            "name",
            "name.givenName",
            "active",
            ENTERPRISE,
            None,
        ]
    ),
    st.text(max_size=12),
)


OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove"]), "path": PATHS, "value": JSON}
)


@pytest.mark.slow
@given(st.lists(OPERATIONS, max_size=3))
def test_whatever_is_sent_a_user_stays_one(operations: list[dict[str, Any]]) -> None:
    try:
        user = patched(*operations)
    except ScimError as error:
        assert error.status == 400
    else:
        assert clean(USER, user) == user


@given(st.text(max_size=30))
def test_paths_and_filters_are_read_or_refused(text: str) -> None:
    for parse in (parse_attribute_path, parse_filter):
        try:
            parse(text)
        except ScimError as error:
            assert error.status == 400
