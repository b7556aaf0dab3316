"""Cosignatures (C2SP tlog-cosignature) and log keys that hand over, as the verifier sees them."""

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.note import Signer, encode_verifier_key, make_signer, sign_note
from components.archive.record import RecordKind
from components.archive.writer import Entry, LogWriter
from components.verifier.log import verify_log
from components.verifier.report import UsageError, Witnessed
from components.verifier.verify import main
from tests.support.archive import ORIGIN, RECIPIENTS, SIGNER, VKEY, entries, tamper
from tests.support.archive_witness import (
    ED25519_WITNESS,
    ML_DSA_WITNESS,
    TIME_S,
    cosign_ed25519,
    cosign_ml_dsa,
    line,
    vkey,
)
from tests.support.verified import kinds

WITNESSES = [
    pytest.param(ED25519_WITNESS, cosign_ed25519, id="Ed25519"),
    pytest.param(ML_DSA_WITNESS, cosign_ml_dsa, id="ML-DSA-44"),
]
Cosign = Callable[..., str]


def checkpoints(log: Path) -> dict[int, str]:
    with closing(sqlite3.connect(log)) as database:
        return dict(database.execute("SELECT size, note FROM checkpoint").fetchall())


def text_of(note: str) -> str:
    return note.partition("\n\n")[0] + "\n"


@pytest.mark.parametrize(("witness", "cosign"), WITNESSES)
def test_cosigned_checkpoints_that_were_kept(witness: str, cosign: Cosign, log: Path) -> None:
    notes = checkpoints(log)
    kept = [notes[size] + cosign(text_of(notes[size]), TIME_S + size) for size in (300, 256)]
    report = verify_log(log, VKEY, known_checkpoints=kept, witness_vkeys=[witness])
    assert report.problems == ()
    assert report.witnesses == (Witnessed(witness.partition("+")[0], 2, 300, TIME_S + 300),)


@pytest.mark.parametrize(("witness", "cosign"), WITNESSES)
def test_cosignatures_in_the_database(witness: str, cosign: Cosign, log: Path) -> None:
    note = checkpoints(log)[600]
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 600", (note + cosign(text_of(note)),))
    report = verify_log(log, VKEY, witness_vkeys=[witness])
    assert (report.problems, report.witnesses[0].count) == ((), 1)


@pytest.mark.parametrize(("witness", "cosign"), WITNESSES)
@pytest.mark.parametrize("part", ["key id", "time", "signature"])
def test_any_part_of_a_cosignature(part: str, witness: str, cosign: Cosign, log: Path) -> None:
    note = checkpoints(log)[600]
    name, encoded = cosign(text_of(note)).removeprefix("— ").split()
    data = bytearray(base64.b64decode(encoded))
    data[{"key id": 0, "time": 11, "signature": -1}[part]] ^= 1
    altered = f"{note}— {name} {base64.b64encode(data).decode()}\n"
    report = verify_log(log, VKEY, known_checkpoints=[altered], witness_vkeys=[witness])
    wrong = [] if part == "key id" else ["cosignature-wrong"]  # another id is another key, which nobody knows
    assert kinds(report) == [*wrong, "cosignature-missing"]
    assert report.witnesses[0].count == 0


@pytest.mark.parametrize(("witness", "cosign"), WITNESSES)
def test_a_cosignature_of_another_checkpoint(witness: str, cosign: Cosign, log: Path) -> None:
    notes = checkpoints(log)
    altered = notes[600] + cosign(text_of(notes[300]))
    report = verify_log(log, VKEY, known_checkpoints=[altered], witness_vkeys=[witness])
    assert kinds(report) == ["cosignature-wrong", "cosignature-missing"]


