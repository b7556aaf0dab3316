"""What the environment sets counts in place of the file, is checked like it, and is named when it is wrong."""

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from components.settings.environment import find_variables, parse_value, set_from_environment
from components.settings.reload import find_waiting, read_changed
from components.settings.site import SiteFile
from components.settings.table import SettingsError, inner_table
from components.settings.tables import TABLES
from tests.support.site_toml import write_site_toml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9100", 9100),
        ("2.5", 2.5),
        ("true", True),
        ('["a.example", "b.example"]', ["a.example", "b.example"]),
        ('{ bucket = "files" }', {"bucket": "files"}),
        ('"9100"', "9100"),
        ("'text'", "text"),
        ("gate.metals.example", "gate.metals.example"),
        ("/run/credentials/gate/secret", "/run/credentials/gate/secret"),
        ("postgresql://u@h/db#gate", "postgresql://u@h/db#gate"),
        ("", ""),
        ("2026-11-29", "2026-11-29"),  # a date of TOML's: no setting is one but within a table
        ("a = b", "a = b"),
        ("1\nvalue_of_another = 2", "1\nvalue_of_another = 2"),
        ("1 # a comment of TOML's", 1),
        ("[" * 100, "[" * 100),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_value_is_read_as_toml_has_it_or_is_text(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@given(st.text())
def test_any_text_is_a_value(text: str) -> None:
    parse_value(text)


NAMES = (
    "STEELYARD_SITE",
    "STEELYARD_LOG_FILE",
    "STEELYARD_AGE_IDENTITY_FILE",
    "STEELYARD__GATE",
    "STEELYARD_GATE__",
)


def test_other_variables_set_nothing() -> None:
    others = (
        *NAMES,
        "STEELYARD_gate__port",
        "GATE__PORT",
        "XSTEELYARD_GATE__PORT",
        "STEELYARD_",
        "STEELYARD___",
    )
    assert find_variables(dict.fromkeys(others, "1")) == {}


def every_setting(model: type[BaseModel], variable: str, path: str) -> Any:
    for name, field in model.model_fields.items():
        written = field.alias or name
        here = f"{variable}__{written.upper()}", f"{path}.{written}"
        yield here
        inner = inner_table(field.annotation)
        if inner is not None and not str(field.annotation).startswith("tuple"):
            yield from every_setting(inner, *here)


def test_every_setting_has_its_variable() -> None:
    settings = [
        each
        for table in TABLES
        for each in every_setting(table, f"STEELYARD_{table.table_name.upper()}", table.table_name)
    ]
    assert len(settings) > 150
    for variable, path in settings:
        assert find_variables({variable: "1"}) == {path: variable}
        document: Any = set_from_environment({}, {variable: "1"})
        for step in path.split("."):
            document = document[step]
        assert document == 1


@given(
    st.dictionaries(
        st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=3), min_size=2, max_size=3).map(tuple),
        st.integers(),
        max_size=5,
    )
)
def test_the_document_that_was_read_stays_and_nothing_else_changes(
    changes: dict[tuple[str, ...], int],
) -> None:
    document = {"gate": {"port": 1, "s3": {"bucket": "b"}}, "zz": {"port": 2}}
    before = {"gate": {"port": 1, "s3": {"bucket": "b"}}, "zz": {"port": 2}}
    environment = {"STEELYARD_" + "__".join(path).upper(): str(value) for path, value in changes.items()}
    try:
        changed = set_from_environment(document, environment)
    except SettingsError:
        # One is inside of another.
        assert any(a != b and b[: len(a)] == a for a in changes for b in changes)
        return
    assert document == before
    if not any(path[0] in document for path in changes):
        assert {name: changed[name] for name in document} == before


def test_it_counts_for_this_process_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_site_toml(tmp_path / "site.toml", gate={"max_batch": 7, "metrics_port": 1})
    monkeypatch.setenv("STEELYARD_GATE__METRICS_PORT", "9100")
    monkeypatch.setenv("STEELYARD_GATE__SECRET_FILE", "/run/credentials/gate.secret")
    monkeypatch.setenv("STEELYARD_GATE__DIRECTORY", "people.toml")
    monkeypatch.setenv("STEELYARD_TILES__PORT", "8080")
    site = SiteFile(path)
    assert (site.gate.metrics_port, site.gate.max_batch) == (9100, 7)
    assert site.gate.secret_file == Path("/run/credentials/gate.secret")
    # Relative ones start at the file's folder, as those in it do.
    assert site.gate.directory_file == tmp_path / "people.toml"
    assert site.tiles is not None
    assert site.tiles.port == 8080
    assert site.find_wrong_tables() == []


def test_what_is_wrong_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_site_toml(tmp_path / "site.toml")
    monkeypatch.setenv("STEELYARD_GATE__METRICS_PORT", "many")
    monkeypatch.setenv("STEELYARD_GATE__METRIKS_PORT", "1")
    monkeypatch.setenv("STEELYARD_PROSODY__WEB__PORT", "0")
    problems = SiteFile(path).find_wrong_tables()
    for setting, variable in (
        ("gate.metrics_port", "STEELYARD_GATE__METRICS_PORT"),
        ("gate.metriks_port", "STEELYARD_GATE__METRIKS_PORT"),
        ("prosody.web.port", "STEELYARD_PROSODY__WEB__PORT"),
    ):
        (problem,) = (each for each in problems if each.startswith(f"{setting}: "))
        assert f"(set by {variable})" in problem
    assert len(problems) == 3


def test_what_lies_within_no_table_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_site_toml(tmp_path / "site.toml")
    monkeypatch.setenv("STEELYARD_ARCHIVE__RECIPIENTS__0", "a.pub")
    with pytest.raises(SettingsError, match="STEELYARD_ARCHIVE__RECIPIENTS__0: recipients is no table"):
        SiteFile(path)


def test_what_is_read_again_is_set_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each SIGHUP would tell of a setting that waits, and go back to the file's."""
    path = write_site_toml(tmp_path / "site.toml", gate={"metrics_port": 1, "max_batch": 7})
    monkeypatch.setenv("STEELYARD_GATE__METRICS_PORT", "9100")
    site = SiteFile(path)
    path.write_text(path.read_text().replace("max_batch = 7", "max_batch = 8"))
    assert list(find_waiting(site, read_changed(site))) == ["gate.max_batch"]
