"""Units for systemd: each process has a user, folders and secrets of its own, in a sandbox that systemd calls one."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.init import init_site
from components.site.needs import SERVER, find_needs
from components.site.parts import running_parts
from components.site.units import MARK, TARGET, render_units, unit_name
from components.site.write_units import write_units
from tests.support.command import run_command
from tests.support.site_toml import write_site_toml
from tests.support.system_site import EXAMPLE, whole_example

ROOT = Path(__file__).resolve().parents[3]
# The least exposed that systemd knows is 0.0; it calls all below 2.0 safe.
MOST_EXPOSED = 1.8


@pytest.fixture
def everything(tmp_path: Path) -> SiteFile:
    path = tmp_path / "site.toml"
    path.write_text(whole_example())
    site = SiteFile(path)
    assert site.find_wrong_tables() == []
    return site


def settings_of(unit: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = defaultdict(list)
    for line in unit.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings[name].append(value)
    return settings


def units_of(site: SiteFile) -> dict[str, dict[str, list[str]]]:
    texts = render_units(site)
    return {
        each.name: settings_of(texts[f"systemd/system/{unit_name(each.name)}"]) for each in find_needs(site)
    }


def test_every_process_has_a_unit_and_the_target_wants_all(everything: SiteFile) -> None:
    names = [part.name for part in running_parts(everything)]
    assert len(names) == 10
    texts = render_units(everything)
    assert {path for path in texts if path.endswith(".service")} == {
        f"systemd/system/{unit_name(name)}" for name in (*names, SERVER)
    }
    wanted = settings_of(texts[f"systemd/system/{TARGET}"])["Wants"][0].split()
    assert set(wanted) == {unit_name(name) for name in (*names, SERVER)}
    for name, unit in units_of(everything).items():
        assert unit["ExecStart"] == [f"/usr/bin/steelyard run {name}"]
        assert unit["Environment"][0] == f"STEELYARD_SITE={everything.path}"
        assert unit["Type"] == ["exec" if name == SERVER else "notify"]
        assert bool(unit["WatchdogSec"]) == (name != SERVER)


def test_the_server_stops_first_and_the_witness_last(everything: SiteFile) -> None:
    """Units stop in the reverse order of their start: the gate records what the server still holds."""
    units = units_of(everything)
    after = {name: set(unit["After"][0].split()) for name, unit in units.items()}
    others = {unit_name(name) for name in units}
    assert after[SERVER] >= others - {unit_name(SERVER)}
    assert not after["witness"] & others
    assert all(unit_name("witness") in after[name] for name in units if name != "witness")


def test_nobody_writes_where_another_does_and_each_private_file_is_one_users(everything: SiteFile) -> None:
    owners: dict[Path, set[str]] = defaultdict(set)
    for needs in find_needs(everything):
        for path in (*needs.folders, *needs.secrets):
            owners[path].add(needs.user)
    assert {path: users for path, users in owners.items() if len(users) > 1} == {}
    # Who writes a log, and its key, are its process's.
    assert owners[Path("/var/lib/steelyard/gate")] == {"steelyard-gate"}
    assert owners[Path("/var/lib/steelyard/gate/log-gate.key")] == {"steelyard-gate"}
    assert owners[Path("/var/lib/steelyard/gate/gate.witnessed")] == {"steelyard-witness"}
    assert owners[everything.folder / "keys/auditor.key"] == {"steelyard-audit"}


def test_a_secret_of_several_is_roots_and_comes_to_those_who_need_it(everything: SiteFile) -> None:
    texts = render_units(everything)
    readers: dict[str, set[str]] = defaultdict(set)
    for name, unit in units_of(everything).items():
        for loaded in unit["LoadCredential"]:
            setting, _, file = loaded.partition(":")
            readers[setting].add(name)
            assert f"z {file} 0600 root root -" in texts["tmpfiles.d/steelyard.conf"]
            variable = f"STEELYARD_{setting.upper().replace('.', '__')}"
            assert f"{variable}=%d/{setting}" in unit["Environment"]
    assert readers == {
        "gate.secret_file": {"gate", SERVER},
        "roster.secret_file": {"roster", SERVER},
        "access.secret_file": {"access", SERVER},
        "transfer.secret_file": {"transfer", SERVER},
        "archive.conversation_key_file": {"gate", "indexer", "console"},
        "transfer.link_key_file": {"transfer", "gate", "indexer", "console"},
    }


def test_every_private_file_of_a_process_is_named(everything: SiteFile) -> None:
    """What `check` and `backup` know as secret, and this did not give to anybody, nobody could read."""
    given = {file for needs in find_needs(everything) for file in (*needs.secrets, *needs.shared.values())}
    for part in running_parts(everything):
        assert set(part.secret_files) <= given
    assert {log.key_file for log in everything.logs} <= given
    assert {
        file for _, file in everything.shown_certificates if file.with_suffix(".key") not in given
    } == set()


def test_a_process_is_given_what_it_was_seen_to_open(everything: SiteFile) -> None:
    """A test compares docs/security.md with what the processes of a demonstration open, run by one user."""
    table = (ROOT / "docs/security.md").read_text().split("### Which process needs which secret")[1]
    opened = dict(re.findall(r"^\| `components\.(?:audit\.)?([a-z]+)` \| (.+) \|$", table, re.MULTILINE))
    given = {
        each.name: {file.name for file in (*each.secrets, *each.shared.values())}
        for each in find_needs(everything)
    }
    assert set(opened) == set(given) - {SERVER}
    for name, files in opened.items():
        named = {Path(file).name for file in re.findall(r"`(?:keys/)([^`]+)`", files)}
        assert named - given[name] == set(), name


def test_a_unit_says_nothing_of_a_secret_and_each_setting_once(everything: SiteFile) -> None:
    for unit in units_of(everything).values():
        assert {name for name, values in unit.items() if len(values) > 1} <= {
            "Environment",
            "LoadCredential",
            "SystemCallFilter",
        }
        assert len(set(unit["Environment"])) == len(unit["Environment"])
        for variable in unit["Environment"]:
            assert re.fullmatch(r"STEELYARD_SITE=\S+|STEELYARD_[A-Z_]+=%d/[a-z_.]+", variable)


def test_who_reads_files_of_people_may_give_up_the_network(everything: SiteFile) -> None:
    units = units_of(everything)
    may = {name for name, unit in units.items() if unit["RestrictNamespaces"] != ["yes"]}
    assert may == {"transfer", "indexer", "console"}


def test_who_talks_to_nobody_outside_reaches_nobody(everything: SiteFile) -> None:
    units = units_of(everything)
    shut = {name for name, unit in units.items() if unit["IPAddressDeny"] == ["any"]}
    assert shut == {"gate", "roster", "access", "indexer"}
    text = everything.path.read_text() + '[review]\nfile = "/var/lib/steelyard/gate/review.db"\n'
    # A database on another machine has to be reached.
    here, there = (
        "/var/lib/steelyard/gate/gate.db",
        "postgresql://steelyard@db.example/archive?sslmode=verify-full#gate",
    )
    assert here in text
    everything.path.write_text(text.replace(here, there))
    assert not any(unit["IPAddressDeny"] for unit in units_of(SiteFile(everything.path)).values())


def test_processes_that_share_a_folder_are_told_to_part(tmp_path: Path) -> None:
    more = '[indexer]\nstatus_file = "run/indexer.json"\n'
    site = SiteFile(write_site_toml(tmp_path / "site.toml", more))
    with pytest.raises(SiteError, match=rf"indexer and gate write in one folder, {tmp_path}/run: give each"):
        render_units(site)


def test_nobody_but_root_writes_where_the_settings_are(everything: SiteFile) -> None:
    """Who could, would set what others do. Pushed people that count at once are written into directory.toml."""
    text = everything.path.read_text() + "auto = true\n"
    everything.path.write_text(text)
    with pytest.raises(SiteError, match=r"directory writes in .*, where site\.toml is"):
        render_units(SiteFile(everything.path))
    own = "/var/lib/steelyard/directory/directory.toml"
    everything.path.write_text(text.replace('"directory.toml"', f'"{own}"'))
    (directory,) = (each for each in find_needs(SiteFile(everything.path)) if each.name == "directory")
    assert Path(own).parent in directory.folders


def test_a_folder_above_that_root_has_shut_is_opened_and_no_folder_of_the_systems(
    everything: SiteFile,
) -> None:
    """A command of root's that makes /var/lib/steelyard/access/statements shuts the one above for all others."""
    lines = render_units(everything)["tmpfiles.d/steelyard.conf"].splitlines()
    opened = {line.split()[1] for line in lines if line.endswith(" 0755 root root -")}
    assert opened == {
        f"{top}/steelyard{more}"
        for top, more in (("/var/lib", ""), ("/var/lib", "/access"), ("/run", ""))
        if len(Path(f"{top}/steelyard{more}").parts) > 3
    }
    # Before what lies in it is made, by whose it is.
    (above,) = (line for line in lines if line == "z /var/lib/steelyard/access 0755 root root -")
    assert lines.index(above) < lines.index(
        "d /var/lib/steelyard/access/statements 0750 steelyard-prosody steelyard -"
    )


