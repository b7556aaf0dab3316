"""Matters where auditors have keys: each act is signed, and what is not counts for nothing and is shown."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.audit.access import record_findings
from components.audit.matter.acts import fetch_deeds
from components.audit.matter.record import make_event
from components.audit.matter.values import Deed, MatterAct
from components.settings.site import SiteFile
from policy.utc import format_utc
from tests.support.auditors import become, give_keys, make_audited_site
from tests.unit.cli.test_matter import ALICE, BOB, Shell


class Signers(Shell):
    """Commands of auditors with keys."""

    keys: dict[str, Path]

    def sign(self, *arguments: object, by: str = "erin", status: int = 0) -> str:
        self.become(by)
        return self.run(*arguments, "--key", self.keys[by], status=status)

    def write(self, *deeds: Deed) -> None:
        """Write acts into the log, as a tool of one's own can."""
        asyncio.run(record_findings(SiteFile(self.site.path), [make_event(each) for each in deeds]))

    def deeds(self) -> list[Deed]:
        return asyncio.run(fetch_deeds(SiteFile(self.site.path)))

    def show(self) -> Any:
        self.become("erin")
        return self.ask("matter", "show", "metals-7")


@pytest.fixture
async def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Signers:
    site = await make_audited_site(tmp_path)
    await site.record(site.say(ALICE, BOB, "copper at 9,100"))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    become(monkeypatch, "erin")
    return Signers(site, lambda user: become(monkeypatch, user), capsys)


@pytest.mark.slow
def test_each_act_is_signed_by_its_author(shell: Signers) -> None:
    shell.keys = give_keys(shell.site, "erin", "lena")
    assert "name the key of erin with --key" in shell.run("matter", "open", "Copper", status=2)
    shell.sign("matter", "open", "Copper", "--id", "metals-7")
    said = shell.site.id_of(0)
    for command in (
        ("people", "metals-7", "--add", "lena"),
        ("add-custodian", "metals-7", "alice@metals.example"),
        ("add-exhibit", "metals-7", said, "--title", "the offer"),
        ("note", "metals-7", "no trade in the book", "--exhibit", 1),
        ("save", "metals-7", "copper", "--title", "all of it"),
        ("withdraw-exhibit", "metals-7", 1, "--reason", "another Alice"),
        ("remove-custodian", "metals-7", "alice@metals.example"),
        ("close", "metals-7", "--reason", "settled"),
        ("reopen", "metals-7", "--reason", "appeal"),
    ):
        unsigned = len(shell.deeds())
        assert "name the key of erin" in shell.run("matter", *command, status=2)
        assert len(shell.deeds()) == unsigned
        shell.sign("matter", *command)
    assert [(deed.problem, bool(deed.signature)) for deed in shell.deeds()] == [("", True)] * 10
    shown = shell.show()
    assert (shown["unsigned"], shown["counts_for_nothing"]) == ([], [])
    assert [each["text"] for each in shown["notes"]] == ["no trade in the book"]


def test_with_the_key_of_another_nothing_is_recorded(shell: Signers) -> None:
    shell.keys = give_keys(shell.site, "erin", "lena")
    shell.become("lena")
    told = shell.run("matter", "open", "Copper", "--key", shell.keys["erin"], status=2)
    assert told == "steelyard: this is the key of auditor/erin, and you are lena\n"
    assert shell.deeds() == []


def test_what_somebody_wrote_into_the_log_is_shown_and_counts_for_nothing(shell: Signers) -> None:
    shell.keys = give_keys(shell.site, "erin", "lena")
    shell.sign("matter", "open", "Copper", "--id", "metals-7")
    shell.sign("matter", "note", "metals-7", "true")
    (opened, note) = shell.deeds()
    shell.write(
        replace(note, signature="", details={"text": "in erin's name"}),
        replace(note, details={"text": "edited"}),
        note,
        replace(opened, act=MatterAct.CLOSE, details={"reason": "nobody looks"}),
        replace(opened, act=MatterAct.ADD_PERSON, by="lena", details={"who": "lena", "as": "lead"}),
    )
    shown = shell.show()
    assert ([each["text"] for each in shown["notes"]], shown["people"], shown["is_open"]) == (
        ["true"],
        ["erin"],
        True,
    )
    refused = shown["counts_for_nothing"]
    assert [(each["by"], each["act"]) for each in refused] == [
        ("erin", "noted"),
        ("erin", "noted"),
        ("erin", "noted"),
        ("erin", "closed"),
        ("lena", "person-added"),
    ]
    assert "not signed" in refused[0]["why"] and "recorded already" in refused[2]["why"]
    assert "Counts for nothing" in shell.run("matter", "show", "metals-7")


def test_a_matter_of_before_keys_goes_on_and_says_what_nobody_signed(shell: Signers) -> None:
    shell.run("matter", "open", "Copper", "--id", "metals-7")
    shell.run("matter", "note", "metals-7", "of before")
    before = [deed.record for deed in shell.deeds()]
    shell.keys = give_keys(shell.site, "erin")
    assert shell.show()["unsigned"] == before
    shell.sign("matter", "note", "metals-7", "of now")
    shown = shell.show()
    assert ([each["text"] for each in shown["notes"]], shown["unsigned"]) == (["of before", "of now"], before)
    assert "Not signed" in shell.run("matter", "show", "metals-7")
    shell.write(replace(shell.deeds()[1], signature=""))
    assert [each["act"] for each in shell.show()["counts_for_nothing"]] == ["noted"]


def test_the_other_key_counts_from_when_it_is_listed_and_the_first_one_until_it_was_retired(
    shell: Signers,
) -> None:
    shell.keys = give_keys(shell.site, "erin")
    shell.sign("matter", "open", "Copper", "--id", "metals-7")
    (opened,) = shell.deeds()
    folder, text = shell.site.path.parent, shell.site.path.read_text()
    (folder / "keys/auditor-erin.pub").rename(folder / "keys/first.pub")
    (folder / "keys/auditor-erin.key").rename(folder / "keys/first.key")
    shell.site.path.write_text(text.replace('key = "keys/auditor-erin.pub"\n', ""))
    shell.keys |= give_keys(shell.site, "erin")
    shell.become("erin")
    # Not listed any more, the first key signs for nobody, and the matter is not there.
    assert "there is no matter" in shell.run("matter", "show", "metals-7", status=2)
    text = shell.site.path.read_text()
    at_s = opened.recorded_at_ns // 10**9
    for until_s, is_there in ((at_s, False), (at_s + 1, True)):
        retired = f'retired = [{{ key = "keys/first.pub", until = {format_utc(until_s)} }}]\n'
        shell.site.path.write_text(text.replace('user = "erin"\n', f'user = "erin"\n{retired}'))
        assert (shell.deeds()[0].problem == "") is is_there
    shell.sign("matter", "note", "metals-7", "with the other key")
    assert json.dumps(shell.show()["counts_for_nothing"]) == "[]"
