"""What commands of the auditors print: within 80 columns of a terminal, plain where it is piped, JSON on request."""

import asyncio
import json
from pathlib import Path

import pytest
from rich.text import Text

from components.archive.record import Delivery
from tests.support.audit_site import REFUSAL, Site, make_site
from tests.support.command import run_command

pytestmark = pytest.mark.slow

LONG = "bartholomew.featherstonehaugh@base-metals.trading.metals.example"
SAID = (
    "Selling copper at 9,412",
    "copper מחיר הנחושת עולה 铜价上涨 구리 가격",
    "copper 👩‍👩‍👧‍👦 👍🏽 🇩🇪 e\u0301\u0301\u0301 \u202eevil",
    "copper " + "x" * 400,
    "copper " + "铜" * 200,
)
# What each command is given; a name of a group stands with its command. `show --raw` writes bytes.
COMMANDS = {
    "search": ("copper",),
    "search with context": ("copper", "--context", "1"),
    "search counts": ("copper", "--count-by", "person,to,rule"),
    "history": (),
    "sample": ("copper", "--count", "3"),
    "saved list": (),
    "show": ("gate/1",),
    "read": (LONG, "bob@metals.example"),
    "reconcile": (),
    "activity": (),
    "index check": (),
}
LINES = {"search": ("copper",), "history": (), "sample": ("copper",)}


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    said = [site.say(f"{LONG}/desk", "bob@metals.example", text, at_s=at) for at, text in enumerate(SAID)]
    refused = site.say(f"{LONG}/desk", "eve@other.example", "copper", action="refuse", error=REFUSAL, at_s=9)
    await site.record(*said, refused, Delivery("e1", len(said), ()))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.chdir(tmp_path)
    return site


def run(name: str, *options: str) -> int:
    words = name.split(" ")
    group = words if words[0] in ("saved", "index") else words[:1]
    return run_command("audit", *group, *COMMANDS[name], *options)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_of_80_columns_is_wide_enough(
    name: str, site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, value in (("COLUMNS", "80"), ("TERM", "xterm"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(setting, value)
    assert run(name) in (0, 1)
    printed = capsys.readouterr().out
    assert printed
    for line in printed.splitlines():
        # The stanza itself is not broken: one copies it.
        assert line.lstrip().startswith("<") or Text.from_ansi(line).cell_len <= 80, line


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_gets_no_colours(name: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name) in (0, 1)
    told = capsys.readouterr()
    assert told.out
    assert told.err == "" or "\x1b" not in told.err
    assert "\x1b" not in told.out
    assert all(line == line.rstrip(" ") for line in told.out.splitlines())
    told.out.encode()


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_one_object(name: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--json") in (0, 1)
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize("name", LINES)
def test_json_lines_are_an_object_each(name: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run_command("audit", "search", "copper")
    capsys.readouterr()
    assert run(name, "--json-lines") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 1
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize("name", ["search", "sample"])
def test_nothing_found_is_told_and_no_error(
    name: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("audit", name, "aluminium") == 0
    assert capsys.readouterr().out
    assert run_command("audit", name, "aluminium", "--json") == 0
    assert json.loads(capsys.readouterr().out)["matched"] == 0


@pytest.mark.parametrize("name", ["search", "sample"])
def test_a_lone_surrogate_in_a_query_is_wrong_use(
    name: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    # Bytes of an argument that are not UTF-8 become such.
    status = run_command("audit", name, "copper \udcff")
    told = capsys.readouterr()
    assert status in (0, 2)
    (told.out + told.err).encode()


@pytest.mark.parametrize("body", [b"copper \xed\xb3\xbf", b"copper &#xDCFF;", b"copper \xff\xfe"])
async def test_what_is_no_text_is_shown_searched_and_exported(
    body: bytes, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    stanza = b"<message xmlns='jabber:client' from='a@metals.example' to='b@metals.example'><body>%s</body></message>"
    await site.record(site.submit(stanza % body, at_s=20))
    record = site.id_of(len(site.places) - 1)

    def look() -> dict[str, object]:
        for options in ((), ("--json",)):
            assert run_command("audit", "show", record, *options) == 0
            assert run_command("audit", "search", "from:a@metals.example", *options) == 0
        capsys.readouterr().out.encode()
        assert run_command("audit", "export", "from:a@metals.example", "--output", "out", "--json") == 0
        exported = json.loads(capsys.readouterr().out)
        assert isinstance(exported, dict)
        return exported

    exported = await asyncio.to_thread(look)
    assert exported["matched"] == 1


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("search", "copper"), 0),
        (("search", "aluminium"), 0),
        (("search", "copper ("), 2),
        (("search", "copper", "--sort", "sideways"), 2),
        (("show", "gate/1"), 0),
        (("show", "gate/99999"), 2),
        (("show", "nothing"), 2),
        (("reconcile",), 1),  # the number 0 is recorded, and the first one is 1
        (("search", "copper", "--site", "nowhere.toml"), 2),
    ],
)
def test_the_exit_status_is_as_documented(arguments: tuple[str, ...], status: int, site: Site) -> None:
    page = (Path(__file__).parents[3] / "docs/commands.md").read_text()
    assert f"| {status} | " in page
    assert run_command("audit", *arguments) == status


def test_a_record_that_is_not_proved_is_status_1(site: Site) -> None:
    site.settings.gate_log.verifier_key_file.unlink()
    assert run_command("audit", "show", "gate/1") == 1
