"""People in CSV files, as spreadsheets and personnel systems write them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.directory.csv_source import list_csv, parse_csv
from components.directory.people import SourceError
from components.settings.directory import CsvSource
from policy.directory.enterprise import Person, Role

HEADER = "jid,name,id,desk,roles\n"


def source(**changes: Any) -> CsvSource:
    return CsvSource(enterprise="metals", **({"file": Path("/x/people.csv")} | changes))


def people(text: str, **changes: Any) -> list[Person]:
    return [listed.person for listed in parse_csv(source(**changes), text).people]


def problems(text: str, **changes: Any) -> list[str]:
    with pytest.raises(SourceError) as raised:
        parse_csv(source(**changes), text)
    return list(raised.value.problems)


def test_a_line_is_a_person() -> None:
    ann, ben = people(
        HEADER + "ann@metals.example,Ann Arbor,1001,base,trader\nben@metals.example,Ben,,,approver; auditor\n"
    )
    assert ann == Person("ann@metals.example", "Ann Arbor", "base", frozenset({Role.TRADER}), "1001")  # type: ignore[arg-type]
    assert (ben.desk, ben.id, ben.roles) == (None, None, frozenset({Role.APPROVER, Role.AUDITOR}))


@pytest.mark.parametrize(
    "roles", ["trader approver", '"trader, approver"', "trader;approver", "Trader | APPROVER"]
)
def test_roles_may_be_separated_in_any_usual_way(roles: str) -> None:
    (ann,) = people(HEADER + f"ann@metals.example,Ann,,,{roles}\n")
    assert ann.roles == {Role.TRADER, Role.APPROVER}


def test_accounts_are_put_as_a_server_does() -> None:
    found = people(
        "jid,name,roles\nANN,Ann,trader\n Ben@Metals.Example ,Ben,trader\n", domain="metals.example"
    )
    assert [person.jid for person in found] == ["ann@metals.example", "ben@metals.example"]


def test_values_and_columns_may_be_called_otherwise() -> None:
    (ann,) = people(
        "Pay grade;E-Mail;Full name;Team;Job\n7;ann@metals.example;Ann;Base Metals;T\n",
        delimiter=";",
        columns={"jid": "E-Mail", "name": "Full name", "desk": "Team", "roles": "Job"},
        ignored_columns=("Pay grade",),
        desks={"Base Metals": "base"},
        roles={"T": "trader"},
    )
    assert (ann.jid, ann.desk, ann.roles) == ("ann@metals.example", "base", frozenset({Role.TRADER}))


def test_a_desk_may_stand_for_none_and_roles_for_all() -> None:
    (ann,) = people(HEADER + "ann@metals.example,Ann,,IT,\n", desks={"IT": ""}, default_roles=("operator",))
    assert (ann.desk, ann.roles) == (None, frozenset({Role.OPERATOR}))


def test_quotation_marks_and_lines_within_them() -> None:
    text = (
        '\nann@metals.example,"Arbor, ""Ann""",1,,trader\n"ben@metals.example",Ben,2,"ba\nse",trader\n'
        "cid@metals.example,Cid,3,,trader\n"
    )
    found = parse_csv(source(), HEADER + text)
    assert [listed.person.name for listed in found.people] == ['Arbor, "Ann"', "Ben", "Cid"]
    assert [listed.origin for listed in found.people] == [
        "people.csv line 3",
        "people.csv line 4",
        "people.csv line 6",
    ]


def test_all_problems_are_told_with_their_lines() -> None:
    assert problems(
        HEADER
        + "ann@metals.example,Ann,,,\n"  # 2
        + "ben,Ben,,,trader\n"
        + "cid@metals.example,,,,trader\n"  # 4
        + "dan@metals.example,Dan,,trader\n"
        + "\n"
        + 'eve@metals.example,"E\x07ve",,,boss\n'  # 7
        + "fin@metals.example,Fin,,base,trader traitor\n"
    ) == [
        "people.csv line 2: has no role",
        "people.csv line 3: 'ben' has no '@': write name@domain",
        "people.csv line 4: the name is empty",
        "people.csv line 5: has 4 columns, the header has 5",
        "people.csv line 7: the name has the control character '\\x07': leave it out, and write one line",
        "people.csv line 7: 'boss' is no role: choose of trader, auditor, approver, operator, chaperone, service",
        "people.csv line 8: 'traitor' is no role: choose of trader, auditor, approver, operator, chaperone, service",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["line 1: there is no column 'jid'", "line 1: there is no column 'name'"]),
        ("jid,name,desk,desk,roles\n", ["line 1: the column 'desk' is there twice"]),
        ("jid,name,desc\n", ["line 1: the column 'desc' is not known; did you mean 'desk'?"]),
        (
            "jid,name,salary\n",
            ["line 1: the column 'salary' is not known; add it to ignored_columns if it means nothing here"],
        ),
        ('jid,name\nann@metals.example,"Ann\n', ["line 2: unexpected end of data"]),
        ('jid,name\nann@metals.example,"Ann"x\n', ["line 2: ',' expected after '\"'"]),
    ],
)
def test_a_file_that_is_no_list_of_people(text: str, expected: list[str]) -> None:
    assert problems(text) == [f"people.csv {line}" for line in expected]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_files_of_all_systems(mark: bytes, end: bytes, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(mark + end.join([b"jid,name,roles", "ann@metals.example,Änn 安,trader".encode(), b""]))
    (listed,) = list_csv(source(file=file)).people
    assert (listed.person.name, listed.origin) == ("Änn 安", "people.csv line 2")


def test_what_is_wrong_with_the_header_does_not_hide_the_lines() -> None:
    assert problems("jid,name,salary,roles\nben,Ben,1,trader\n") == [
        "people.csv line 1: the column 'salary' is not known; add it to ignored_columns if it means nothing here",
        "people.csv line 2: 'ben' has no '@': write name@domain",
    ]


def test_lines_that_are_no_utf_8_do_not_hide_the_others(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(
        b"jid,name,roles\nann@metals.example,\xc4nn,trader\nben@metals.example,B\xe4n,boss\ncid,Cid,trader\n"
    )
    with pytest.raises(SourceError) as raised:
        list_csv(source(file=file))
    assert list(raised.value.problems) == [
        "people.csv line 2: is no UTF-8; save the file as CSV UTF-8",
        "people.csv line 3: is no UTF-8; save the file as CSV UTF-8",
        "people.csv line 4: 'cid' has no '@': write name@domain",
    ]


def test_a_file_that_is_no_utf_8_says_where(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(b"jid,name\nann@metals.example,Ann\nben@metals.example,B\xe4n\n")
    with pytest.raises(SourceError, match=r"^people.csv line 3: is no UTF-8"):
        list_csv(source(file=file))
    with pytest.raises(SourceError, match="no such file"):
        list_csv(source(file=tmp_path / "other.csv"))


@given(st.text())
def test_whatever_a_file_says_it_is_people_or_problems(text: str) -> None:
    for content in (text, HEADER + text):
        try:
            parse_csv(source(), content)
        except SourceError as error:
            assert all(problem.startswith("people.csv line ") for problem in error.problems)