def test_a_cosigned_checkpoint_of_other_records(log: Path) -> None:
    """What a witness saw and the log does not hold any more."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), SIGNER)
    kept = note + cosign_ed25519(text_of(note))
    report = verify_log(log, VKEY, known_checkpoints=[kept], witness_vkeys=[ED25519_WITNESS])
    assert kinds(report) == ["checkpoint-forked"]


def test_a_witness_with_two_keys(log: Path) -> None:
    """It counts once for each checkpoint, whichever of its keys cosigned it."""
    other = vkey("witness.example/w1", 6, MLDSA44PrivateKey.generate().public_key().public_bytes_raw())
    note = checkpoints(log)[300]
    kept = note + cosign_ed25519(text_of(note)) + line(VKEY.replace(ORIGIN, "witness.example/w3"), bytes(72))
    report = verify_log(log, VKEY, known_checkpoints=[kept], witness_vkeys=[f"{ED25519_WITNESS}\n{other}"])
    assert (report.problems, report.witnesses) == ((), (Witnessed("witness.example/w1", 1, 300, TIME_S),))


def test_a_witness_that_cosigned_nothing(log: Path) -> None:
    report = verify_log(log, VKEY, witness_vkeys=[ED25519_WITNESS, ML_DSA_WITNESS])
    assert kinds(report) == ["cosignature-missing"] * 2
    for wrong in (VKEY, ED25519_WITNESS[:-1], "witness"):
        with pytest.raises(UsageError):
            verify_log(log, VKEY, witness_vkeys=[wrong])


def test_the_command_takes_a_folder_of_cosigned_checkpoints(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gate.cosigned"
    folder.mkdir()
    for size, note in checkpoints(log).items():
        (folder / str(size)).write_text(note + cosign_ed25519(text_of(note)) + cosign_ml_dsa(text_of(note)))
    (folder / ".unfinished").write_text("steel")
    (tmp_path / "log.pub").write_text(VKEY + "\n")
    (tmp_path / "w2.pub").write_text(ML_DSA_WITNESS + "\n")
    command = [str(log), "--key", str(tmp_path / "log.pub"), "--checkpoint", str(folder)]
    command += ["--witness", ED25519_WITNESS, "--witness", str(tmp_path / "w2.pub")]
    assert main(command) == 0
    output = capsys.readouterr().out
    assert "agrees with 14 checkpoints" in output
    for name in ("w1", "w2"):
        assert (
            f"witness.example/{name} cosigned 7 checkpoints, the last of 600 records (2026-11-23 21:40:00 UTC)"
            in output
        )
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["witnesses"][0] == {
        "name": "witness.example/w1",
        "count": 7,
        "size": 600,
        "time_s": TIME_S,
    }


# Log keys that hand over.

SECOND, THIRD, STRANGER = (
    make_signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))) for number in (21, 22, 23)
)
SECOND_VKEY, THIRD_VKEY = (encode_verifier_key(signer.verifier_key) for signer in (SECOND, THIRD))


async def hand_over(log: Path, old: Signer, new: Signer, *signers: Signer) -> None:
    """Append a log key record signed by `signers` (the old key and the new one), and the checkpoints that follow."""
    text = f"steelyard-log-key/1\n{ORIGIN}\n{encode_verifier_key(new.verifier_key)}\n"
    writer = await LogWriter.open(log, old, RECIPIENTS)
    await writer.append([Entry(RecordKind.LOG_KEY, sign_note(text, *(signers or (old, new))).encode())])
    await writer.close()
    with closing(sqlite3.connect(log)) as database, database:
        second, note = database.execute("SELECT max(second), note FROM checkpoint").fetchone()
        both = sign_note(text_of(note), old, new)
        database.execute("UPDATE checkpoint SET note = ? WHERE second = ?", (both, second))
    writer = await LogWriter.open(log, new, RECIPIENTS)
    await writer.append(entries(0, 3))
    await writer.close()


@pytest.fixture
async def rotated(log: Path) -> Path:
    """The log of 600 records, then SECOND from 600 on and THIRD from there."""
    await hand_over(log, SIGNER, SECOND)
    await hand_over(log, SECOND, THIRD)
    return log


def test_the_first_key_leads_to_the_last(rotated: Path) -> None:
    report = verify_log(rotated, VKEY)
    assert (report.problems, report.unchecked) == ((), ())
    assert report.size > 610
    assert verify_log(rotated, f"{VKEY}\n{SECOND_VKEY}\n{THIRD_VKEY}\n").ok


@pytest.mark.parametrize("vkey_", [SECOND_VKEY, THIRD_VKEY])
def test_a_later_key_leaves_earlier_checkpoints_unchecked(vkey_: str, rotated: Path) -> None:
    report = verify_log(rotated, vkey_)
    assert report.problems == ()
    assert len(report.unchecked) == 1
    assert "checkpoints of an earlier key" in report.unchecked[0]
    assert verify_log(rotated, f"{vkey_}\n{VKEY}").unchecked == ()


def test_a_checkpoint_that_the_key_before_signed(rotated: Path) -> None:
    note = checkpoints(rotated)[verify_log(rotated, VKEY).size]
    stolen = sign_note(text_of(note), SECOND)
    report = verify_log(rotated, VKEY, known_checkpoints=[stolen])
    assert kinds(report) == ["checkpoint-altered"]
    early = sign_note(text_of(checkpoints(rotated)[300]), THIRD)
    assert kinds(verify_log(rotated, VKEY, known_checkpoints=[early])) == ["checkpoint-altered"]


@pytest.mark.parametrize("signers", [(SIGNER,), (SECOND,), (STRANGER, SECOND)])
async def test_a_key_that_was_not_handed_over(signers: tuple[Signer, ...], log: Path) -> None:
    await hand_over(log, SIGNER, SECOND, *signers)
    report = verify_log(log, VKEY)
    assert kinds(report)[0] == "log-key-invalid"
    assert "checkpoint-altered" in kinds(report)  # those that the new key alone signed


@pytest.mark.parametrize(
    "text", ["steelyard-log-key/1\nother\n{}\n", "steelyard-log-key/2\n" + ORIGIN + "\n{}\n", "{}\n"]
)
async def test_a_log_key_record_that_is_none(text: str, log: Path) -> None:
    writer = await LogWriter.open(log, SIGNER, RECIPIENTS)
    note = sign_note(text.format(SECOND_VKEY), SIGNER, SECOND)
    await writer.append([Entry(RecordKind.LOG_KEY, note.encode())])
    await writer.append([Entry(RecordKind.LOG_KEY, b"\xff")])
    await writer.close()
    assert kinds(verify_log(log, VKEY)) == ["log-key-invalid"] * 2


def test_a_log_key_record_that_was_altered(rotated: Path) -> None:
    tamper(rotated, "UPDATE record SET payload = flip(payload, -9) WHERE idx = 600")
    report = verify_log(rotated, VKEY)
    assert {"record-unsigned", "payload-altered"} & {*kinds(report)}  # as far as the keys still lead
