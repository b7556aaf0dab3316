"""Grants where auditors have keys: who contributed is who signed for it; and what no grant outlives."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key, create_recipient_key, load_log_key, load_recipient
from components.archive.record import Event, RecordKind, encode_event
from components.archive.store.open import open_store
from components.archive.writer import Entry, LogWriter
from tests.support.auditors import give_keys
from tests.support.rounds import mostly_slow
from tests.unit.cli.test_grant import Grants, shell

__all__ = ["shell"]


@pytest.fixture
def signers(shell: Grants) -> Grants:
    """Lena asks and issues; Greta and Erin hold shares; all have keys, and Eve's is listed nowhere."""
    shell.keys = give_keys(shell.site, "erin", "greta", "lena")
    shell.keys["eve"] = shell.folder / "keys/auditor-eve.key"
    create_log_key(shell.keys["eve"], "auditor/eve")
    return shell


def ask_for(signers: Grants, *more: object) -> Path:
    return signers.ask_for("1", "--key", signers.keys["lena"], *more)


def contribute(signers: Grants, file: Path, number: int, by: str, status: int = 0) -> str:
    share = ("--share", signers.share(number))
    return signers.run("grant", "contribute", file, *share, "--key", signers.keys[by], status=status)


def issue(signers: Grants, file: Path, status: int = 0) -> str:
    return signers.run("grant", "issue", file, "--key", signers.keys["lena"], status=status)


def change(file: Path, place: int, **changes: Any) -> None:
    said = json.loads(file.read_text())
    said["contributions"][place] |= changes
    file.write_text(json.dumps(said))


def test_who_contributed_is_who_signed(signers: Grants) -> None:
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    issue(signers, file)
    (listed,) = signers.ask("grant", "list")["grants"]
    assert (listed["contributors"], listed["state"]) == ("greta (share 1), erin (share 3)", "in force")
    signers.bring(file)
    signers.sit_at("erin")
    assert [each["text"] for each in signers.ask("search", "copper")["records"]] == ["copper"]


def test_a_share_without_a_signature_is_contributed_anew_with_one(signers: Grants) -> None:
    file = ask_for(signers)
    signers.contribute(file, 1)
    contribute(signers, file, 3, "erin")
    assert "contribute it anew, with --key" in issue(signers, file, status=2)
    contribute(signers, file, 1, "greta")
    assert "is contributed already, by greta" in contribute(signers, file, 1, "erin", status=2)
    assert "is contributed already, by greta" in signers.run(
        "grant", "contribute", file, "--share", signers.share(1), "--name", "eve", status=2
    )
    issue(signers, file)


@pytest.mark.parametrize(
    ("changes", "says"),
    mostly_slow(
        [
            ({"by": "lena"}, "not listed as one of lena"),
            ({"by": "eve"}, "eve is not listed"),
            ({"number": 2}, "signature of auditor/greta is wrong"),
            ({"id": "00" * 8}, "signature of auditor/greta is wrong"),
            ({"signature": ""}, "not signed"),
            ({"at_s": 7}, "at another time"),
            ({"at_s": 1 << 33}, "at another time"),
            ({"by": "a b"}, "named by their id"),
        ],
        2,
    ),
)
def test_nobody_contributes_in_the_name_of_another(
    signers: Grants, changes: dict[str, Any], says: str
) -> None:
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    change(file, 0, **changes)
    assert says in issue(signers, file, status=2)
    assert signers.ask("grant", "list")["grants"][0]["state"] == "asked"


def test_who_is_listed_nowhere_contributes_nothing(signers: Grants) -> None:
    file = ask_for(signers)
    contribute(signers, file, 1, "eve")
    contribute(signers, file, 3, "erin")
    assert "eve is not listed" in issue(signers, file, status=2)
    told = signers.run(
        *(
            "grant",
            "contribute",
            file,
            "--share",
            signers.share(2),
            "--key",
            signers.folder / "keys/log-audit.key",
        ),
        status=2,
    )
    assert "is no auditor's key" in told


def test_a_signature_serves_for_no_other_grant_and_no_other_share(signers: Grants) -> None:
    first, second = ask_for(signers), None
    contribute(signers, first, 1, "greta")
    kept = json.loads(first.read_text())["contributions"][0]
    first.rename(signers.folder / "first.grant")
    second = ask_for(signers)
    contribute(signers, second, 1, "greta")
    contribute(signers, second, 3, "erin")
    change(second, 0, signature=kept["signature"], id=kept["id"], at_s=kept["at_s"])
    assert "signature of auditor/greta is wrong" in issue(signers, second, status=2)


def test_a_share_that_is_another_than_was_signed(signers: Grants) -> None:
    """Greta signs for share 1, and a tool of hers puts another one into it."""
    file = ask_for(signers)
    contribute(signers, file, 2, "greta")
    contribute(signers, file, 3, "erin")
    from dataclasses import replace

    from components.archive.keys import load_log_key
    from components.audit.grant.file import read_grant_file
    from components.audit.matter.record import encode_deed
    from components.rules.reviewers import sign_text

    read = read_grant_file(file)
    lie = replace(read.contributions[0], number=1)
    text = encode_deed(lie.as_deed(read.terms))
    line = sign_text("greta", text, load_log_key(signers.keys["greta"]))
    change(file, 0, number=1, signature=line)
    assert "the share of greta is share 2, and not 1, as was signed" in issue(signers, file, status=2)


