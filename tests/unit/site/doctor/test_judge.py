"""Each thing that can be wrong is named, with how bad it is and what mends it; a site that is well has nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.alarm_name import AlarmName
from components.site.certificate_check import CertificateFault
from components.site.doctor.facts import (
    CertificateFacts,
    CheckFacts,
    ClockFacts,
    DiskFacts,
    HeldFacts,
    LagFacts,
    ProcessFacts,
    SiteFacts,
)
from components.site.doctor.judge import (
    CLOCK_SLACK_S,
    DAYS_CRITICAL,
    DAYS_WARNING,
    FREE_CRITICAL_BYTES,
    FREE_FILES_MIN,
    FREE_WARNING_BYTES,
    HELD_SHARE,
    INDEX_SLACK_S,
    OPEN_FILES_SHARE,
    SETTLED_AFTER_S,
    Severity,
    days_left,
    judge_site,
)
from components.site.free_space import GIB, MIB
from components.site.health import PresentAlarm

HOUR_S = 3600.0
GATE = ProcessFacts("gate", "the gate", age_s=HOUR_S, open_files=60, open_files_max=1024)
SERVER = ProcessFacts("prosody", "prosody", age_s=HOUR_S, open_files=200, open_files_max=1024)
TILES = ProcessFacts("tiles", "the server of tiles", age_s=HOUR_S, open_files=20, open_files_max=1024)
DISK = DiskFacts("logs, files", free_bytes=100 * GIB, free_files=5_000_000, grown_bytes=GIB)
WELL = SiteFacts(
    HOUR_S,
    processes=(SERVER, GATE, TILES),
    disks=(DISK,),
    clock=ClockFacts(synchronised=True),
    held=HeldFacts(deadline_s=HOUR_S),
    certificates=CertificateFacts(days=300.0),
    lag=LagFacts(index_s=0.4, index_entries=3),
)


def found(**facts: object) -> list[tuple[str, Severity]]:
    """Return what is found at a site that is well but for these facts; each finding says what mends it."""
    ailments = judge_site(replace(WELL, **facts))  # type: ignore[arg-type]
    assert all(each.text and each.remedy for each in ailments)
    return [(each.about, each.severity) for each in ailments]


def test_nothing_is_wrong_with_a_site_that_is_well() -> None:
    assert found() == []


def test_a_site_that_is_not_up_delivers_nothing_and_its_processes_and_alarms_say_nothing() -> None:
    alarm = PresentAlarm("link-down", 1, 0)
    assert found(up_for_s=None, processes=(replace(GATE, fault="is dead"),), alarms=(alarm,)) == [
        ("site", Severity.CRITICAL)
    ]


@pytest.mark.parametrize(
    ("process", "severity"),
    [
        (replace(SERVER, fault="does not answer clients on port 5222"), Severity.CRITICAL),
        (replace(GATE, fault="has been silent for 9 s"), Severity.CRITICAL),
        (replace(TILES, fault="has been silent for 9 s"), Severity.WARNING),
        (replace(TILES, open_files=820), Severity.WARNING),
        (replace(TILES, age_s=20.0), Severity.NOTE),
    ],
)
def test_a_process_hurts_the_line_or_less(process: ProcessFacts, severity: Severity) -> None:
    assert found(processes=(process,)) == [(process.name, severity)]


@pytest.mark.parametrize(
    "process",
    [
        replace(TILES, open_files=819),
        replace(TILES, open_files=9000, open_files_max=0),  # no limit
        replace(TILES, age_s=None),
        replace(TILES, age_s=300.0),
    ],
)
def test_a_process_that_is_well_is_not_named(process: ProcessFacts) -> None:
    assert found(processes=(process,)) == []


def test_a_process_as_young_as_its_site_was_not_started_again() -> None:
    assert found(up_for_s=25.0, processes=(replace(GATE, age_s=20.0),)) == []


def test_what_systemd_runs_is_restarted_by_systemd_and_its_log_is_the_journal() -> None:
    faulty = tuple(replace(each, fault="has been silent for 9 s") for each in (GATE, SERVER, TILES))
    gate, server, tiles = judge_site(replace(WELL, by_units=True, processes=faulty))
    assert gate.remedy == "see `journalctl -u steelyard-gate`, then `systemctl restart steelyard-gate`"
    assert server.remedy == "see `journalctl -u steelyard-prosody`"
    assert tiles.remedy == "see `journalctl -u steelyard-tiles`, then `systemctl restart steelyard-tiles`"
    (again,) = judge_site(replace(WELL, by_units=True, processes=(replace(TILES, age_s=20.0),)))
    assert again.remedy == "see why: `journalctl -u steelyard-tiles`"


def test_a_gate_with_a_fault_is_restarted_by_a_command_and_a_server_is_not() -> None:
    gate, server = judge_site(
        replace(WELL, processes=(replace(GATE, fault="is dead"), replace(SERVER, fault="is dead")))
    )
    assert "steelyard restart gate" in gate.remedy
    assert "restart" not in server.remedy


@pytest.mark.parametrize("name", list(AlarmName))
def test_each_alarm_is_told_with_the_place_that_says_what_to_do(name: AlarmName) -> None:
    (ailment,) = judge_site(replace(WELL, alarms=(PresentAlarm(name.value, 2, 0, (("reason", "x"),)),)))
    assert name.value in ailment.text
    assert "reason: x" in ailment.text
    assert name.value in ailment.remedy
    assert ailment.severity is not Severity.NOTE


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("not-recording", Severity.CRITICAL),
        ("files-not-stored", Severity.CRITICAL),
        ("index-behind", Severity.WARNING),
        ("scanner-down", Severity.WARNING),
    ],
)
def test_an_alarm_of_the_line_is_worse_than_one_of_the_auditors(name: str, severity: Severity) -> None:
    assert found(alarms=(PresentAlarm(name, 1, 0),)) == [("alarm", severity)]


@pytest.mark.parametrize(
    ("free_bytes", "grown_bytes", "severity"),
    [
        (100 * GIB, 0, None),
        (15 * GIB, GIB, None),
        (13 * GIB, GIB, Severity.WARNING),
        (GIB - 1, 0, Severity.WARNING),
        (3 * GIB, 2 * GIB, Severity.CRITICAL),
        (255 * MIB, 0, Severity.CRITICAL),
    ],
)
def test_a_disk_is_judged_by_its_space_and_how_long_it_lasts(
    free_bytes: int, grown_bytes: int, severity: Severity | None
) -> None:
    disk = replace(DISK, free_bytes=free_bytes, grown_bytes=grown_bytes)
    assert found(disks=(disk,)) == ([("disk", severity)] if severity else [])


def test_little_space_is_told_as_it_is() -> None:
    full = replace(DISK, free_bytes=0, grown_bytes=0)
    assert judge_site(replace(WELL, disks=(full,)))[0].text == "logs, files: 0 MiB free"
    nearly = replace(DISK, free_bytes=55 * MIB, grown_bytes=5 * MIB)
    (told,) = judge_site(replace(WELL, disks=(nearly,)))
    assert told.text == "logs, files: 55 MiB free, which lasts 11.0 days at the last day's rate"


def test_a_disk_without_room_for_files_is_named() -> None:
    assert found(disks=(replace(DISK, free_files=9_999),)) == [("disk", Severity.WARNING)]


def test_days_left_are_known_only_where_something_grows() -> None:
    assert days_left(DISK) == 100.0
    assert days_left(replace(DISK, grown_bytes=0)) is None


@pytest.mark.parametrize(
    ("clock", "severity"),
    [
        (ClockFacts(synchronised=None), None),
        (ClockFacts(synchronised=True, behind_s=5.0), None),
        (ClockFacts(synchronised=False), Severity.NOTE),
        (ClockFacts(synchronised=True, behind_s=5.1), Severity.CRITICAL),
    ],
)
def test_a_clock_behind_the_log_is_worse_than_one_that_follows_nobody(
    clock: ClockFacts, severity: Severity | None
) -> None:
    assert found(clock=clock) == ([("clock", severity)] if severity else [])


@pytest.mark.parametrize(
    ("held", "severity"),
    [
        (HeldFacts(waiting=3, oldest_s=60.0, deadline_s=HOUR_S), Severity.NOTE),
        (HeldFacts(waiting=1, oldest_s=1801.0, deadline_s=HOUR_S), Severity.WARNING),
        (HeldFacts(uncertain=1, deadline_s=HOUR_S), Severity.WARNING),
    ],
)
def test_held_messages_press_when_half_of_their_time_is_over(held: HeldFacts, severity: Severity) -> None:
    assert found(held=held) == [("review", severity)]


SOON = CertificateFault(
    "metals.example.crt expires on 2027-01-01", is_refused=False, remedy="`steelyard init`"
)
REFUSED = CertificateFault("grain.example.crt names another domain", remedy="put another one there")


def test_a_certificate_that_clients_refuse_is_worse_than_one_that_expires_soon_and_each_has_its_own_remedy() -> (
    None
):
    facts = replace(WELL, certificates=CertificateFacts((SOON, REFUSED), days=12.0))
    refused, soon = judge_site(facts)
    assert (refused.severity, soon.severity) == (Severity.CRITICAL, Severity.WARNING)
    assert refused.text == "grain.example.crt names another domain; no client connects with it"
    assert refused.remedy == "put another one there; then SIGHUP to `steelyard up`"
    assert soon.text == "metals.example.crt expires on 2027-01-01"
    assert soon.remedy == "`steelyard init`; then SIGHUP to `steelyard up`"
    (under_systemd,) = judge_site(replace(facts, by_units=True, certificates=CertificateFacts((SOON,))))
    assert "SIGHUP" not in under_systemd.remedy
    assert "restart the units" in under_systemd.remedy


def test_a_site_that_is_not_up_names_who_has_its_ports() -> None:
    taken = "port 5222 (prosody.c2s_port) is in use by nginx (process 7); stop it"
    assert found(up_for_s=None, ports=(taken,)) == [
        ("ports", Severity.CRITICAL),
        ("site", Severity.CRITICAL),
    ]
    assert found(ports=(taken,)) == []  # one that is up has them itself


@pytest.mark.parametrize("by_units", [True, False])
def test_what_runs_since_before_an_installation_is_the_earlier_version(by_units: bool) -> None:
    """Whatever had started before is named, with what starts it anew, and nothing that started later."""
    young = replace(TILES, age_s=30.0)
    old = judge_site(
        replace(WELL, by_units=by_units, up_for_s=40.0, processes=(SERVER, GATE, young), installed_ago_s=60.0)
    )
    assert {each.about: each.remedy for each in old} == (
        {name: f"systemctl restart steelyard-{name}" for name in ("prosody", "gate")}
        if by_units
        else {"prosody": "stop and start `steelyard up`", "gate": "steelyard restart gate"}
    )
    assert {each.severity for each in old} == {Severity.WARNING}
    unknown = replace(GATE, age_s=None)  # a server that somebody else starts
    assert found(processes=(unknown,), installed_ago_s=60.0) == []


@pytest.mark.parametrize(
    ("lag", "about"),
    [
        (LagFacts(index_s=5.1, index_entries=100), "index"),
        (LagFacts(follow=("the feed cannot be reached",)), "follow"),
        (LagFacts(witness=("gate is not cosigned",)), "witness"),
    ],
)
def test_what_follows_the_logs_is_named_when_it_is_behind(lag: LagFacts, about: str) -> None:
    assert found(lag=lag) == [(about, Severity.WARNING)]


@pytest.mark.parametrize(("name", "severity"), [("logs", Severity.CRITICAL), ("folders", Severity.WARNING)])
def test_what_check_finds_is_told_too(name: str, severity: Severity) -> None:
    assert found(checks=(CheckFacts(name, "is wrong"),)) == [(name, severity)]


def test_the_worst_comes_first() -> None:
    severities = [
        severity
        for _, severity in found(
            held=HeldFacts(waiting=1),
            lag=LagFacts(index_s=60.0),
            alarms=(PresentAlarm("link-down", 1, 0),),
            clock=ClockFacts(synchronised=False),
        )
    ]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.CRITICAL


def test_the_figures_by_which_it_judges_are_those_of_its_page() -> None:
    page = (Path(__file__).parents[4] / "docs" / "operations.md").read_text().partition("## 2.")[2]
    table = page.partition("## 3.")[0]
    for figure in (
        f"below {FREE_CRITICAL_BYTES // MIB} MiB, or space for less than {DAYS_CRITICAL:.0f} days",
        f"below {FREE_WARNING_BYTES // GIB} GiB, or for less than {DAYS_WARNING:.0f} days",
        f"fewer than {FREE_FILES_MIN:,} more files",
        f"more than {OPEN_FILES_SHARE:.0%} of the files",
        f"more than {CLOCK_SLACK_S:.0f} s behind the newest record",
        f"behind for more than {INDEX_SLACK_S:.0f} s",
    ):
        assert figure in table
    assert (SETTLED_AFTER_S, HELD_SHARE) == (300.0, 0.5)
    assert "within five minutes" in table
    assert "more than half of `review.deadline_s`" in table
