"""site.toml is read once, each table validated where it is first used; a fault in one leaves the others usable."""

from pathlib import Path

import pytest

from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.settings.tables import OPTIONAL_TABLES, REQUIRED_TABLES, TABLES
from policy.review import ReviewAct
from tests.support.site_toml import write_site_toml

ROSTER = """
[roster]
jid = "roster.metals.example"
secret_file = "keys/roster.secret"
log = "postgresql://steelyard@db.example/archive?sslmode=verify-full#roster"
log_origin = "metals.example/roster"
log_key_file = "keys/log-roster.key"
state_file = "run/roster.state.json"
status_file = "run/roster.status.json"
"""


def read(folder: Path, more: str = "", *changes: tuple[str, str]) -> SiteFile:
    path = write_site_toml(folder / "site.toml", more)
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return SiteFile(path)


def test_tables_that_many_read_are_attributes(tmp_path: Path) -> None:
    site = read(tmp_path)
    assert (site.path, site.folder) == (tmp_path / "site.toml", tmp_path)
    assert site.site.name == "Metals"
    assert site.prosody.folder == tmp_path / "prosody"
    assert site.gate.secret_file == tmp_path / "keys" / "gate.secret"
    assert site.archive.recipients == tuple(
        tmp_path / "keys" / f"{name}.pub" for name in ("auditor", "escrow")
    )
    assert site.audit.key_files == (tmp_path / "keys" / "auditor.key",)
    assert site.find_wrong_tables() == []


def test_optional_tables_that_are_missing_are_none_and_held_messages_have_their_defaults(
    tmp_path: Path,
) -> None:
    site = read(tmp_path)
    assert [site.find(table) for table in OPTIONAL_TABLES] == [None] * len(OPTIONAL_TABLES)
    assert (site.tiles, site.witness, site.directory, site.roster, site.access) == (None,) * 5
    assert (site.review.default, site.review.deadline_s) == (ReviewAct.REFUSE, 3600.0)
    for table in OPTIONAL_TABLES:
        with pytest.raises(SettingsError, match=rf"^{table.table_name}: is missing; add the table"):
            site.require(table)


def test_a_required_table_that_is_missing_is_told_of_by_whoever_looks_for_it(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("")
    site = SiteFile(tmp_path / "site.toml")
    for table in REQUIRED_TABLES:
        with pytest.raises(SettingsError, match=rf"^{table.table_name}: is missing; add the table"):
            site.find(table)
    assert [table.may_be_missing for table in TABLES] == [table in OPTIONAL_TABLES for table in TABLES]


def test_each_attribute_is_the_table_of_its_name() -> None:
    named = {name: each for name, each in vars(SiteFile).items() if hasattr(each, "load")}
    by_name = {table.table_name: table for table in TABLES}
    assert {name: each.load() for name, each in named.items()} == {name: by_name[name] for name in named}
    assert by_name.keys() - named.keys() == {"review", "history", "indexer"}


def test_the_file_is_read_once(tmp_path: Path) -> None:
    site = read(tmp_path)
    site.path.unlink()
    assert site.gate is site.gate


def test_a_wrong_table_is_told_when_it_is_used_and_leaves_the_others_alone(tmp_path: Path) -> None:
    site = read(tmp_path, "", ("folder = ", "foldr = "), ('domains = ["metals.example"]', "domains = []"))
    assert site.gate.jid == "gate.metals.example"
    for _again in range(2):
        with pytest.raises(SettingsError) as caught:
            _ = site.prosody
        assert sorted(problem.partition(": ")[0] for problem in caught.value.problems) == [
            "prosody.domains",
            "prosody.folder",
            "prosody.foldr",
        ]


def test_all_that_is_wrong_in_any_table_is_told_at_once(tmp_path: Path) -> None:
    changes = ("jid = ", "jdi = "), ("index = ", "indx = "), ("[archive]", "[archiv]")
    site = read(tmp_path, "[tiles]\nport = 0\n[review]\ndefault = 'keep'\n", *changes)
    assert [problem.partition(": ")[0] for problem in site.find_wrong_tables()] == [
        "gate.jid",
        "gate.jdi",
        "archive",
        "audit.index",
        "audit.indx",
        "tiles.port",
        "review.default",
        "archiv",
    ]


def test_every_table_with_a_log_is_a_log_of_the_site(tmp_path: Path) -> None:
    site = read(tmp_path, ROSTER)
    assert [(log.table, log.name, log.origin) for log in site.logs] == [
        (name, name, f"metals.example/{name}") for name in ("gate", "audit", "roster")
    ]
    assert site.logs[:2] == (site.gate_log, site.audit_log)
    assert site.gate_log.verifier_key_file == tmp_path / "keys" / "log-gate.pub"
    assert [log.witnessed for log in site.logs] == [
        tmp_path / "archive" / f"{name}.witnessed" for name in ("gate", "audit", "roster")
    ]
    assert site.log_names == "gate or audit or roster"
    assert site.find_log("roster") == site.logs[2]
    assert site.find_log("tiles") is None


def test_the_log_of_a_wrong_table_is_not_left_out(tmp_path: Path) -> None:
    site = read(tmp_path, ROSTER.replace("jid = ", "jdi = "))
    with pytest.raises(SettingsError, match=r"roster\.jid: is missing"):
        _ = site.logs
