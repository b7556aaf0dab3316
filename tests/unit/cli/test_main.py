"""Every command and every option is documented, and wrong use is one line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cyclopts import App

from components.cli.app import app

# Each starts a process, or several.
slow = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
EVERYWHERE = {"--site", "--help", "-h", "--version"}


def commands(parent: App, path: str = "steelyard") -> Iterator[tuple[str, set[str]]]:
    for name in parent:
        command = parent[name]
        if name.startswith("-"):
            continue
        yield from commands(command, f"{path} {name}")
        if command.default_command is not None:
            options = {
                option
                for argument in command.assemble_argument_collection(default_parameter=app.default_parameter)
                for option in argument.names
                if option.startswith("--") and argument.index is None
            }
            yield f"{path} {name}", options - EVERYWHERE


@cache
def every_command() -> dict[str, set[str]]:
    """Return the options of each command. They are read from all of them, which takes a while: once in a process."""
    return dict(commands(app))


def documented() -> dict[str, set[str]]:
    sections = re.split(r"^## ", (ROOT / "docs/commands.md").read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title, _, text = section.partition("\n")
        found[title] = set(re.findall(r"^\| `(--[a-z-]+)` \|", text, re.MULTILINE))
    return found


def test_every_command_and_option_is_documented() -> None:
    assert documented() == every_command()


def steelyard(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


@slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("bogus",), "Unknown command"),
        (("up", "--bogus"), "Unknown option"),
        (("check", "more"), "more"),
        (("up", "--sites", "2"), "a demonstration has one site or two: steelyard up --demo --sites 2"),
        (
            ("up", "--demo", "--sites", "3"),
            "a demonstration has one site or two: steelyard up --demo --sites 2",
        ),
        (("up", "--site", "/nonexistent/site.toml"), "there is no /nonexistent/site.toml; make a site with"),
        (("init", "--site", "/proc/steelyard/site.toml"), "/proc/steelyard: no such file or directory"),
    ],
)
def test_wrong_use_is_told_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    result = steelyard(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("steelyard: ")
    assert result.stderr.count("\n") == 1
    assert told in result.stderr


@slow
def test_ctrl_c_while_it_starts_is_no_fault(tmp_path: Path) -> None:
    """A command imports for half a second before it does anything."""
    # The interpreter looks for signals as it goes on: the module is not done before it has.
    pressed = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n"
    (tmp_path / "cyclopts.py").write_text(pressed)
    command = [sys.executable, "-m", "components.cli.main", "check"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60, env=environment
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


@slow
def test_help_tells_of_commands_that_were_not_imported() -> None:
    for arguments in ((), ("--help",), ("audit",), ("audit", "--help"), ("audit", "matter", "-h")):
        shown = steelyard(*arguments).stdout
        listed = re.findall(r"^│ (?!--)[a-z-]+ +(.*?) *│$", shown, re.MULTILINE)
        assert len(listed) > 5
        assert all(listed)


@slow
def test_wrong_settings_are_told_one_line_each(site: Path) -> None:
    site.write_text(site.read_text().replace("[audit]", "[audits]").replace("c2s_port = ", "c2s_port = -"))
    for command in (("up",), ("up", "--demo", "--once"), ("init",)):
        result = steelyard(*command, "--site", str(site))
        assert result.returncode == 2
        lines = result.stderr.splitlines()
        assert all(line.startswith("steelyard: ") for line in lines), lines
        assert [line.split()[1] for line in lines] == ["prosody.c2s_port:", "audit:", "audits:"]


@slow
def test_init_tells_what_it_made(tmp_path: Path) -> None:
    site = tmp_path / "new" / "site.toml"
    made = json.loads(steelyard("init", "--json", "--site", str(site)).stdout)["made"]
    assert str(site) in made
    assert all(Path(path).is_file() for path in made)
    assert json.loads(steelyard("init", "--json", "--site", str(site)).stdout) == {
        "site": str(site),
        "made": [],
    }
    assert steelyard("init", "--site", str(site)).stdout == (
        f"{site} is ready: change it and directory.toml, then run `steelyard check`\n"
    )


@slow
def test_check_tells_by_its_status(site: Path) -> None:
    good = steelyard("check", "--site", str(site))
    assert good.returncode == 0
    assert "✔ ok" in good.stdout
    (site.parent / "keys" / "gate.secret").unlink()
    bad = steelyard("check", "--json", "--site", str(site))
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["ok"] is False


@slow
def test_the_site_may_be_named_by_the_environment(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(site))
    assert json.loads(steelyard("init", "--json").stdout)["site"] == str(site)


@slow
@pytest.mark.parametrize("arguments", ["'--version'", "'audit', 'nothing-like-this'"], ids=["well", "wrong"])
def test_a_process_does_not_look_through_all_that_it_has(arguments: str) -> None:
    """Neither while it imports nor when it ends, however that is: there are some hundred thousand objects."""
    program = f"""
import atexit, gc, sys
from components.cli.main import main
def collections():
    return sum(each["collections"] for each in gc.get_stats())
before, sys.argv = collections(), ["steelyard", {arguments}]
atexit.register(lambda: print(gc.get_freeze_count() > 10_000, collections() - before))
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "True 0"