def test_the_servers_log_is_rotated_and_no_other(everything: SiteFile) -> None:
    text = render_units(everything)["logrotate.d/steelyard"]
    assert text.startswith(MARK.partition("{")[0])
    rotated = re.findall(r"^(/\S+) \{$", text, re.MULTILINE)
    assert rotated == [str(everything.site.logs / "prosody.log")]
    assert f"    su steelyard-{SERVER} steelyard\n" in text
    assert text.count("{") == text.count("}") == 1
    # It moves the file away, after which the server writes another: what it copies, it could lose the end of.
    assert "copytruncate" not in text
    assert f"systemctl try-reload-or-restart {unit_name(SERVER)}\n" in text


@pytest.mark.parametrize("letter", [" ", '"', "'", "$", "\\", ";"])
def test_a_path_that_systemd_would_take_apart_is_refused(letter: str, tmp_path: Path) -> None:
    folder = tmp_path / f"a{letter}b"
    folder.mkdir()
    (folder / "site.toml").write_text(EXAMPLE)
    with pytest.raises(SiteError, match="with which systemd does not take it"):
        render_units(SiteFile(folder / "site.toml"))


def test_a_percent_sign_is_none_of_systemds_specifiers(tmp_path: Path) -> None:
    folder = tmp_path / "50%d"
    folder.mkdir()
    (folder / "site.toml").write_text(EXAMPLE.replace('"Demonstration"', '"100 %\\nUser=root"'))
    texts = render_units(SiteFile(folder / "site.toml"))
    gate = settings_of(texts["systemd/system/steelyard-gate.service"])
    assert gate["LoadCredential"][0] == f"gate.secret_file:{tmp_path}/50%%d/keys/gate.secret"
    # Nor does a name begin a line of its own.
    assert settings_of(texts[f"systemd/system/{TARGET}"])["Description"] == [
        "Steelyard: the site 100 %% User=root"
    ]
    assert "\nUser=root" not in texts[f"systemd/system/{TARGET}"]


