"""What `steelyard attach prosody` prints for people, and what it does not take together."""

from pathlib import Path

import pytest

from components.cli.output.attach import print_applied, print_plan, print_proposal, print_undone
from components.settings.site_table import ServerName
from components.site.attach.apply import AttachPlan
from components.site.attach.check import Note
from components.site.attach.kinds import KINDS
from components.site.attach.propose import Proposal
from components.site.init import init_site
from tests.support.attached import CONFIGS, attached_site, write_directory
from tests.support.command import run_command

CONFIG = Path("/etc/prosody/prosody.cfg.lua")
PLAN = AttachPlan(
    "prosody",
    CONFIG,
    CONFIG.with_name("steelyard.cfg.lua"),
    ("-- ours", "Include 'steelyard.cfg.lua'"),
    "component_secret = 'abc'\n",
    "component_secret = '(hidden)'\n",
    (Note(True, "another port"), Note(False, "a push service")),
    False,
)


def test_a_plan_shows_each_line_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(PLAN)
    assert capsys.readouterr().out.splitlines() == [
        "/etc/prosody/prosody.cfg.lua gets these lines, at its end:",
        "  -- ours",
        "  Include 'steelyard.cfg.lua'",
        "/etc/prosody/steelyard.cfg.lua:",
        "  component_secret = '(hidden)'",
        "✘ another port",
        "- a push service",
        "nothing can be applied before the lines with ✘ are mended",
    ]


def test_what_was_done_is_told_with_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    print_applied(PLAN, CONFIG.with_name("copy"))
    print_undone(CONFIG, same=True)
    print_undone(CONFIG, same=False)
    told = capsys.readouterr().out
    assert told.count("restart the server") == 3
    assert "copy beside prosody.cfg.lua" in told
    assert "is as it was before:" in told
    assert "what else has changed since stays" in told


def test_a_proposal_tells_what_is_to_be_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    print_proposal(
        Proposal(Path("/srv/site.toml"), Path("/srv/directory.toml"), "ab" * 32, 7, 2, 3, ("sql.example",))
    )
    told = capsys.readouterr().out
    for text in ("7 people, 2 rooms", "3 contacts are outside", "sql.example has another storage", "ab" * 32):
        assert text in told


@pytest.mark.parametrize("two", [("--apply", "--undo"), ("--dry-run", "--apply"), ("--undo", "--propose=x")])
@pytest.mark.parametrize("server", KINDS)
def test_one_thing_at_a_time(
    two: tuple[str, str], server: ServerName, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("attach", server, "--config", CONFIG, *two) == 2
    assert "give one of" in capsys.readouterr().err


@pytest.mark.parametrize(("ours", "theirs"), [("prosody", "ejabberd"), ("ejabberd", "prosody")])
def test_a_site_of_one_server_is_not_attached_to_another(
    ours: ServerName, theirs: ServerName, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = attached_site(tmp_path, server=ours).path
    write_directory(tmp_path, ours)
    init_site(site)
    config = tmp_path / CONFIGS[ours]
    assert run_command("attach", theirs, "--config", config, "--apply", "--site", site) == 2
    assert f"is for {ours} (site.server), not for {theirs}" in capsys.readouterr().err
    assert config.read_text() == ""
