"""`steelyard audit matter`: what is gathered for an investigation, and who sees it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.settings.site import SiteFile
from tests.support.audit_site import T0_NS, Site
from tests.support.auditors import become, make_audited_site
from tests.support.command import run_command

pytestmark = pytest.mark.slow

ALICE, BOB, GUS = "alice@metals.example/desk", "bob@metals.example", "gus@grain.example"


class Shell:
    """Commands as they are typed, by one auditor or another."""

    def __init__(self, site: Site, become: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
        self.site, self.become, self._capsys = site, become, capsys

    def run(self, *arguments: object, status: int = 0) -> str:
        self._capsys.readouterr()
        assert run_command("audit", *arguments) == status, self._capsys.readouterr().err
        told = self._capsys.readouterr()
        return told.err if status == 2 else told.out

    def ask(self, *arguments: object, status: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", status=status))


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    site = await make_audited_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "copper at 9,100"),
        site.say(GUS, "gil@grain.example", "wheat", at_s=1),
        site.say(BOB, ALICE, "copper, done", at_s=60),
    )
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    become(monkeypatch, "erin")
    return Shell(site, lambda user: become(monkeypatch, user), capsys)


def looks_of(shell: Shell) -> list[Access]:
    return asyncio.run(shell.site.accesses())


def test_a_matter_from_its_opening_to_its_end(shell: Shell) -> None:
    opened = shell.ask("matter", "open", "Copper at lunch", "--id", "metals-7")
    assert (opened["people"], opened["enterprises"], opened["is_open"]) == (["erin"], ["metals"], True)
    shell.run(
        "matter", "add-custodian", "metals-7", "alice@metals.example", "--reason", "named in the letter"
    )
    shell.run("matter", "add-exhibit", "metals-7", shell.site.id_of(2), "--title", "the answer")
    shell.run("matter", "add-exhibit", "metals-7", shell.site.id_of(0), "--note", "the price")
    shell.run("matter", "note", "metals-7", "no trade in the book", "--exhibit", 1)
    shell.run("matter", "note", "metals-7", "the desk closed", "--at", "2026-11-23T20:04:30Z")
    saved = shell.ask("matter", "save", "metals-7", "copper", "--title", "all of copper")["saved"][0]
    assert (saved["result_count"], saved["log_size"]) == (2, 8)
    found = shell.ask("matter", "chronology", "metals-7")
    assert [(each["at_ns"] - T0_NS) // 10**9 for each in found["entries"]] == [0, 25, 60, 60]
    assert [each["exhibit"] and each["exhibit"]["number"] for each in found["entries"]] == [2, None, 1, None]
    assert found["entries"][0]["record"]["text"] == "copper at 9,100"
    shown = shell.run("matter", "show", "metals-7")
    assert "No hold keeps what alice@metals.example wrote: steelyard archive hold" in shown
    shell.run("matter", "close", "metals-7", "--reason", "settled")
    assert "is closed" in shell.run("matter", "note", "metals-7", "late", status=2)
    assert "is closed" in shell.run("search", "copper", "--matter", "metals-7", status=2)
    assert shell.ask("matter", "reopen", "metals-7", "--reason", "appeal")["is_open"]
    search = next(each for each in looks_of(shell) if each.act == "search")
    assert (search.matter, search.result_digest) == ("metals-7", saved["result_digest"])


def test_lines_fit_a_narrow_terminal(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    shell.run("matter", "add-exhibit", "metals-7", shell.site.id_of(0), "--title", "the offer")
    for command in ("show", "chronology"):
        assert max(map(len, shell.run("matter", command, "metals-7").splitlines())) <= 80
    assert max(map(len, shell.run("matter", "list").splitlines())) <= 80


def test_nobody_else_sees_a_matter(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    absent = "steelyard: there is no matter {}; `steelyard audit matter list` shows those that you work on\n"
    for user in ("greta", "lena"):
        shell.become(user)
        assert shell.ask("matter", "list")["matters"] == []
        for command in ("show", "chronology"):
            for id_ in ("metals-7", "metals-8"):
                assert shell.run("matter", command, id_, status=2) == absent.format(id_)
        for id_ in ("metals-7", "metals-8"):
            told = f"steelyard: there is no matter {id_}\n"
            assert shell.run("matter", "note", id_, "x", status=2) == told
            assert shell.run("matter", "people", id_, "--add", user, status=2) == told
            assert shell.run("search", "copper", "--matter", id_, status=2) == absent.format(id_)
    # A lead of the other enterprise cannot get in as a lead, either.
    shell.become("greta")
    for id_ in ("metals-7", "metals-8"):
        told = shell.run("matter", "people", id_, "--add", "greta", "--as-lead", status=2)
        assert told == f"steelyard: there is no matter {id_}\n"
    # Nor learn of it by the name.
    for id_ in ("metals-7", "metals-8"):
        assert "begin the id with grain-" in shell.run("matter", "open", "x", "--id", id_, status=2)
    shell.become("lena")
    assert shell.ask("matter", "people", "metals-7", "--add", "lena", "--as-lead")["people"] == [
        "erin",
        "lena",
    ]


def test_acts_in_a_matter_are_shown_to_its_people_alone(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    assert "Copper" in shell.run("show", "audit/1")
    shell.become("greta")
    assert "no record audit/1 among what greta may see" in shell.run("show", "audit/1", status=2)


def test_a_record_of_another_enterprise_is_not_shown_by_its_id(shell: Shell) -> None:
    ours, theirs = shell.site.id_of(0), shell.site.id_of(1)
    assert "copper" in shell.run("show", ours)
    assert "wheat" not in (told := shell.run("show", theirs, status=2))
    absent = shell.run("show", "gate/99999", status=2)
    assert told == absent.replace("gate/99999", theirs)
    shell.become("lena")
    assert "wheat" in shell.run("show", theirs)


def test_own_looks_are_shown_and_those_of_others_not(shell: Shell) -> None:
    shell.run("search", "copper")
    [look] = [number for number, each in enumerate(looks_of(shell), 1) if each.act == "search"]
    assert "copper" in shell.run("show", f"audit/{look}")
    shell.become("greta")
    assert f"no record audit/{look} among" in shell.run("show", f"audit/{look}", status=2)


def test_an_overseer_sees_no_matter_and_no_content(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    shell.become("otto")
    for command in (("search", "copper"), ("show", "gate/1"), ("proof", "gate/1")):
        assert "has not the role" in shell.run(*command, status=2)
    assert "has not the role" in shell.run("matter", "show", "metals-7", status=2)


def test_who_may_not_see_all_of_it_cannot_work_on_it(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    assert "may not see all" in shell.run("matter", "people", "metals-7", "--add", "greta", status=2)
    assert "is no auditor" in shell.run("matter", "people", "metals-7", "--add", "eve", status=2)
    assert "not among the enterprises" in shell.run("matter", "open", "x", "--enterprise", "grain", status=2)


def test_another_enterprises_people_and_records_stay_out(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    for jid in ("gus@grain.example", "nobody@grain.example"):
        told = shell.run("matter", "add-custodian", "metals-7", jid, status=2)
        assert told == (
            f"steelyard: {jid} is in neither the directory nor any record of what metals-7 may concern\n"
        )
    for record in (shell.site.id_of(1), "gate/999", "gate/0"):
        told = shell.run("matter", "add-exhibit", "metals-7", record, status=2)
        assert told == f"steelyard: there is no record {record} in what metals-7 may concern\n"
    shell.become("lena")
    shell.run("matter", "open", "Both", "--id", "M-1", "--enterprise", "grain")
    assert "no record" in shell.run("matter", "add-exhibit", "M-1", shell.site.id_of(0), status=2)
    assert shell.ask("matter", "add-exhibit", "M-1", shell.site.id_of(1))["exhibits"][0]["number"] == 1


def test_a_name_is_not_misspelt(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    told = shell.run("matter", "add-custodian", "metals-7", "alcie@metals.example", status=2)
    assert "did you mean alice@metals.example?" in told


def test_nobody_learns_what_is_hidden_in_a_title(shell: Shell) -> None:
    shell.run("matter", "open", "evil\x1b[2J\u202etitle", "--id", "metals-7")
    shown = shell.run("matter", "show", "metals-7")
    assert "\x1b" not in shown
    assert "\u202e" not in shown


async def test_a_look_by_the_systems_user_is_recorded_under_the_auditors_id(tmp_path: Path) -> None:
    site = await make_audited_site(tmp_path)
    text = site.path.read_text().replace('user = "erin"', f'user = "{name_actor()}"')
    site.path.write_text(text)
    settings = SiteFile(site.path)
    for actor in (name_actor(), "greta"):
        await record_access(settings, Access(actor, "proof", "gate/1", 1, 2, 1))
    assert [each.actor for each in await site.accesses()] == ["erin", "greta"]


async def test_each_look_needs_a_matter_where_policy_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = await make_audited_site(tmp_path, "matter_required = true")
    await site.record(site.say(ALICE, BOB, "copper"))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    become(monkeypatch, "erin")
    shell = Shell(site, lambda user: become(monkeypatch, user), capsys)

    said = site.id_of(0)

    def try_it() -> None:
        for command in (("search", "copper"), ("show", said), ("proof", said)):
            told = shell.run(*command, status=2)
            assert "needs a matter" in told
            assert "copper" not in told
        shell.run("reconcile", status=1)  # the server said nothing of its numbers
        shell.run("matter", "open", "Copper", "--id", "metals-7")
        for command in (("search", "copper"), ("show", said), ("proof", said)):
            shell.run(*command, "--matter", "metals-7", "--reason", "the letter")

    await asyncio.to_thread(try_it)
    made = [each for each in await site.accesses() if each.act in ("search", "show", "proof")]
    assert [(each.matter, each.reason) for each in made] == [("metals-7", "the letter")] * 3