def test_asking_issuing_and_revoking_are_signed(signers: Grants) -> None:
    asked = (
        *("grant", "request", "--for", "erin", "--to", signers.folder / "keys/erin.pub", "--until", "8h"),
        *("--segments", "1", "--reason", "x", "-o", signers.folder / "x.grant"),
    )
    assert "name the key of lena" in signers.run(*asked, status=2)
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    assert "name the key of lena" in signers.run("grant", "issue", file, status=2)
    issue(signers, file)
    id_ = signers.ask("grant", "list")["grants"][0]["id"]
    assert "name the key of lena" in signers.run("grant", "revoke", id_, "--reason", "x", status=2)
    signers.run("grant", "revoke", id_, "--reason", "x", "--key", signers.keys["lena"])
    assert signers.ask("grant", "list")["grants"][0]["state"] == "revoked"


def test_a_grant_is_over_at_its_very_second(signers: Grants, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    until_ns = json.loads(file.read_text())["terms"]["until_ns"]
    at = [until_ns]
    monkeypatch.setattr(time, "time_ns", lambda: at[0])
    monkeypatch.setattr(time, "time", lambda: at[0] / 10**9)
    assert signers.ask("grant", "list")["grants"][0]["state"] == "over"
    assert "is over" in issue(signers, file, status=2)
    assert "is over: ask for another" in contribute(signers, file, 3, "erin", status=2)


async def append_act(signers: Grants, at_ns: int) -> int:
    """Append an act to the audit log at a time of that log's writer, and return the time."""
    log, settings = signers.site.settings.audit_log, signers.site.settings
    recipients = [load_recipient(path) for path in (*settings.archive.recipients, *settings.audit.readers)]
    store = await open_store(log.store)
    writer = await LogWriter.open_on(store, load_log_key(log.key_file), recipients, lambda: at_ns)
    event = Event(RecordKind.MATTER, "noted", (), at_ns)
    await writer.append([Entry(RecordKind.MATTER, encode_event(event))])
    await writer.close()
    return at_ns


def test_a_clock_that_was_set_back_issues_nothing_that_is_over(signers: Grants) -> None:
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    until_ns = json.loads(file.read_text())["terms"]["until_ns"]
    assert asyncio.run(append_act(signers, until_ns)) == until_ns
    assert "is over" in issue(signers, file, status=2)
    assert signers.ask("grant", "list")["grants"][0]["issued"] == ""


@pytest.mark.slow
def test_who_is_no_auditor_any_more_gets_none_and_gives_none(signers: Grants) -> None:
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "lena")
    text = signers.site.path.read_text()
    for who, says in (("greta", "greta was no auditor any more"), ("erin", "erin is no auditor any more")):
        ended = text.replace(f'user = "{who}"\n', f'user = "{who}"\nuntil = 2026-01-01T00:00:00Z\n')
        signers.site.path.write_text(ended)
        assert says in issue(signers, file, status=2)
    signers.site.path.write_text(text)
    issue(signers, file)


@pytest.mark.slow
def test_a_grant_for_a_matter_that_was_closed_is_not_issued(signers: Grants) -> None:
    key = ("--key", signers.keys["lena"])
    signers.run("matter", "open", "Copper", "--id", "M-1", "--enterprise", "metals", *key)
    signers.run("matter", "people", "M-1", "--add", "erin", *key)
    file = ask_for(signers, "--matter", "M-1")
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    signers.run("matter", "close", "M-1", "--reason", "settled", *key)
    assert "M-1 is closed; re-open it first" in issue(signers, file, status=2)
    signers.run("matter", "reopen", "M-1", "--reason", "appeal", *key)
    signers.run("matter", "people", "M-1", "--remove", "erin", *key)
    assert "erin does not work on M-1" in issue(signers, file, status=2)


@pytest.mark.slow
def test_shares_of_a_key_of_before_open_what_was_sealed_to_it(signers: Grants) -> None:
    """The auditors' key is replaced: segments of before stay sealed to the old one, which is named by its id."""
    folder, text = signers.folder, signers.site.path.read_text()
    (folder / "keys/auditor.pub").rename(folder / "keys/auditor-1.pub")
    create_recipient_key(folder / "keys/auditor.key", "auditor")
    old = load_recipient(folder / "keys/auditor-1.pub").key_id
    assert '"keys/auditor.pub"' in text
    file = ask_for(signers)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    assert "shares of another key than the auditor key" in issue(signers, file, status=2)
    file.rename(folder / "new-key.grant")
    file = ask_for(signers, "--opened-with", old)
    contribute(signers, file, 1, "greta")
    contribute(signers, file, 3, "erin")
    issue(signers, file)
    signers.bring(file)
    signers.sit_at("erin")
    assert [each["text"] for each in signers.ask("search", "copper")["records"]] == ["copper"]
    signers.sit_at("")
    asked = (
        *("grant", "request", "--for", "erin", "--to", folder / "keys/erin.pub", "--until", "8h"),
        *("--segments", "1", "--reason", "x", "-o", folder / "y.grant", "--opened-with", "0" * 16),
    )
    assert "is no recipient of this site's segments" in signers.run(
        *asked, "--key", signers.keys["lena"], status=2
    )
