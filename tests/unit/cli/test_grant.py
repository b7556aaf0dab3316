"""`steelyard audit grant`: M of N shares open a few segments for one auditor, until a time; and no more than that."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.conversation import ConversationHash
from components.archive.grant import GrantError, parse_terms
from components.archive.keys import (
    create_conversation_key,
    create_recipient_key,
    load_conversation_key,
    load_log_key,
    load_recipient,
    load_recipient_key,
)
from components.archive.keys.shares import split_key
from components.archive.log.leaf import NO_CONVERSATION
from components.archive.record import RecordKind, encode_submission
from components.archive.store.open import open_store
from components.archive.writer import Entry, LogWriter
from components.audit.grant.file import parse_grant_file, read_grant_file, write_grant_file
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.auditors import become, make_audited_site
from tests.unit.cli.test_matter import ALICE, BOB, Shell

pytestmark = pytest.mark.slow

REASON = ("--reason", "the letter")


class Grants(Shell):
    """A site whose auditors' key is in shares, and the machines of two auditors with keys of their own."""

    folder: Path
    keys: dict[str, Path]

    def share(self, number: int, of: str = "share") -> Path:
        return self.folder / f"{of}-{number}.txt"

    def ask_for(self, segments: str = "1", *more: object) -> Path:
        """Ask for a grant for erin, and return its file."""
        asked = self.ask(
            *("grant", "request", "--for", "erin", "--to", self.folder / "keys/erin.pub"),
            *("--until", "8h", "--segments", segments, *REASON, "-o", self.folder / "asked.grant", *more),
        )
        assert asked["issued"] is False
        return Path(asked["file"])

    def contribute(self, file: Path, *numbers: int, of: str = "share") -> None:
        for number in numbers:
            self.run(
                "grant", "contribute", file, "--share", self.share(number, of), "--name", f"holder {number}"
            )

    def grant(self, segments: str = "1") -> Path:
        """Issue a grant, and bring it to erin's machine."""
        file = self.ask_for(segments)
        self.contribute(file, 1, 3)
        self.run("grant", "issue", file)
        return self.bring(file)

    def bring(self, file: Path, who: str = "erin") -> Path:
        there = self.folder / f"grants-{who}" / file.name
        there.parent.mkdir(exist_ok=True)
        there.write_bytes(file.read_bytes())
        return there

    def sit_at(self, who: str) -> None:
        """The next commands are given on another machine: an auditor's, or the one where it is asked and issued."""
        name = f"site-{who}.toml" if who else "site.toml"
        self.monkeypatch.setenv("STEELYARD_SITE", str(self.folder / name))
        self.become(who or "lena")

    monkeypatch: pytest.MonkeyPatch


def make_machine(folder: Path, who: str) -> None:
    create_recipient_key(folder / f"keys/{who}.key", who)
    text = (folder / "site.toml").read_text()
    for old, new in (
        ('key_files = ["keys/auditor.key"]', f'key_files = ["keys/{who}.key"]\ngrants = "grants-{who}"'),
        ('index = "archive/index.db"', f'index = "archive/index-of-{who}/index.db"'),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / f"archive/index-of-{who}").mkdir()
    (folder / f"site-{who}.toml").write_text(text)


@pytest.fixture
async def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Grants:
    """Segment 1 says copper, segment 2 tin; nobody has the auditors' key: it is in three shares, of which two do."""
    readers = 'readers = ["keys/erin.pub", "keys/greta.pub", "keys/lena.pub"]'
    site = await make_audited_site(tmp_path, readers, records_directory=False)
    await site.record(site.say(ALICE, BOB, "copper"))
    await site.record(site.say(BOB, ALICE, "tin", at_s=60))
    key = load_recipient_key(tmp_path / "keys/auditor.key")
    for name, words in (
        *((f"share-{number}", text) for number, text in enumerate(split_key(key, 3, 2), 1)),
        *((f"other-{number}", text) for number, text in enumerate(split_key(key, 3, 2), 1)),
    ):
        (tmp_path / f"{name}.txt").write_text(f"# a share\n{words}\n")
        (tmp_path / f"{name}.txt").chmod(0o600)
    for who in ("erin", "greta", "lena"):
        make_machine(tmp_path, who)
    (tmp_path / "keys/auditor.key").rename(tmp_path / "auditor.key.away")
    text = site.path.read_text().replace('"keys/auditor.key"', '"keys/lena.key"')
    site.path.write_text(text)
    shell = Grants(
        Site(site.path, SiteFile(site.path), places=site.places),
        lambda user: become(monkeypatch, user),
        capsys,
    )
    shell.folder, shell.monkeypatch = tmp_path, monkeypatch
    shell.sit_at("")
    return shell