def test_what_was_written_is_written_anew_and_what_is_not_needed_is_removed(
    everything: SiteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    etc = tmp_path / "etc"
    first = write_units(everything, etc, "/opt/steelyard")
    assert first.removed == ()
    assert all(file.read_text().startswith(MARK.format(site=everything.path)) for file in first.written)
    assert "ExecStart=/opt/steelyard run gate" in (etc / "systemd/system/steelyard-gate.service").read_text()
    own = etc / "systemd/system/steelyard-backup.service"
    own.write_text("# the operator's own\n")
    everything.path.write_text(EXAMPLE)
    assert run_command("units", etc, "--site", everything.path) == 0
    told = capsys.readouterr().out
    assert f"removed {etc}/systemd/system/steelyard-tiles.service" in told
    left = {file.name for file in (etc / "systemd/system").iterdir()}
    assert left == {TARGET, own.name, *(unit_name(each) for each in ("gate", "roster", "indexer", SERVER))}
    assert own.read_text() == "# the operator's own\n"


def test_what_somebody_else_wrote_is_not_overwritten(everything: SiteFile, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    theirs = etc / "systemd/system/steelyard-gate.service"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("[Unit]\n")
    with pytest.raises(SiteError, match=r"steelyard-gate\.service is not of `steelyard units`"):
        write_units(everything, etc, "/usr/bin/steelyard")
    assert [file for file in etc.rglob("*") if file.is_file()] == [theirs]


def test_a_site_that_init_makes_for_a_system_has_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EXAMPLE.replace('"/var/', f'"{tmp_path}/var/').replace('"/run/', f'"{tmp_path}/run/')
    examples = tmp_path / "examples"
    examples.mkdir()
    for file in (ROOT / "config/examples").iterdir():
        (examples / file.name).write_text(file.read_text())
    (examples / "system-site.toml").write_text(text)
    monkeypatch.setattr("components.site.init.packaged_folder", lambda _name: examples)
    made = init_site(tmp_path / "etc/site.toml", system=True, origin="line.metals.example")
    assert made.settings.gate.log_origin == "line.metals.example/gate"
    assert len(find_needs(made.settings)) == 4
    for needs in find_needs(made.settings):
        for file in (*needs.secrets, *needs.shared.values()):
            assert file.is_file()
            assert file.stat().st_mode & 0o077 == 0


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
@pytest.mark.programs
def test_systemd_takes_every_unit_and_finds_it_shut(everything: SiteFile, tmp_path: Path) -> None:
    written = write_units(everything, tmp_path / "etc", "/bin/true").written
    units = [file for file in written if file.suffix in (".service", ".target")]
    verified = analyze("verify", "--man=no", "--recursive-errors=no", *units)
    ours = [line for line in verified.stderr.splitlines() if "steelyard" in line]
    assert (verified.returncode, ours) == (0, [])
    for unit in (file for file in units if file.suffix == ".service"):
        judged = analyze(
            "security", "--offline=true", f"--threshold={round(MOST_EXPOSED * 10)}", "--no-pager", unit
        )
        assert judged.returncode == 0, f"{unit.name}\n{judged.stdout}{judged.stderr}"


@pytest.mark.programs
def test_systemd_would_tell_of_a_unit_that_is_wrong(everything: SiteFile, tmp_path: Path) -> None:
    """Or the test above would hold of anything."""
    write_units(everything, tmp_path / "etc", "/bin/true")
    unit = tmp_path / "etc/systemd/system/steelyard-gate.service"
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=maybe"))
    told = analyze("verify", "--man=no", "--recursive-errors=no", unit).stderr
    assert (
        "protect system value" in told or "ProtectSystem=maybe" in told
    )  # by version 252, and by later ones
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert (
        analyze("security", "--offline=true", f"--threshold={round(MOST_EXPOSED * 10)}", unit).returncode != 0
    )


def table_of_the_document() -> dict[str, list[str]]:
    text = (ROOT / "docs/install.md").read_text()
    rows = re.findall(r"^\| `(steelyard-[a-z]+)` \|(.*)\|$", text, re.MULTILINE)
    return {user: [cell.strip() for cell in cells.split("|")] for user, cells in rows}


def test_the_document_says_who_is_who(everything: SiteFile) -> None:
    processes: dict[str, set[str]] = defaultdict(set)
    shared: dict[str, set[str]] = defaultdict(set)
    for needs in find_needs(everything):
        processes[needs.user].add(needs.name)
        shared[needs.user] |= set(needs.shared)
    table = table_of_the_document()
    assert {user: set(cells[0].split(", ")) for user, cells in table.items()} == processes
    for user, (_processes, _folders, private, credentials) in table.items():
        if user != f"steelyard-{SERVER}":
            assert set(re.findall(r"`([a-z_.]+)`", credentials)) == shared[user], user
        assert not set(re.findall(r"`([a-z_.]+)`", private)) & set().union(*shared.values())


def test_every_setting_that_the_document_names_is_one() -> None:
    known = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    text = (ROOT / "docs/install.md").read_text()
    named = {
        name
        for name in re.findall(r"`([a-z]+(?:\.[a-z0-9_]+)+)`", text)
        if not name.endswith((".d", ".toml"))
    }
    assert {name for name in named if name.split(".")[-1] not in ("key", "target")} - known == set()
