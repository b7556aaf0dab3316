"""What a parser would take and no process can use is refused where it is written, with what to do instead."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from components.process.errors import shorten
from components.settings.directory import DirectorySettings
from components.settings.roster import RosterSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError, Table
from components.settings.tiles import TilesSettings
from components.site.validate import load_site
from tests.support.made_site import made_site, site
from tests.support.site_toml import write_site_toml

__all__ = ["made_site", "site"]

TILES = """
[tiles]
port = 8080
address = "127.0.0.1"
"""
ROSTER = """
[roster]
jid = "roster.metals.example"
secret_file = "keys/roster.secret"
log = "archive/roster.db"
log_origin = "metals.example/roster"
log_key_file = "keys/log-roster.key"
state_file = "run/roster.state.json"
status_file = "run/roster.status.json"
"""
DIRECTORY = """
[directory]
max_departures = 0.2
"""
STATE = '"run/roster.state.json"'


@pytest.mark.parametrize(
    ("table", "text", "old", "new", "said"),
    [
        (TilesSettings, TILES, "8080", "true", "tiles.port: cannot be true or false"),
        (TilesSettings, TILES, "8080", "0", "tiles.port: "),
        (TilesSettings, TILES, '"127.0.0.1"', '"here and there"', "tiles.address: "),
        (TilesSettings, TILES, '"127.0.0.1"', '""', "tiles.address: "),
        (DirectorySettings, DIRECTORY, "0.2", "nan", "directory.max_departures: "),
        (DirectorySettings, DIRECTORY, "0.2", "inf", "directory.max_departures: "),
        (DirectorySettings, DIRECTORY, "0.2", "true", "directory.max_departures: cannot be true or false"),
        (RosterSettings, ROSTER, STATE, '""', "roster.state_file: must not be empty"),
        (RosterSettings, ROSTER, STATE, r'"run/a\nb"', "roster.state_file: is no path"),
        (RosterSettings, ROSTER, STATE, r'"run/a\u0000b"', "roster.state_file: has a control character"),
        (RosterSettings, ROSTER, STATE, '"' + "a" * 300 + '"', "roster.state_file: is too long for a path"),
        (RosterSettings, ROSTER, STATE, '"~nobody-of-here/a"', "roster.state_file: there is no home folder"),
        (RosterSettings, ROSTER, '"archive/roster.db"', '""', "roster.log: must not be empty"),
        (RosterSettings, ROSTER, '"archive/roster.db"', '"/"', "roster.log: names no file"),
        (RosterSettings, ROSTER, '"keys/log-roster.key"', '""', "roster.log_key_file: must not be empty"),
    ],
)
def test_it_is_named_with_what_to_do(
    tmp_path: Path, table: type[Table], text: str, old: str, new: str, said: str
) -> None:
    assert old in text
    site = SiteFile(write_site_toml(tmp_path / "site.toml", text.replace(old, new)))
    with pytest.raises(SettingsError) as raised:
        site.require(table)
    assert any(said in problem for problem in raised.value.problems), raised.value.problems


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "localhost", "line.metals.example"])
def test_addresses_are_those_of_ip_or_names_of_hosts(tmp_path: Path, address: str) -> None:
    site = SiteFile(write_site_toml(tmp_path / "site.toml", TILES.replace("127.0.0.1", address)))
    assert site.require(TilesSettings).address == address


LONG = "x" * 20_000
_VALUE = re.compile(r'^(\w+) = (?:\[)?"[^"]*"', re.MULTILINE)


def _spoilt(text: str) -> Iterator[str]:
    """Yield the text of a site's file with each of its names, in turn, much too long; and with unknown ones."""
    for found in _VALUE.finditer(text):
        yield (
            text[: found.start()]
            + found.group().rpartition('"')[0].rpartition('"')[0]
            + f'"{LONG}"'
            + text[found.end() :]
        )
    yield f"{text}\n[{LONG}]\n"
    yield text.replace("[site]", f"[site]\n{LONG} = 1", 1)
    yield text + LONG
    yield f"{text}\n[witness.time_stamps]\nurl = 'https://{LONG}'\n"


@pytest.mark.slow
def test_what_an_error_repeats_is_bounded(site: Path) -> None:
    text = site.read_text()
    cases = list(_spoilt(text))
    assert len(cases) > 40
    told = 0
    for case in cases:
        site.write_text(case)
        problems: Sequence[str] = ()
        try:
            load_site(site)
        except SettingsError as error:
            problems = error.problems
            assert len(str(error)) < 40_000
        told += bool(problems)
        assert all(len(problem) < 1_100 for problem in problems), case.replace(LONG, "LONG")[-200:]
    assert told >= len(cases) - 3


def test_what_is_left_out_of_a_line_is_told() -> None:
    """Its beginning says where, and its end what to do."""
    whole = f"site.name: {LONG} is too long; write a shorter one"
    line = shorten(whole)
    assert line.startswith("site.name: xxx")
    assert line.endswith("xxx is too long; write a shorter one")
    assert f"[... {len(whole) - 1000:,} characters ...]" in line
    assert shorten(line[:1000]) == line[:1000]


@pytest.mark.parametrize(("name", "said"), [("x" * 255, ""), ("x" * 256, "at most 255 characters")])
def test_names_are_no_longer_than_what_they_come_into(site: Path, name: str, said: str) -> None:
    site.write_text(re.sub('^name = ".*"', f'name = "{name}"', site.read_text(), flags=re.MULTILINE))
    problems = SiteFile(site).find_wrong_tables()
    assert [said in problem for problem in problems] == ([True] if said else [])
