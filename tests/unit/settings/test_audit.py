"""The tables `[audit]` and `[feed]`: logs of other machines, the index's store, auditors, machines that follow."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.archive.keys import create_log_key
from components.settings.audit import AuditSettings
from components.settings.auditors import AuditorEntry, find_auditor_problems
from components.settings.feed import FeedSettings
from policy.supervision.reviewer import Role
from tests.support.typed import require

ORIGIN = "metals.example/audit"
INDEX = "postgresql://steelyard@db.metals.example/audit?sslmode=verify-full#words"


def audit(root: Path, **changes: Any) -> AuditSettings:
    key = root / "audit.key"
    if not key.exists():
        create_log_key(key, ORIGIN)
    given: dict[str, Any] = {
        "log": str(root / "audit.db"),
        "log_origin": ORIGIN,
        "log_key_file": str(key),
        "index": root / "index.db",
        "key_files": (str(root / "auditor.key"),),
    }
    return AuditSettings(**(given | changes))


def problems(root: Path, **changes: Any) -> list[str]:
    return list(audit(root, **changes).find_problems())


def other(root: Path, name: str, origin: str = "", signs_as: str = "") -> dict[str, Any]:
    """Return the log of auditors elsewhere, whose key was brought from there."""
    origin = origin or f"{name}.example/audit"
    create_log_key(root / f"{name}.key", signs_as or origin)
    return {"log": str(root / f"{name}.db"), "log_origin": origin, "verifier_key": root / f"{name}.pub"}


def test_an_index_is_a_file_or_in_postgresql(tmp_path: Path) -> None:
    assert audit(tmp_path).index_url is None
    url = audit(tmp_path, index_store=INDEX).index_url
    assert url is not None
    assert url.label == "postgresql://db.metals.example/audit#words"
    assert problems(tmp_path, index_store=INDEX) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"index_store": "index.db"}, "audit.index_store: write postgresql://user@host/database#index"),
        (
            {"index_store": INDEX, "grants": "grants"},
            "audit.index_store: who works with grants has an index in a file",
        ),
        ({"index_store": INDEX, "log": INDEX}, "audit.index_store: name another schema behind the #"),
    ],
)
def test_where_an_index_cannot_be(changes: dict[str, Any], problem: str, tmp_path: Path) -> None:
    files = {name: str(tmp_path / value) for name, value in changes.items() if "://" not in value}
    (told,) = problems(tmp_path, **(changes | files))
    assert told.startswith(problem)


def test_each_log_has_a_name_of_its_own(tmp_path: Path) -> None:
    others = (other(tmp_path, "erin"), other(tmp_path, "li"), other(tmp_path, "second", "li.example/audit"))
    assert problems(tmp_path, others=others[:2]) == []
    assert problems(tmp_path, others=others) == [
        "audit.others: li.example/audit is the name of two logs; each machine's log has its own"
    ]
    (told,) = problems(tmp_path, others=(other(tmp_path, "own", ORIGIN),))
    assert told.startswith(f"audit.others: {ORIGIN} is the name of two logs")


def test_the_log_of_another_machine_is_read_with_the_public_half_of_its_key(tmp_path: Path) -> None:
    given = other(tmp_path, "erin")
    (read,) = audit(tmp_path, others=(given,)).others
    settings = read.log_settings(tmp_path)
    assert (settings.table, settings.name, settings.origin) == ("audit.others", "erin", "erin.example/audit")
    assert settings.key_file == given["verifier_key"]
    assert settings.witnessed == tmp_path / "archive" / "erin.witnessed"


def test_a_key_of_another_log_or_none_is_told(tmp_path: Path) -> None:
    wrong = other(tmp_path, "erin", signs_as="gail.example/audit")
    assert problems(tmp_path, others=(wrong,)) == [
        f"audit.others: {wrong['verifier_key']} is the key of gail.example/audit, not of erin.example/audit"
    ]
    missing = other(tmp_path, "li")
    missing["verifier_key"].unlink()
    (told,) = problems(tmp_path, others=(missing,))
    assert told.startswith("audit.others: ")
    assert told.endswith("; it is the public half of the key that signs li.example/audit")


def test_sites_have_names_of_their_own(tmp_path: Path) -> None:
    def sites(*names: str) -> tuple[dict[str, Any], ...]:
        return tuple({"name": name, "site": tmp_path / f"{name}.toml"} for name in names)

    assert problems(tmp_path, sites=sites("london", "zurich")) == []
    assert problems(tmp_path, sites=sites("london", "zurich", "london")) == [
        "audit.sites: london is the name of two sites; give each its own"
    ]
    for name in ("London", "", "a b", "-x", "x" * 65, "a/b"):
        with pytest.raises(ValidationError):
            audit(tmp_path, sites=sites(name))


def entry(id_: str, **changes: Any) -> AuditorEntry:
    return AuditorEntry(**({"id": id_, "name": id_.title(), "roles": ("auditor",)} | changes))


def test_auditors_are_told_apart_by_their_ids_users_and_accounts() -> None:
    jid = "erin@metals.example"
    auditors = [
        entry("erin", user="e", jid=jid),
        entry("erin", user="f"),
        entry("li", user="e", jid=jid),
        entry("ann"),
    ]
    assert list(find_auditor_problems(auditors)) == [
        "audit.auditors: two have the id erin; give each another one",
        "audit.auditors: two have the user e; give each another one",
        f"audit.auditors: two have the jid {jid}; give each another one",
    ]
    assert list(find_auditor_problems([entry("erin"), entry("li")])) == [], (
        "nobody has to have a user or a jid"
    )


def test_an_auditors_key_is_their_own(tmp_path: Path) -> None:
    create_log_key(tmp_path / "erin.key", "auditor/erin")
    public = tmp_path / "erin.pub"
    assert list(find_auditor_problems([entry("erin", key=public)])) == []
    assert list(find_auditor_problems([entry("erin", key=public), entry("li", key=public)])) == [
        f"audit.auditors: {public} is the key of auditor/erin, not of auditor/li",
        "audit.auditors: erin and li have the same key; each auditor needs their own",
    ]
    (told,) = find_auditor_problems([entry("li", key=tmp_path / "none.pub")])
    assert told.endswith("; `steelyard keys make li --auditor` makes one")


def test_an_auditor_is_a_reviewer_within_what_they_may_see(tmp_path: Path) -> None:
    whole = entry("erin", roles=("auditor", "lead"), until="2026-12-01T00:00:00+01:00")
    assert (whole.scope, whole.until_s) == (None, 1_796_079_600)
    assert whole.reviewer.roles == {Role.AUDITOR, Role.LEAD}
    some = entry("li", enterprises=("metals", "grain"), jid="li@metals.example")
    assert require(some.reviewer.enterprises) == {"metals", "grain"}
    assert (some.reviewer.jid, some.until_s) == ("li@metals.example", None)
    retired = {"key": tmp_path / "old.pub", "until": "2026-01-01T00:00:00Z"}
    keys = entry("li", key=tmp_path / "new.pub", retired=(retired,))
    assert keys.key_files == (tmp_path / "new.pub", tmp_path / "old.pub")
    assert keys.retired[0].until_s == 1_767_225_600


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "Erin"},
        {"id": ""},
        {"name": ""},
        {"roles": ()},
        {"roles": ("king",)},
        {"enterprises": ()},
        {"user": ""},
        {"jid": "erin"},
        {"until": "2026-12-01"},
        {"until": "2026-12-01T00:00:00"},
    ],
)
def test_an_entry_that_says_nothing_clear_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry("erin", **changes)


def feed(root: Path, *machines: dict[str, Any]) -> list[str]:
    for file in (root / "feed.crt", root / "feed.key"):
        file.touch()
    settings = FeedSettings.model_validate(
        {
            "port": 8445,
            "host": "feed.metals.example",
            "certificate": root / "feed.crt",
            "status_file": root / "feed.status",
            "machines": machines,
        }
    )
    return list(settings.find_problems())


def machine(root: Path, id_: str, **changes: Any) -> dict[str, Any]:
    file = root / f"{id_}.crt"
    file.touch()
    return {"id": id_, "certificate": file, "auditors": ("erin",)} | changes


def test_machines_are_told_apart(tmp_path: Path) -> None:
    first, second = (machine(tmp_path, id_, own_log=id_) for id_ in ("erin-desk", "li-desk"))
    assert feed(tmp_path, first, second, machine(tmp_path, "a"), machine(tmp_path, "b")) == []
    assert feed(tmp_path, first, second | {"id": "erin-desk", "own_log": "erin-desk"}) == [
        "feed.machines: two have the id erin-desk; give each its own",
        "feed.machines: two have the own_log erin-desk; give each its own",
    ]
    (told,) = feed(tmp_path, first, second | {"certificate": first["certificate"]})
    assert told == f"feed.machines: two have the certificate {first['certificate']}; give each its own"


def test_a_certificate_that_was_not_brought_says_where_it_is_made(tmp_path: Path) -> None:
    missing = machine(tmp_path, "erin-desk")
    missing["certificate"].unlink()
    (told,) = feed(tmp_path, missing)
    assert told.startswith(f"feed.machines.certificate: there is no {missing['certificate']}")
    assert "steelyard keys certificate" in told