def test_a_grant_opens_its_segments_and_no_others(shell: Grants) -> None:
    shell.grant("1")
    shell.sit_at("erin")
    found = shell.ask("search", "copper OR tin")
    assert [each["text"] for each in found["records"]] == ["copper"]
    assert found["not_opened"] == 1
    assert shell.ask("show", shell.site.id_of(0))["text"] == "copper"
    # Unopened, nothing tells whose it is: for an auditor of one enterprise it is not there.
    assert "tin" not in shell.run("show", shell.site.id_of(1), status=2)
    (listed,) = shell.ask("grant", "list")["grants"]
    assert (listed["state"], listed["segments"], listed["auditor"]) == ("in force", "1", "erin")
    assert listed["contributors"] == "holder 1 (share 1, not signed), holder 3 (share 3, not signed)"


def test_without_a_grant_nothing_is_readable(shell: Grants) -> None:
    shell.sit_at("erin")
    found = shell.ask("search", "copper OR tin")
    assert (found["records"], found["submissions"], found["not_opened"]) == ([], 0, 2)


def test_another_grant_adds_to_the_first(shell: Grants) -> None:
    shell.grant("1").rename(shell.folder / "grants-erin/first.grant")
    shell.grant("2")
    shell.sit_at("erin")
    found = shell.ask("search", "copper OR tin")
    assert ([each["text"] for each in found["records"]], found["not_opened"]) == (["copper", "tin"], 0)


def test_a_search_that_is_run_again_under_other_grants_says_so(shell: Grants) -> None:
    shell.grant("1").rename(shell.folder / "grants-erin/first.grant")
    shell.sit_at("erin")
    searched = shell.ask("search", "copper OR tin")["access"]
    assert shell.ask("replay", searched)["searches"][0]["outcome"] == "same"
    shell.sit_at("")
    shell.grant("2")
    shell.sit_at("erin")
    (again,) = shell.ask("replay", searched, status=1)["searches"]
    assert (again["outcome"], again["count_now"]) == ("changed", 2)
    assert "what the grants of its auditor opened then" in "; ".join(again["reasons"])
    assert "steelyard verify" not in "; ".join(again["reasons"])


def test_a_copy_is_of_no_use_to_another_auditor(shell: Grants) -> None:
    file = shell.grant("1")
    shell.bring(file, "greta")
    shell.sit_at("greta")
    assert shell.ask("search", "copper")["records"] == []
    # Nor with the terms rewritten to the other key.
    copied = shell.folder / "grants-greta" / file.name
    parsed = read_grant_file(copied)
    line = (shell.folder / "keys/greta.pub").read_text().strip()
    text = json.loads(copied.read_text())
    text["terms"]["recipient"] = line
    text["terms"]["auditor"] = "greta"
    copied.write_text(
        json.dumps(text).replace(parsed.terms.key_id, parse_grant_file(json.dumps(text)).terms.key_id)
    )
    found = shell.ask("search", "copper")
    assert (found["records"], found["not_opened"]) == ([], 2)


