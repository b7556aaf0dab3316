"""Another program is asked: what it is told, what it says, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site import ejabberd_server, server
from components.site.ask import ask_program

PATIENCE_S = 60.0


def ask(program: str, told: str = "", timeout_s: float = PATIENCE_S) -> "subprocess.CompletedProcess[str]":
    return ask_program([sys.executable, "-c", program], told, timeout_s)


def test_what_it_says_stands_in_its_order_errors_among_the_rest() -> None:
    answer = ask(
        "import sys; print(sys.stdin.read().upper(), flush=True); print('oh', file=sys.stderr); sys.exit(3)",
        "ää\n",
    )
    assert (answer.returncode, answer.stdout) == (3, "ÄÄ\n\noh\n")


def test_what_is_no_text_in_it_hides_nothing_of_the_rest() -> None:
    answer = ask("import sys; sys.stdout.buffer.write(b'a\\xffb')")
    assert (answer.returncode, answer.stdout) == (0, "a\ufffdb")


def test_nothing_told_is_an_end_and_no_terminal() -> None:
    assert ask("import sys; print(repr(sys.stdin.read()))").stdout == "''\n"


def test_a_program_that_is_not_there_and_one_that_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask_program([str(tmp_path / "program")], "", PATIENCE_S)
    with pytest.raises(subprocess.TimeoutExpired):
        ask("import sys, threading; threading.Event().wait()", timeout_s=0.05)


def silent(_command: object, _told: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
    raise subprocess.TimeoutExpired("x", timeout_s)


def missing(*_: object) -> "subprocess.CompletedProcess[str]":
    raise FileNotFoundError


def saying(output: str, status: int = 0) -> object:
    return lambda *_: subprocess.CompletedProcess([], status, output)


PASSWORDS = {"alice@metals.example": "s3cret"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (saying("added alice@metals.example\nkept bob@metals.example\n"), ["alice@metals.example"]),
        (saying(""), []),
        (saying("no such host\n", 1), "prosodyctl could not register accounts: no such host"),
        (saying("", 1), "prosodyctl could not register accounts: no output"),
        (silent, "`prosodyctl mod_offline_accounts` gave no answer in 30 s"),
        (missing, "prosodyctl is not installed"),
    ],
)
def test_what_prosodyctl_says_of_new_accounts(
    asked: object, expected: list[str] | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "ask_program", asked)
    if isinstance(expected, list):
        assert server.register_accounts(tmp_path / "prosody.cfg.lua", PASSWORDS) == expected
        return
    with pytest.raises(SiteError) as raised:
        server.register_accounts(tmp_path / "prosody.cfg.lua", PASSWORDS)
    assert str(raised.value).startswith(expected)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("Prosody 0.12.3\n", ""),
        ("\nProsody 13.0.1\nLua 5.4\n", ""),
        ("Prosody 0.11.9\n", "Prosody 0.11.9 is too old; install 0.12 or newer"),
        ("Lua 5.4\n", "`prosodyctl about` does not tell Prosody's version: Lua 5.4"),
        ("", "`prosodyctl about` does not tell Prosody's version: no output"),
    ],
)
def test_a_version_of_prosody_is_recent_enough_or_is_told(
    output: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(server, "find_prosody", lambda: "/usr/bin/prosody")
    monkeypatch.setattr(server, "ask_program", saying(output))
    if not problem:
        assert server.require_version(tmp_path / "x") in output
        return
    with pytest.raises(SiteError) as raised:
        server.require_version(tmp_path / "x")
    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (saying("added alice@metals.example\n"), ["alice@metals.example"]),
        (
            saying("starting\nfailed alice@metals.example: not_allowed\n", 1),
            "alice@metals.example: not_allowed",
        ),
        (saying("{error,enoent}\n", 1), "{error,enoent}"),
        (saying("", 1), "no output"),
        (silent, "ejabberd registered no accounts in 60 s"),
    ],
)
def test_what_ejabberd_says_of_new_accounts(
    asked: object, expected: list[str] | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ejabberd_server, "ask_program", asked)
    monkeypatch.setattr(ejabberd_server, "start_command", lambda *_, **__: ["erl"])
    config = tmp_path / "ejabberd.yml"
    if isinstance(expected, list):
        assert ejabberd_server.register_ejabberd_accounts(config, PASSWORDS) == expected
        return
    with pytest.raises(SiteError) as raised:
        ejabberd_server.register_ejabberd_accounts(config, PASSWORDS)
    assert str(raised.value).endswith(expected)


def test_passwords_are_told_and_are_on_no_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[tuple[list[str], str]] = []

    def note(command: list[str], told: str, _timeout_s: float) -> "subprocess.CompletedProcess[str]":
        said.append((command, told))
        return subprocess.CompletedProcess([], 0, "")

    monkeypatch.setattr(ejabberd_server, "start_command", lambda *_, **__: ["erl"])
    for module in (server, ejabberd_server):
        monkeypatch.setattr(module, "ask_program", note)
    server.register_accounts(tmp_path / "prosody.cfg.lua", PASSWORDS)
    ejabberd_server.register_ejabberd_accounts(tmp_path / "ejabberd.yml", PASSWORDS)
    assert [told for _, told in said] == ["alice@metals.example\ts3cret\n"] * 2
    assert not any("s3cret" in each for command, _ in said for each in command)
