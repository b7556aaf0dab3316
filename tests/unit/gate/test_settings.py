"""The gate's settings: all that is wrong is said at once, each with its path and what to do."""

from pathlib import Path

import pytest

from components.settings.site import SiteFile
from components.settings.table import SettingsError

RIGHT = {
    "jid": '"gate.metals.example"',
    "secret_file": '"keys/gate.secret"',
    "directory": '"directory.toml"',
    "log": '"archive/gate.db"',
    "log_origin": '"metals.example/gate"',
    "log_key_file": '"/elsewhere/log-gate.key"',
    "status_file": '"run/gate.status.json"',
}


def write(folder: Path, changes: dict[str, str | None] | None = None) -> Path:
    lines = [f"{name} = {value}" for name, value in (RIGHT | (changes or {})).items() if value is not None]
    path = folder / "site.toml"
    path.write_text("\n".join(["[prosody]", "anything = 1", "[gate]", *lines, ""]))
    return path


def test_paths_start_at_the_files_folder_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = SiteFile(write(tmp_path)).gate
    assert settings.log == tmp_path / "archive" / "gate.db"
    assert settings.log_key_file == Path("/elsewhere/log-gate.key")
    assert (settings.address, settings.component_port, settings.hold_timeout_s) == ("127.0.0.1", 5347, 5.0)
    assert (settings.max_batch, settings.log_level) == (256, "info")


WRONG: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "missing": ({"jid": None}, ["gate.jid: is missing"]),
    "misspelt": ({"max_bach": "3"}, ["gate.max_bach: there is no such setting; did you mean max_batch?"]),
    "misspelt directory": (
        {"directory": None, "directory_file": '"directory.toml"'},
        [
            "gate.directory: is missing; add it",
            "gate.directory_file: there is no such setting; did you mean directory?",
        ],
    ),
    "unknown": ({"colour": '"red"'}, ["gate.colour: there is no such setting; remove it"]),
    "port": ({"component_port": "70000"}, ["gate.component_port: "]),
    "jid": ({"jid": '"gate@metals.example"'}, ["gate.jid: "]),
    "timeout": ({"hold_timeout_s": "0"}, ["gate.hold_timeout_s: "]),
    "batch": ({"max_batch": "0"}, ["gate.max_batch: "]),
    "level": ({"log_level": '"loud"'}, ["gate.log_level: "]),
    "all": (
        {"jid": None, "component_port": "-1", "window_bytes": '"many"'},
        ["gate.jid: ", "gate.component_port: ", "gate.window_bytes: "],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_fault_is_named_with_its_path(tmp_path: Path, name: str) -> None:
    changes, starts = WRONG[name]
    with pytest.raises(SettingsError) as raised:
        _ = SiteFile(write(tmp_path, changes)).gate
    problems = sorted(raised.value.problems)
    assert len(problems) == len(starts)
    for problem, start in zip(problems, sorted(starts), strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "gate: is missing"),
        ("gate = 3", "gate: is missing"),
        ("[gate", "is not valid TOML"),
        ("\xff", "is not valid TOML"),
    ],
)
def test_a_file_without_the_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=reason):
        _ = SiteFile(path).gate


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        _ = SiteFile(tmp_path / "site.toml").gate
