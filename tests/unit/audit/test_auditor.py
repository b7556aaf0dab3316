"""Who is an auditor: whoever the operating system says, until site.toml lists them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key
from components.audit import auditor
from components.audit.auditor import Auditor, Role, find_auditor, list_auditors
from components.process.errors import SiteError
from components.settings.site import SiteFile
from tests.support.site_toml import write_site_toml

ERIN = {"id": "erin", "name": "Erin", "user": "eortega", "roles": ["reviewer"], "enterprises": ["metals"]}
LI = {"id": "li", "name": "Li Wei", "roles": ["auditor", "lead"]}

Make = Callable[..., SiteFile]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a site with these auditors; the process belongs to eortega."""
    monkeypatch.setattr(auditor, "name_actor", lambda: "eortega")

    def made(*auditors: dict[str, Any]) -> SiteFile:
        lines = [
            "[[audit.auditors]]\n" + "\n".join(f"{name} = {value!r}" for name, value in each.items())
            for each in auditors
        ]
        return SiteFile(write_site_toml(tmp_path / "site.toml", "\n".join(lines)))

    return made


def problems(settings: SiteFile) -> list[str]:
    return [line for line in settings.audit.find_problems() if line.startswith("audit.auditors")]


def test_without_a_list_it_is_whoever_the_operating_system_says(make: Make) -> None:
    settings = make()
    assert find_auditor(settings) == Auditor("eortega", "eortega", frozenset(Role), None)
    assert find_auditor(settings, "li").id == "li"
    assert list_auditors(settings) == ()


def test_a_listed_auditor_is_found_by_user_and_by_id(make: Make) -> None:
    settings = make(ERIN, LI)
    erin = Auditor("erin", "Erin", frozenset({Role.REVIEWER}), frozenset({"metals"}))
    li = Auditor("li", "Li Wei", frozenset({Role.AUDITOR, Role.LEAD}), None)
    assert find_auditor(settings) == find_auditor(settings, "erin") == erin
    assert find_auditor(settings, "li") == li
    assert list_auditors(settings) == (erin, li)


def test_who_is_not_listed_is_none(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make(LI)
    with pytest.raises(SiteError, match="the user eortega is no auditor"):
        find_auditor(settings)
    for unknown in ("mallory", "", "Li Wei"):
        with pytest.raises(SiteError, match="is no auditor"):
            find_auditor(settings, unknown)
    # An auditor without a user is not whoever has no name, or their id as a user's.
    for user in ("", "li"):
        monkeypatch.setattr(auditor, "name_actor", lambda user=user: user)
        with pytest.raises(SiteError, match="is no auditor"):
            find_auditor(settings)


def test_who_has_left_is_none_any_more(make: Make) -> None:
    settings = make(ERIN | {"until": "2026-01-01T00:00:00Z"}, LI | {"until": "2999-01-01T00:00:00Z"})
    with pytest.raises(SiteError, match="erin is no auditor any more"):
        find_auditor(settings)
    assert find_auditor(settings, "li").id == "li"
    assert [each.id for each in list_auditors(settings)] == ["erin", "li"]


def test_enterprises_and_roles(make: Make) -> None:
    settings = make(ERIN, LI)
    erin, li = list_auditors(settings)
    assert erin.may_see("metals")
    assert not erin.may_see("grain")
    assert li.may_see("grain")
    erin.require(Role.LEAD, Role.REVIEWER)
    with pytest.raises(SiteError, match="erin has not the role lead"):
        erin.require(Role.LEAD)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"roles": []}, "audit.auditors.1.roles"),
        ({"roles": ["boss"]}, "audit.auditors.1.roles.0"),
        ({"enterprises": []}, "audit.auditors.1.enterprises"),
        ({"id": "Li Wei"}, "audit.auditors.1.id"),
        ({"jid": "Li@metals.example"}, "audit.auditors.1.jid"),
        ({"usr": "li"}, "audit.auditors.1.usr: there is no such setting; did you mean user?"),
    ],
)
def test_a_wrong_entry_is_told_by_its_path(make: Make, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace(".", r"\.").replace("?", r"\?")):
        _ = make(ERIN, {**LI, **change}).audit


def test_who_is_listed_twice_is_told(make: Make) -> None:
    assert problems(make(ERIN, LI)) == []
    twice = problems(make(ERIN, {**LI, "id": "erin", "user": "eortega"}))
    assert [line.partition(";")[0] for line in twice] == [
        "audit.auditors: two have the id erin",
        "audit.auditors: two have the user eortega",
    ]


def test_keys_are_there_and_their_owners(make: Make, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    erin, li = {**ERIN, "key": "keys/auditor-erin.pub"}, {**LI, "key": "keys/auditor-li.pub"}
    assert any("`steelyard keys make erin --auditor` makes one" in line for line in problems(make(erin, li)))
    for name in ("erin", "li"):
        create_log_key(tmp_path / f"keys/auditor-{name}.key", f"auditor/{name}")
    settings = make(erin, li)
    assert problems(settings) == []
    assert find_auditor(settings).key == tmp_path / "keys/auditor-erin.pub"
    (swapped,) = problems(make(erin, {**li, "key": "keys/auditor-erin.pub"}))[:1]
    assert "is the key of auditor/erin, not of auditor/li" in swapped


def test_two_auditors_have_two_keys(make: Make, tmp_path: Path) -> None:
    from components.archive.keys.log_key import rename_log_key

    (tmp_path / "keys").mkdir()
    for name in ("erin", "li"):
        create_log_key(tmp_path / f"keys/{name}.key", f"auditor/{name}")
    (tmp_path / "keys/li.key").write_bytes((tmp_path / "keys/erin.key").read_bytes())
    rename_log_key(tmp_path / "keys/li.key", "auditor/li")
    found = problems(make({**ERIN, "key": "keys/erin.pub"}, {**LI, "key": "keys/li.pub"}))
    assert found == ["audit.auditors: erin and li have the same key; each auditor needs their own"]
