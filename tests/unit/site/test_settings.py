"""site.toml is validated as a whole: every fault is told at once, by its path, with what to do."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from components.settings.site import SiteFile
from components.settings.table import SettingsError, inner_table
from components.settings.tables import OPTIONAL_TABLES, TABLES
from components.site.validate import load_site, read_site

ROOT = Path(__file__).resolve().parents[3]


def change(site: Path, *changes: tuple[str, str]) -> None:
    text = site.read_text()
    for pattern, replacement in changes:
        found = re.search(pattern, text, flags=re.MULTILINE)
        assert found, pattern
        text = text[: found.start()] + replacement + text[found.end() :]
    site.write_text(text)


def problems(site: Path) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_site(site)
    return caught.value.problems


def line_of(site: Path, table: str, key: str) -> int:
    """Find the line of site.toml, from 1, on which a table has a key."""
    lines = site.read_text().splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith(f"[{table}]"))
    return next(place for place, line in enumerate(lines[begin:], begin + 1) if line.startswith(key))


def test_a_problem_has_its_line_in_the_file_that_it_is_about(site: Path) -> None:
    change(site, (r"^component_port = \d+", 'component_port = "many"'))
    (problem,) = problems(site)
    assert problem.endswith(f" (line {line_of(site, 'gate', 'component_port')} of site.toml)")


def test_a_problem_of_the_directory_has_its_line(site: Path) -> None:
    directory = site.parent / "directory.toml"
    lines = directory.read_text().splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("jid = "))
    lines[place] = 'jid = "no address at all"'
    directory.write_text("\n".join(lines))
    assert any(f" (line {place + 1} of directory.toml)" in problem for problem in problems(site)), problems(
        site
    )


def test_what_init_made_is_right(site: Path) -> None:
    settings = load_site(site)
    assert settings.gate.log == site.parent / "archive" / "gate.db"
    assert settings.gate.hold_timeout_s == 5.0
    assert settings.prosody.domains == ("metals.example", "grain.example")


def test_relative_paths_start_at_the_file_wherever_we_are(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.parent)
    assert load_site(Path("site.toml")).gate.directory_file == site.parent / "directory.toml"
    assert SiteFile(Path("site.toml")).gate.secret_file == site.parent / "keys" / "gate.secret"


def test_absolute_paths_stay(site: Path) -> None:
    change(site, (r"^log = .archive/gate.db.", 'log = "/srv/gate.db"'))
    assert load_site(site).gate.log == Path("/srv/gate.db")


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (r"^c2s_port = \d+", "c2s_port = 0", r"prosody\.c2s_port: .* greater than or equal to 1"),
        (r"^c2s_port = \d+", "c2s_port = 65536", r"prosody\.c2s_port: .* less than or equal to 65535"),
        (r"^c2s_port = \d+", 'c2s_port = "x"', r"prosody\.c2s_port: .*integer.*'x'"),
        (r"^c2s_port", "c2s_prt", r"prosody\.c2s_prt: there is no such setting; did you mean c2s_port\?"),
        (r"^c2s_port", "zzz = 1\nc2s_port", r"prosody\.zzz: there is no such setting; remove it"),
        (r"^jid = .*", "", r"gate\.jid: is missing"),
        (r"^jid = .*", 'jid = "Gate.example"', r"gate\.jid: .*capital letters"),
        (
            r"^jid = .*",
            'jid = "metals.example"',
            r"gate\.jid: .*also|prosody.domains: metals.example is also gate.jid",
        ),
        (
            r"^jid = .*",
            'jid = "other.example"',
            r"gate\.jid: other\.example is not the gate of directory\.toml",
        ),
        (r"^\[site\]", "[sight]", r"sight: there is no such setting; did you mean site\?"),
        (r"^\[audit\][\s\S]*", "", r"audit: is missing"),
        (
            r"^secret_file = .*",
            'secret_file = "nope"',
            r"gate\.secret_file: there is no .*nope; `steelyard init`",
        ),
        (r"^domains = .*", "domains = []", r"prosody\.domains: .*at least 1"),
        (
            r"^domains = .*",
            'domains = ["metals.example"]',
            r"prosody\.domains: grain\.example of directory\.toml is missing",
        ),
        (
            r"^domains = .*",
            'domains = ["metals.example", "grain.example", "evil.example"]',
            r"prosody\.domains: evil\.example is no site of directory\.toml",
        ),
        (
            r"^room_domains = .*",
            'room_domains = ["rooms.metals.example"]',
            r"prosody\.room_domains: rooms\.grain\.example of directory\.toml is missing",
        ),
        (
            r"^room_domains = .*",
            'room_domains = ["rooms.metals.example", "rooms.grain.example", "metals.example"]',
            r"prosody\.room_domains: metals\.example is also prosody\.domains",
        ),
        (
            r"^folder = ",
            'federated_domains = ["far.example"]\nfolder = ',
            r"prosody\.s2s_port: federated domains need one",
        ),
        (
            r"^folder = ",
            's2s_port = 5269\nfederated_domains = ["far.example"]\nfolder = ',
            r"prosody\.federated_domains: far\.example is no site of directory\.toml",
        ),
        (
            r"^\[prosody.web\].*",
            "[prosody.web]\nhost = 'chat.firm.example'",
            r"prosody\.certificates: there is no .*chat\.firm\.example\.crt.*; `steelyard init`",
        ),
        (r"^\[prosody.web\].*\nport = \d+", "[prosody.web]", r"prosody\.web\.port: is missing"),
        (
            r"^\[prosody.web\].*",
            "[prosody.web]\nbosh_path = 'bosh'",
            r"prosody\.web\.bosh_path: .*",
        ),
        (r"^log = .archive/audit.db.", 'log = "archive/gate.db"', r"audit\.log: .* is also gate\.log"),
        (
            r"^log_origin = .steelyard.example/audit.",
            'log_origin = "steelyard.example/gate"',
            r"audit\.log_origin: .* is also gate\.log_origin",
        ),
        (r"^status_file", "hold_timeout_s = 0\nstatus_file", r"gate\.hold_timeout_s: .*greater than 0"),
        (r"^status_file", "window_stanzas = -1\nstatus_file", r"gate\.window_stanzas: .*greater"),
        (
            r"^retention = .*",
            'retention = "nope.toml"',
            r"archive\.retention: there is no .*nope\.toml; `steelyard init`",
        ),
        (
            r"^# approvers = .*",
            'approvers = ["keys/nope.pub", "keys/log-gate.pub"]',
            r"archive\.approvers: .*nope\.pub: cannot be read",
        ),
        (
            r"^# approvers = .*",
            'approvers = ["keys/log-gate.pub"]',
            r"archive\.approvers: an order needs two; name another, or none",
        ),
    ],
)
def test_a_fault_is_told_by_its_path(site: Path, pattern: str, replacement: str, problem: str) -> None:
    change(site, (pattern, replacement))
    found = problems(site)
    assert any(re.match(problem, line) for line in found), found


def test_faults_of_the_retention_policy_are_told_with_the_others(site: Path) -> None:
    policy = site.parent / "retention.toml"
    policy.write_text(policy.read_text().replace("number = 2", "number = 1"))
    change(site, (r"^jid = .*", ""))
    found = problems(site)
    assert "retention.toml: class.signalling.number: 1 is already that of class communication" in found
    assert any(line.startswith("gate.jid: is missing") for line in found)


def test_a_log_may_lie_in_postgresql(site: Path) -> None:
    url = "postgresql://steelyard@db.example/archive?sslmode=verify-full#gate"
    change(site, (r"^log = .archive/gate.db.", f'log = "{url}"'))
    assert load_site(site).gate.log == SiteFile(site).gate.log == url


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"postgresql://db.example/archive"', r"gate\.log: name the log behind a #"),
        ('"postgresql://db.example#gate"', r"gate\.log: write postgresql://user@host:port/database#log"),
        ("7", r"gate\.log: write the path of a file, or postgresql://"),
    ],
)
def test_a_wrong_name_of_a_log(site: Path, value: str, problem: str) -> None:
    change(site, (r"^log = .archive/gate.db.", f"log = {value}"))
    assert re.search(problem, "\n".join(problems(site)))


@pytest.mark.parametrize(
    "url", ["steelyard:secret@db.example/archive", "steelyard@db.example/archive?password=secret"]
)
def test_a_password_in_site_toml_is_refused_and_not_told(site: Path, url: str) -> None:
    change(site, (r"^log = .archive/gate.db.", f'log = "postgresql://{url}#gate"'))
    (problem,) = problems(site)
    assert problem.startswith(
        "gate.log: takes no password: write that of postgresql://db.example/archive#gate into ~/.pgpass"
    )
    assert "secret" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "db.example/archive",
        "db.example/archive?sslmode=prefer",
        "db.example/archive?sslmode=require",
        "127.0.0.1,db.example/archive",
        "192.0.2.7:5433/archive",
        "[2001:db8::1]/archive",
        "/archive?host=db.example",
    ],
)
def test_a_database_that_another_could_be_in_the_place_of_is_refused(site: Path, url: str) -> None:
    change(site, (r"^log = .archive/gate.db.", f'log = "postgresql://{url}#gate"'))
    (problem,) = problems(site)
    assert "is reached over a network: write ?sslmode=verify-full before the #" in problem


@pytest.mark.parametrize(
    "url",
    [
        "db.example/archive?sslmode=verify-full",
        "ann@db.example:5433/archive?sslmode=verify-ca",
        "127.0.0.1:5433/archive",
        "ann@localhost/archive",
        "[::1]:5433/archive",
        "@/archive?host=/run/postgresql",
        "/archive",
    ],
)
def test_a_database_on_this_machine_or_one_that_is_verified(site: Path, url: str) -> None:
    change(site, (r"^log = .archive/gate.db.", f'log = "postgresql://{url}#gate"'))
    assert load_site(site).gate.log == f"postgresql://{url}#gate"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "10.0.0.1", "server.example"])
def test_the_components_connection_stays_on_the_machine(site: Path, address: str) -> None:
    change(site, (r"^component_port = .*", f'component_port = 5347\naddress = "{address}"'))
    (problem,) = problems(site)
    assert problem.startswith(
        f"gate.address: {address} is on a network, and this connection is not encrypted"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_every_address_of_this_machine_alone_will_do(site: Path, address: str) -> None:
    change(site, (r"^component_port = .*", f'component_port = 5347\naddress = "{address}"'))
    assert load_site(site).gate.address == address


def test_two_logs_in_one_place_are_told_by_their_name(site: Path) -> None:
    url = 'log = "postgresql://steelyard@db.example/archive?sslmode=verify-full#gate"'
    change(site, (r"^log = .archive/gate.db.", url), (r"^log = .archive/audit.db.", url))
    (problem,) = problems(site)
    told = "audit.log: postgresql://db.example/archive#gate is also gate.log; each log needs its own"
    assert problem == f"{told} (line {line_of(site, 'audit', 'log = ')} of site.toml)"


def test_all_faults_are_told_at_once(site: Path) -> None:
    change(
        site,
        (r"^c2s_port = \d+", "c2s_port = 99999"),
        (r"^jid = .*", 'jid = "other.example"'),
        (r"^secret_file = .*", 'secret_file = "nope"'),
        (r"^index = .*", "indx = 1"),
    )
    with site.with_name("directory.toml").open("a") as directory:
        directory.write(
            '\n[[enterprise.grain.person]]\njid = "eve@metals.example"\nname = "Eve"\nroles = ["spy"]\n'
        )
    shutil.rmtree(site.parent / "certs")
    told = "\n".join(problems(site))
    for part in (
        "prosody.c2s_port",
        "gate.secret_file",
        "audit.index",
        "audit.indx",
        "directory.toml: enterprise.grain.person",
    ):
        assert part in told
    site.write_text(
        site.read_text().replace("c2s_port = 99999", "c2s_port = 1").replace("indx = 1", 'index = "i"')
    )
    told = "\n".join(problems(site))
    assert "prosody.certificates" in told
    assert "metals.example.crt" in told


def test_a_fault_in_one_table_does_not_hide_those_of_others(site: Path) -> None:
    change(
        site,
        (r"^index = .*", "indx = 1"),
        (r'^secret_file = "keys/roster.*', 'secret_file = "nope"'),
        (r"^jid = .*", 'jid = "other.example"'),
    )
    assert [problem.partition(": ")[0] for problem in problems(site)] == [
        "audit.index",
        "audit.indx",
        "roster.secret_file",
        "gate.jid",
    ]


def test_files_cannot_be_observed(site: Path) -> None:
    change(site, (r"^\[gate\]", '[gate]\nmode = "observe"'))
    (problem,) = problems(site)
    assert problem.startswith('gate.mode: "observe" is for the gate alone, and [transfer] would still')
    assert f"(line {line_of(site, 'gate', 'mode')} of site.toml)" in problem
    assert read_site(site).gate.observes  # what was recorded can be looked at all the same
    tables = re.split(r"(?m)^(?=\[)", site.read_text())
    site.write_text("".join(each for each in tables if not each.startswith("[transfer")))
    assert not [each for each in problems_or_none(site) if "gate.mode" in each]


def problems_or_none(site: Path) -> tuple[str, ...]:
    try:
        load_site(site)
    except SettingsError as error:
        return error.problems
    return ()


def test_ports_must_differ(site: Path) -> None:
    port = load_site(site).prosody.c2s_port
    change(site, (r"^component_port = \d+", f"component_port = {port}"))
    told = f"{port} is also prosody.c2s_port; set another port"
    line = line_of(site, "gate", "component_port")
    assert problems(site) == (f"gate.component_port: {told} (line {line} of site.toml)",)
    change(site, (r"^component_port = \d+", "component_port = 1"))
    change(
        site,
        (r"^\[gate\]", f"direct_tls_port = {port}\n[gate]"),
        (r"^\[prosody.web\].*\nport = \d+", f"[prosody.web]\nport = {port}"),
    )
    line, web_line = line_of(site, "prosody", "direct_tls_port"), line_of(site, "prosody.web", "port")
    assert problems(site) == (
        f"prosody.direct_tls_port: {told} (line {line} of site.toml)",
        f"prosody.web.port: {told} (line {web_line} of site.toml)",
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        (b"[site\n", "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
        (b"", "site: is missing"),
        (b"site = 3\nprosody = []\ngate = 'x'\n", "gate"),
    ],
)
def test_a_file_that_is_no_site(tmp_path: Path, content: bytes | None, problem: str) -> None:
    site = tmp_path / "site.toml"
    if content is not None:
        site.write_bytes(content)
    for load in (load_site, read_site, lambda site: SiteFile(site).gate):
        with pytest.raises(SettingsError):
            load(site)
    assert problem in "\n".join(problems(site))


def test_the_gate_reads_its_own_table_only(site: Path) -> None:
    change(site, (r"^c2s_port = \d+", "c2s_port = 99999"))
    assert SiteFile(site).gate.jid == "gate.steelyard.example"
    change(site, (r"^jid = ", "jidd = "))
    lines = site.read_text().splitlines()
    table = next(number for number, line in enumerate(lines, 1) if line.startswith("[gate]"))
    key = next(number for number, line in enumerate(lines, 1) if line.startswith("jidd"))
    with pytest.raises(SettingsError) as caught:
        _ = SiteFile(site).gate
    assert caught.value.problems == (
        f"gate.jid: is missing; add it (docs/settings.md) (line {table} of site.toml)",
        f"gate.jidd: there is no such setting; did you mean jid? (line {key} of site.toml)",
    )


def test_settings_do_not_change(site: Path) -> None:
    settings = load_site(site)
    with pytest.raises(ValueError, match="frozen"):
        settings.gate.jid = "other.example"


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        inner = inner_table(field.annotation)
        if inner is not None:
            yield from settings_of(inner, f"{prefix}{name}.")
        else:
            default = "none" if field.default is None else f"`{as_toml(field.default)}`"
            yield f"{prefix}{field.alias or name}", "required" if field.is_required() else default


def as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "[]" if value == () else f'"{value}"' if isinstance(value, str) else str(value)


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    documented = re.findall(r"^\| `([a-z0-9_.]+)` \| ([^|]+) \|", text, re.MULTILINE)
    settings = [each for table in TABLES for each in settings_of(table, f"{table.table_name}.")]
    assert sorted(documented) == sorted(settings)
    tables = list(dict.fromkeys(name.partition(".")[0] for name, _default in documented))
    assert tables == [table.table_name for table in TABLES]


def test_what_may_be_missing_is_said_of_it() -> None:
    sections = re.split(r"^## \[(.+)\]$", (ROOT / "docs/settings.md").read_text(), flags=re.MULTILINE)
    may_be_missing = {
        name: "table may be missing" in " ".join(text.split())
        for name, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    assert may_be_missing == {table.table_name: table in OPTIONAL_TABLES for table in TABLES}