def test_what_is_over_opens_nothing_and_is_removed(shell: Grants, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shell.grant("1")
    shell.sit_at("erin")
    assert len(shell.ask("search", "copper")["records"]) == 1
    indexes = set((shell.folder / "archive/index-of-erin").glob("index-*.db"))
    later = time.time_ns() + 9 * 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert shell.ask("search", "copper")["records"] == []
    assert not file.exists()
    assert not any(path.exists() for path in indexes)
    assert shell.ask("grant", "list")["grants"][0]["state"] == "over"


def test_a_later_time_that_somebody_wrote_into_it_opens_nothing(shell: Grants) -> None:
    file = shell.grant("1")
    parsed = read_grant_file(file)
    write_grant_file(
        file, replace(parsed, terms=replace(parsed.terms, until_ns=parsed.terms.until_ns + 10**15))
    )
    shell.sit_at("erin")
    assert shell.ask("search", "copper")["records"] == []


async def append(shell: Grants, conversation: bytes, clock_ns: Callable[[], int] = time.time_ns) -> None:
    """Append a message of this conversation to the gate's log, in a segment of its own."""
    settings = shell.site.settings
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    store, signer = await open_store(settings.gate_log.store), load_log_key(settings.gate_log.key_file)
    writer = await LogWriter.open_on(store, signer, recipients, clock_ns)
    payload = encode_submission(shell.site.say(ALICE, BOB, "zinc"))
    await writer.append([Entry(RecordKind.STANZA, payload, conversation=conversation or NO_CONVERSATION)])
    await writer.close()


def test_conversations_are_found_without_a_key(shell: Grants) -> None:
    key = shell.folder / "keys/conversation.key"
    create_conversation_key(key)
    hashes = ConversationHash(load_conversation_key(key))
    asyncio.run(append(shell, hashes.of_people("alice@metals.example", "bob@metals.example")))
    asked = shell.ask(
        *(
            "grant",
            "request",
            "--for",
            "erin",
            "--to",
            shell.folder / "keys/erin.pub",
            "--until",
            "8h",
            *REASON,
        ),
        *("--conversation", "bob@metals.example, alice@metals.example", "-o", shell.folder / "x.grant"),
    )
    assert asked["segments"] == [3]


def test_a_clock_that_was_set_back_does_not_help(shell: Grants) -> None:
    file = shell.grant("1")
    shell.sit_at("erin")
    later = time.time_ns() + 9 * 3600 * 10**9
    asyncio.run(append(shell, b"", clock_ns=lambda: later))
    assert shell.ask("search", "copper")["records"] == []
    assert not file.exists()


def test_what_is_revoked_opens_nothing(shell: Grants) -> None:
    file = shell.grant("1")
    id_ = read_grant_file(file).terms.id
    shell.sit_at("greta")
    assert "there is no grant" in shell.run("grant", "revoke", id_, *REASON, status=2)
    shell.sit_at("")
    assert shell.ask("grant", "revoke", id_, "--reason", "settled")["state"] == "revoked"
    shell.sit_at("erin")
    assert shell.ask("search", "copper")["records"] == []
    assert not file.exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([(1, "share")], "1 of these shares are not enough: 2 are needed"),
        ([], "made at different times"),
    ],
)
def test_too_few_shares(shell: Grants, given: list[tuple[int, str]], says: str) -> None:
    file = shell.ask_for()
    for number, of in given:
        shell.contribute(file, number, of=of)
    assert says in shell.run("grant", "issue", file, status=2)
    assert not read_grant_file(file).envelopes
    assert shell.ask("grant", "list")["grants"][0]["state"] == "asked"


def refuse(shell: Grants, file: Path, share: Path) -> str:
    return shell.run("grant", "contribute", file, "--share", share, status=2)


def test_shares_that_add_nothing_are_refused(shell: Grants) -> None:
    file = shell.ask_for()
    shell.contribute(file, 1)
    assert "share 1 is contributed already, by holder 1" in refuse(shell, file, shell.share(1))
    assert "of another set" in refuse(shell, file, shell.share(2, "other"))
    wrong = shell.folder / "wrong.txt"
    wrong.write_text(shell.share(2).read_text().replace(" ", "  ", 1).rsplit(" ", 1)[0])
    wrong.chmod(0o600)
    assert "is not right" in refuse(shell, file, wrong)
    open_to_all = shell.share(2)
    open_to_all.chmod(0o644)
    assert "others may read" in refuse(shell, file, open_to_all)


