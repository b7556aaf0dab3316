"""Where an ejabberd has its things, and the adapter's folder there."""

import os
import pwd
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site.attach.ejabberd import adapter
from components.site.attach.ejabberd.adapter import place_adapter, remove_adapter
from components.site.attach.ejabberd.places import Places, read_places
from components.site.attach.ejabberd.survey import survey_environment


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "ejabberd.yml"


def write_control(config: Path, text: str) -> Places:
    config.with_name("ejabberdctl.cfg").write_text(text)
    return read_places(config)


def unknown(name: str) -> None:
    raise KeyError(name)


def test_without_a_word_of_it_all_is_where_debian_has_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    data = Path("/var/lib/ejabberd")
    assert read_places(config) == Places("ejabberd@localhost", data, data / ".ejabberd-modules", None, None)


def test_the_modules_are_in_the_home_of_the_servers_user(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pwd.getpwnam("root")
    monkeypatch.setattr(pwd, "getpwnam", lambda name: root if name == "ejabberd" else None)
    places = write_control(config, "SPOOL_DIR=/srv/chat\n")
    assert (places.data, places.modules) == (Path("/srv/chat"), Path(root.pw_dir) / ".ejabberd-modules")


@pytest.mark.parametrize(
    "line",
    [
        "ERLANG_NODE=firm@chat",
        "  export ERLANG_NODE='firm@chat'",
        'ERLANG_NODE="firm@chat" # ours',
        "#ERLANG_NODE=other@chat\nERLANG_NODE=firm@chat",
        "ERLANG_NODE=other@chat\nERLANG_NODE=firm@chat",
        'ERL_OPTIONS="an end that is missing\nERLANG_NODE=firm@chat',
    ],
)
def test_it_is_read_as_a_shell_reads_it(config: Path, line: str) -> None:
    assert write_control(config, f"{line}\n").node == "firm@chat"


def test_what_is_empty_is_not_set(config: Path) -> None:
    assert write_control(config, "ERLANG_NODE=\nCONTRIB_MODULES_CONF_DIR=/etc/more\n") == Places(
        "ejabberd@localhost", Path("/var/lib/ejabberd"), read_places(config).modules, Path("/etc/more"), None
    )


def test_hosts_are_found_as_the_server_finds_them(config: Path) -> None:
    """A machine need not know `localhost`, and Debian's server does all the same: it is in this file."""
    names = config.with_name("inetrc")
    names.write_text('{host,{127,0,0,1},["localhost"]}.\n')
    places = read_places(config)
    assert places.names == names
    assert survey_environment(config, places)["ERL_INETRC"] == str(names)
    names.unlink()
    assert "ERL_INETRC" not in survey_environment(config, read_places(config))


@pytest.fixture
def placed(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the adapter's folder, for which a file stands in for what a compiler makes."""
    write_control(config, f"CONTRIB_MODULES_PATH={tmp_path / 'modules'}\n")

    def compile_adapter(into: Path, _libraries: Path) -> Path:
        into.mkdir()
        (into / "mod_stanza_gate.beam").write_text("a beam")
        return into

    monkeypatch.setattr(adapter, "compile_adapter", compile_adapter)
    return tmp_path / "modules" / "steelyard"


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


def test_the_adapter_is_placed_as_a_whole(config: Path, placed: Path) -> None:
    place_adapter(config)
    (placed / "ebin" / "of_before.beam").write_text("an old one")
    place_adapter(config)
    assert files(placed) == ["ebin", "ebin/mod_stanza_gate.beam", "steelyard.spec"]


def test_the_server_can_read_it_whatever_root_lets_others_read(config: Path, placed: Path) -> None:
    before = os.umask(0o077)
    try:
        place_adapter(config)
    finally:
        os.umask(before)
    folders, beam = (placed.parent, placed, placed / "ebin"), placed / "ebin" / "mod_stanza_gate.beam"
    assert {file.stat().st_mode & 0o777 for file in folders} == {0o755}
    assert beam.stat().st_mode & 0o777 == 0o644


def test_it_is_taken_away_with_the_folder_that_was_made_for_it(config: Path, placed: Path) -> None:
    place_adapter(config)
    remove_adapter(config)
    assert not placed.parent.exists()
    remove_adapter(config)  # again: nothing is there


def test_modules_of_others_stay(config: Path, placed: Path) -> None:
    (placed.parent / "mod_theirs").mkdir(parents=True)
    place_adapter(config)
    remove_adapter(config)
    assert files(placed.parent) == ["mod_theirs"]


def test_a_folder_that_cannot_be_written_is_told(config: Path, placed: Path) -> None:
    placed.parent.write_text("no folder")
    with pytest.raises(SiteError, match=r"cannot be written: .*; run this as root"):
        place_adapter(config)
