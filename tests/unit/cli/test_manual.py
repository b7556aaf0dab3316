"""Manual pages and completion are made of the commands' own help, and leave out nothing of it."""

import re
import subprocess
from pathlib import Path

import pytest

from components.cli.manual import SHELLS, complete, main, render_pages
from tests.unit.cli.test_main import every_command

EVERY_COMMAND = every_command()
PAGES = sorted({"steelyard", *("-".join(command.split()[:2]) for command in EVERY_COMMAND)})
MACROS = {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".BR", ".br"}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(render_pages())


def read(page: str) -> str:
    """What a reader sees of a page, by and large."""
    text = re.sub(r"\\f[BIR]|\\&", "", page)
    for escape, character in (
        ("\\-", "-"),
        ("\\(aq", "'"),
        ("\\(dq", '"'),
        ("\\(ha", "^"),
        ("\\(ti", "~"),
        ("\\e", "\\"),
    ):
        text = text.replace(escape, character)
    return text


def find_page(pages: dict[str, str], command: str) -> str:
    return read(pages["-".join(command.split()[:2])])


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_is_in_a_page_with_its_options(command: str, pages: dict[str, str]) -> None:
    page = find_page(pages, command)
    synopsis, _, text = page.partition(".SH DESCRIPTION")
    assert re.search(rf"^\.B {re.escape(command)}$", synopsis, re.MULTILINE)
    # The part about this command: of a group, up to the next one.
    if command.count(" ") > 1:
        text = text.split(f".SS {command}\n")[1].split(".SS ")[0]
    told = set(re.findall(r"(?<![\w-])--[a-z-]+", "\n".join(re.findall(r"^\.TP\n(.*)$", text, re.MULTILINE))))
    assert told - {"--site"} == EVERY_COMMAND[command]


def test_the_first_page_names_all_others(pages: dict[str, str]) -> None:
    named = set(re.findall(r"^(steelyard-[a-z-]+)\(1\)$", read(pages["steelyard"]), re.MULTILINE))
    assert named == set(pages) - {"steelyard"}
    assert len(named) > 10


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_made(name: str, pages: dict[str, str]) -> None:
    lines = pages[name].splitlines()
    assert lines[0].startswith(f".TH {name.upper()} 1 ")
    assert lines[1:4] == [".SH NAME", lines[2], ".SH SYNOPSIS"]
    assert re.fullmatch(r"[a-z-]+ - \S.*\w\)?", read(lines[2]))
    for line in lines:
        # A line of the text that began so would be a request, and not seen.
        assert not line.startswith("'")
        assert not line.startswith(".") or line.split(" ")[0] in MACROS
        # What is not escaped, or not ASCII, comes out as something else in some terminals.
        assert not re.search(r"(?<!\\)[-]|['\"`^~]", line.partition(" ")[2] if line[0] != "." else "")
    # Nothing of a docstring's own form is left.
    assert "Parameters" not in pages[name]
    assert "----" not in read(pages[name])


def test_a_reader_is_told_what_an_option_is_for(pages: dict[str, str]) -> None:
    page = find_page(pages, "steelyard backup")
    assert "--with-keys\nBack up the private keys, too." in page
    assert ".TP\nFOLDER\nAn empty folder, or that of an earlier backup." in page
    assert "Without it, STEELYARD_SITE names it. Default: var/site.toml." in page
    assert "[--site SITE]" in page


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_every_word(shell: str) -> None:
    script = complete(shell)
    words = set(re.findall(r"[a-z][a-z-]*", script))
    for command, options in EVERY_COMMAND.items():
        assert set(command.split()) <= words
        assert {option.removeprefix("--") for option in options} <= words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ver", {"verify"}),
        ("audit mat", {"matter"}),
        ("audit matter rem", {"remove-custodian"}),
        ("backup --with-b", {"--with-bucket"}),
        ("--vers", {"--version"}),
        ("nothing", set()),
    ],
)
def test_bash_completes(typed: str, offered: set[str], tmp_path: Path) -> None:
    words = " ".join(typed.split())
    script = f"{complete('bash')}\nCOMP_WORDS=(steelyard {words}); COMP_CWORD={len(typed.split())}\n"
    script += '_steelyard; printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(
        ["bash", "-s"], input=script, capture_output=True, text=True, check=True, timeout=60
    )
    assert (set(done.stdout.split()), done.stderr) == (offered, "")


@pytest.mark.slow
def test_all_lies_where_debian_looks_for_it(
    pages: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["manual", str(tmp_path)])
    assert main() == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert {str(file.relative_to(tmp_path)) for file in files} == {
        *SHELLS.values(),
        *(f"man/man1/{name}.1" for name in PAGES),
    }
    # The same each time, and the same as is tried above.
    for name in PAGES:
        assert (tmp_path / f"man/man1/{name}.1").read_text() == pages[name]


def test_a_folder_has_to_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["manual"])
    assert main() == 2
    assert "name the folder" in capsys.readouterr().err