def test_a_share_given_for_one_grant_serves_no_other(shell: Grants) -> None:
    first = shell.ask_for("1")
    shell.contribute(first, 1, 3)
    kept = json.loads(first.read_text())
    first.rename(shell.folder / "first.grant")
    second = shell.ask_for("2")
    text = json.loads(second.read_text())
    text["contributions"] = kept["contributions"]
    second.write_text(json.dumps(text))
    assert "was not contributed to this grant" in shell.run("grant", "issue", second, status=2)


def test_lies_about_the_numbers_of_shares_do_not_help(shell: Grants) -> None:
    file = shell.ask_for()
    shell.contribute(file, 1)
    text = json.loads(file.read_text())
    text["contributions"].append(text["contributions"][0] | {"number": 2, "by": "nobody"})
    file.write_text(json.dumps(text))
    assert "not enough" in shell.run("grant", "issue", file, status=2)


@pytest.mark.parametrize(
    "change",
    [{"segments": [1, 2]}, {"auditor": "greta"}, {"until_ns": 2**62}, {"log": "metals.example/audit"}],
)
def test_terms_that_nobody_asked_for(shell: Grants, change: dict[str, object]) -> None:
    file = shell.ask_for("1")
    text = json.loads(file.read_text())
    text["terms"] |= change
    file.write_text(json.dumps(text))
    shell.contribute(file, 1, 3)
    assert "nobody asked for" in shell.run("grant", "issue", file, status=2)


def test_what_is_in_the_file_tells_nothing_of_shares_and_keys(shell: Grants) -> None:
    file = shell.ask_for("1")
    shell.contribute(file, 1, 3)
    words = shell.share(1).read_text().splitlines()[1].split()
    assert not any(f'"{word}"' in file.read_text() or f" {word} " in file.read_text() for word in words)
    assert file.stat().st_mode & 0o077 == 0
    shell.run("grant", "issue", file)
    assert json.loads(file.read_text())["contributions"] == []
    assert not file.with_suffix(".collector").exists()


def test_what_is_asked_is_shown_to_who_contributes(shell: Grants) -> None:
    file = shell.ask_for("1-2")
    shown = shell.run("grant", "contribute", file)
    for text in ("segments 1-2 of metals.example/gate", "erin", "the letter", "compare the digest"):
        assert text in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("more", "segments"),
    [
        (("--segments", "2"), [2]),
        (("--after", "2020-01-01"), [1, 2]),
        (("--before", "2020-01-01"), None),
        (("--segments", "7"), None),
        (("--hold", "nothing"), None),
    ],
)
def test_what_can_be_asked_for(shell: Grants, more: tuple[str, ...], segments: list[int] | None) -> None:
    asked = (
        *("grant", "request", "--for", "erin", "--to", shell.folder / "keys/erin.pub", "--until", "8h"),
        *(*REASON, "-o", shell.folder / "x.grant", *more),
    )
    if segments is None:
        assert shell.run(*asked, status=2)
    else:
        assert shell.ask(*asked)["segments"] == segments


def test_only_who_works_on_a_matter_gets_a_grant_for_it(shell: Grants) -> None:
    shell.run("matter", "open", "Copper", "--id", "M-1", "--enterprise", "metals")
    asked = (
        *("grant", "request", "--for", "erin", "--to", shell.folder / "keys/erin.pub", "--until", "8h"),
        *(*REASON, "--segments", "1", "--matter", "M-1", "-o", shell.folder / "x.grant"),
    )
    assert "does not work on M-1" in shell.run(*asked, status=2)
    shell.run("matter", "people", "M-1", "--add", "erin")
    assert shell.ask(*asked)["matter"] == "M-1"


def test_files_that_are_no_grants(shell: Grants) -> None:
    for text in ("", "[]", "{}", '{"format": "steelyard-grant/1"}', "\x00", "[" * 100_000):
        with pytest.raises(GrantError):
            parse_grant_file(text)
    with pytest.raises(GrantError):
        parse_terms({})
    (shell.folder / "bad.grant").write_text("{}")
    assert "not a grant's file" in shell.run("grant", "contribute", shell.folder / "bad.grant", status=2)
