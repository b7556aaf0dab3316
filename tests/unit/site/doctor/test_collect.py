"""The facts of a site that is up and of one that is not are taken without changing anything."""

import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.cli.app import run
from components.cli.output.doctor import describe_ailments, print_ailments
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site import check
from components.site.doctor.collect import collect_facts
from components.site.doctor.judge import judge_site
from components.site.lock import LOCK_FILE, hold_site
from components.site.parts import running_parts
from tests.support.site_log import record

pytestmark = [pytest.mark.programs, pytest.mark.slow]


@pytest.fixture
async def begun(site: Path) -> Path:
    """A site with a log, which is not up."""
    await record(SiteFile(site))
    return site


def write_status(site: Path, age_s: float = 0.0, **details: object) -> None:
    """Tell the gate's status, as the gate does."""
    file = SiteFile(site).gate.status_file
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"state": "connected", "pid": 1, **details}))
    os.utime(file, (time.time() - age_s,) * 2)


@contextmanager
def running(program: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script of this name, with these arguments, that does nothing."""
    program.write_text("read nothing\n")
    process = subprocess.Popen(["sh", program, *map(str, arguments)], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def files_of(site: Path) -> dict[Path, bytes]:
    """Return what there is, without what SQLite makes for readers."""
    files = (path for path in site.parent.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal"))}


def test_a_site_that_is_not_up_is_named_so_and_stays_as_it_is(begun: Path) -> None:
    before = files_of(begun)
    facts = collect_facts(begun)
    assert (facts.up_for_s, facts.processes, facts.checks) == (None, (), ())
    assert sum(disk.grown_bytes for disk in facts.disks) > 0
    assert facts.certificates.days is not None
    assert facts.certificates.days > 300
    assert facts.clock.behind_s == 0.0
    (not_up,) = (each for each in judge_site(facts) if each.about == "site")
    assert not_up.remedy.startswith("steelyard up")
    assert files_of(begun) == before


def test_a_held_site_is_asked_process_by_process(begun: Path) -> None:
    alarm = {"name": "link-down", "times": 1, "last_at_ns": time.time_ns()}
    held = {"waiting": 2, "oldest_at_ns": time.time_ns() - 90 * 10**9, "uncertain": 1}
    with hold_site(begun.parent):
        write_status(begun, alarms=[alarm], held=held)
        facts = collect_facts(begun)
    assert facts.up_for_s is not None
    names = {part.name for part in running_parts(SiteFile(begun))}
    assert {each.name for each in facts.processes} == {"prosody", *names}
    assert all(each.fault for each in facts.processes)  # none runs below this test
    assert [each.name for each in facts.alarms] == ["link-down"]
    assert (facts.held.waiting, facts.held.uncertain, facts.held.deadline_s) == (2, 1, 3600.0)
    assert 90.0 <= facts.held.oldest_s < 3600.0
    critical = [each.about for each in judge_site(facts) if each.severity == "critical"]
    assert {"prosody", "gate", "alarm"} <= {*critical}


def test_who_has_a_port_of_a_site_that_is_not_up_is_named(begun: Path) -> None:
    port = SiteFile(begun).prosody.c2s_port
    with socket.create_server(("127.0.0.1", port)):
        facts = collect_facts(begun)
    (taken,) = facts.ports
    assert taken.startswith(f"port {port} (prosody.c2s_port) is in use by ")
    with hold_site(begun.parent), socket.create_server(("127.0.0.1", port)):
        assert collect_facts(begun).ports == ()


def test_wrong_settings_are_a_finding_and_not_the_end_of_the_look(begun: Path) -> None:
    """A key that is lost, a slip in site.toml: whatever it is, the doctor says so, up or not, as JSON, too."""
    (begun.parent / "keys" / "log-gate.key").unlink()
    (settings,) = (each for each in judge_site(collect_facts(begun)) if each.about == "settings")
    assert settings.severity == "critical"
    assert "there is no" in settings.text
    begun.write_text("[site\n")
    with hold_site(begun.parent):
        facts = collect_facts(begun)
    assert facts.up_for_s is not None
    assert [each.about for each in judge_site(facts)] == ["settings"]
    with (begun.parent / LOCK_FILE).open("w") as shared:
        fcntl.flock(shared, fcntl.LOCK_SH)  # as a unit of systemd has it
        assert collect_facts(begun).by_units
    begun.unlink()
    with pytest.raises(SettingsError):
        collect_facts(begun)


@pytest.mark.parametrize("answers", [True, False])
def test_a_server_that_somebody_else_starts_only_has_to_answer(
    begun: Path, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    async def ask(_: object) -> str:
        return "" if answers else "does not listen"

    monkeypatch.setattr(check, "find_server_fault", ask)
    attached = 'attached_to = "/etc/prosody/prosody.cfg.lua"\nc2s_port = '
    begun.write_text(begun.read_text().replace("c2s_port = ", attached, 1))
    with hold_site(begun.parent):
        facts = collect_facts(begun)
    (server,) = (each for each in facts.processes if each.name == "prosody")
    assert server.fault == ("" if answers else "does not listen")
    told = [each for each in judge_site(facts) if each.text.startswith(f"{server.title} does")]
    assert [each.text for each in told] == ([] if answers else [f"{server.title} does not listen"])


def test_processes_that_run_each_by_itself_are_found_without_an_up(begun: Path) -> None:
    """As systemd runs them; and where one of them ends, the others are still known."""
    site = SiteFile(begun)
    with ExitStack() as stack:
        shared = stack.enter_context((begun.parent / LOCK_FILE).open("w"))
        fcntl.flock(shared, fcntl.LOCK_SH)
        # What only looks at the site, or is of another one, is none of its processes.
        program = begun.parent / "program"
        stack.enter_context(running(program, "-m", "components.site.check", begun))
        stack.enter_context(running(program, "-m", "components.gate", f"{begun}.old"))
        assert collect_facts(begun).up_for_s is None
        stack.enter_context(running(program, "-P", "-m", "components.gate", begun))
        stack.enter_context(running(begun.parent / "prosody", "-F", site.prosody.config_file))
        facts = collect_facts(begun)
    assert facts.by_units
    assert facts.up_for_s is not None
    known = {each.name: each for each in facts.processes}
    assert {name for name, each in known.items() if each.age_s is not None} == {"gate", "prosody"}
    others = {part.name for part in running_parts(site)} - {"gate"}
    assert {name for name, each in known.items() if each.age_s is None} == others
    assert all(each.fault for each in known.values())  # they only have the names
    assert known["gate"].open_files_max > 0


def test_what_check_finds_and_lost_certificates_are_among_the_facts(begun: Path) -> None:
    (begun.parent / "keys" / "gate.secret").write_text("\n")
    (SiteFile(begun).prosody.certificates / "metals.example.crt").write_text("no certificate")
    facts = collect_facts(begun)
    assert "keys" in {each.name for each in facts.checks}
    assert facts.certificates.faults
    assert facts.certificates.days is None


@pytest.mark.parametrize("details", [{}, {"held": None}, {"held": {"waiting": 1}}])
def test_a_gate_that_says_less_is_taken_as_it_is(begun: Path, details: dict[str, Any]) -> None:
    with hold_site(begun.parent):
        write_status(begun, **details)
        facts = collect_facts(begun)
    assert facts.held.oldest_s == 0.0


def test_what_is_printed_names_each_finding_and_what_mends_it(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = collect_facts(begun)
    ailments = judge_site(facts)
    print_ailments(ailments, facts)
    assert "steelyard up" in capsys.readouterr().out
    document = describe_ailments(ailments, facts)
    assert document["ok"] is False
    assert {"about": "site", "severity": "critical"}.items() <= document["findings"][0].items()
    assert json.loads(json.dumps(document)) == document
    print_ailments([], facts)
    assert "nothing is wrong" in capsys.readouterr().out


def test_the_command_tells_by_its_status(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json", "--site", str(begun)]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["about"] == "site"
    with pytest.raises(SystemExit) as ended:
        run(["restart", "gate", "--site", str(begun)])
    assert ended.value.code == 2
    assert "the site is not up here" in capsys.readouterr().err
