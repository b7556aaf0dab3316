"""Who can open a log's segments, as the verifier sees it: the keys in their envelopes, whatever those are called."""

import itertools
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.keys.recipient_text import encode_recipient, encode_recipient_key
from components.archive.seal import Recipient, RecipientKey
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from components.verifier.log import verify_log
from components.verifier.recipients import Recipients, parse_recipients
from components.verifier.report import Findings, UsageError, render_report
from components.verifier.verify import main
from tests.support.archive import AUDITOR, ESCROW, RECIPIENTS, SIGNER, START_S, VKEY, entries
from tests.support.verified import kinds

EVE = RecipientKey("auditor", X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))).recipient
KNOWN = tuple(encode_recipient(each) for each in RECIPIENTS)


async def write(path: Path, *recipients: tuple[Recipient, ...]) -> Path:
    """Write a log with a start, and so a segment, for each of these."""
    times = itertools.count(START_S * 10**9, 10**9)
    for each in recipients:
        writer = await LogWriter.open_on(await SqliteStore.open(path), SIGNER, each, lambda: next(times))
        await writer.append(entries(writer.size, 3))
        await writer.sign()
        await writer.close()
    return path


async def test_it_tells_who_can_open_which_segments(tmp_path: Path) -> None:
    log = await write(tmp_path / "gate.db", RECIPIENTS, (*RECIPIENTS, EVE), RECIPIENTS)
    report = verify_log(log, VKEY)
    assert report.ok
    assert [(each.key_id, each.segments, each.first, each.last) for each in report.recipients] == [
        (AUDITOR.recipient.key_id, 3, 1, 3),
        (ESCROW.recipient.key_id, 3, 1, 3),
        (EVE.key_id, 1, 2, 2),
    ]
    assert f"auditor (key {EVE.key_id}) can open segment 2." in render_report(report)
    assert f"(key {ESCROW.recipient.key_id}) can open 3 segments from 1 to 3." in render_report(report)


async def test_whoever_was_let_in_beside_those_who_are_known_is_found(tmp_path: Path) -> None:
    """An operator adds a key of their own to `archive.recipients`, under the auditors' name."""
    log = await write(tmp_path / "gate.db", RECIPIENTS, (*RECIPIENTS, EVE), (EVE,))
    (problem,) = verify_log(log, VKEY, recipients=KNOWN).problems
    assert problem.kind == "recipient-unknown"
    assert problem.detail == f"segment 2 is sealed to 'auditor' (key {EVE.key_id}), too, who was not named"
    assert verify_log(log, VKEY, recipients=(*KNOWN, encode_recipient(EVE))).ok
    one = verify_log(log, VKEY, recipients=KNOWN[:1])
    assert kinds(one) == ["recipient-unknown"] * 2


async def test_it_is_an_option_of_the_verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = await write(tmp_path / "gate.db", (*RECIPIENTS, EVE))
    (tmp_path / "log.pub").write_text(VKEY)
    (tmp_path / "known.pub").write_text("".join(f"{each}\n" for each in KNOWN))
    call = [str(log), "--key", str(tmp_path / "log.pub"), "--recipient", str(tmp_path / "known.pub")]
    assert main(call) == 1
    assert "recipient-unknown: record 0: " in capsys.readouterr().out
    assert main([*call, "--recipient", encode_recipient(EVE)]) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auditor",
        KNOWN[0][:-4],
        KNOWN[0].replace("+auditor+", "+auditor+0"),
        encode_recipient(EVE).replace(EVE.key_id, AUDITOR.recipient.key_id),
        encode_recipient_key(AUDITOR),
    ],
)
def test_what_is_no_public_key_is_not_taken_for_one(text: str) -> None:
    assert len(parse_recipients(KNOWN)) == 2
    if text:
        with pytest.raises(UsageError) as error:
            parse_recipients((*KNOWN, text))
        assert encode_recipient_key(AUDITOR)[-30:] not in str(error.value)
    else:
        assert parse_recipients((*KNOWN, text)) == parse_recipients(KNOWN)


@pytest.mark.parametrize(
    "envelopes", [b"", b"{}", b"[]", b"[1]", b'[{"name": "a"}]', b"null", b"[" * 100_000]
)
def test_envelopes_that_name_nobody_are_a_problem(envelopes: bytes) -> None:
    findings = Findings()
    recipients = Recipients(frozenset(), findings)
    recipients.look_at(7, 123, envelopes)
    (problem,) = findings.problems()
    assert (problem.kind, problem.index) == ("recipient-unknown", 123)
    recipients.look_at(8, 130, json.dumps([{"name": "a", "key_id": "b", "sealed": ""}]).encode())
    assert [each.first for each in recipients.found()] == [8]
