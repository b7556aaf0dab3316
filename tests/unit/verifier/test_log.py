"""Every corruption that has a name is found, and named rightly, by the verifier that shares no code with us."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogDamaged
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.note import encode_verifier_key, make_signer, make_verifier_key
from components.archive.writer import LogWriter
from components.verifier import database
from components.verifier.log import verify_log
from components.verifier.report import Problem, UsageError
from tests.support.archive import (
    ORIGIN,
    RECIPIENTS,
    SIGNER,
    VKEY,
    open_writer,
    tamper,
    write_log,
)
from tests.support.archive_orders import APPROVERS
from tests.support.verified import CORRUPTIONS, found, kinds, states

CASES = [pytest.param(case, id=case["name"]) for case in CORRUPTIONS["corruptions"]]
ORDERED_CASES = [pytest.param(case, id=case["name"]) for case in CORRUPTIONS["ordered"]]


def test_an_untouched_log_verifies(log: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify_log(log, VKEY, lambda done, total: told.append((done, total)))
    assert (report.ok, report.size, report.problems) == (True, 600, ())
    assert (states(report), report.ranges, report.pending, report.checkpoints) == ({"VALID": 600}, (), 0, 7)
    assert report.checkpoint.startswith(f"{ORIGIN}\n600\n")
    assert told == sorted(told)
    assert told[-1] == (600, 600)


SHAPES = [
    ((), 0),
    ((1,), 3),
    ((253,), 255),
    ((254,), 256),
    ((255,), 257),
    ((510,), 512),
    pytest.param((1, 65_533), 65_538, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("batches", "size"), SHAPES)
async def test_logs_of_all_shapes_verify(batches: Sequence[int], size: int, tmp_path: Path) -> None:
    """Each segment has two records of the log's own; a batch too long for one has one of its own."""
    log = await write_log(tmp_path / "gate.db", batches)
    report = verify_log(log, VKEY)
    assert (report.problems, report.size) == ((), size)


@pytest.mark.parametrize("case", CASES)
def test_a_named_corruption_is_named(case: dict[str, object], log: Path) -> None:
    tamper(log, *case["sql"])  # type: ignore[misc]
    report = verify_log(log, VKEY)
    assert found(report) == case["problems"]
    assert sum(report.states.values()) in (report.size, 0)


@pytest.mark.parametrize("case", ORDERED_CASES)
def test_a_named_corruption_of_a_log_with_orders_is_named(case: dict[str, object], ordered_log: Path) -> None:
    tamper(ordered_log, *case["sql"])  # type: ignore[misc]
    report = verify_log(ordered_log, VKEY, approver_vkeys=APPROVERS)
    assert found(report) == case["problems"]
    assert states(report) == case["states"]


@pytest.mark.parametrize("case", CASES)
async def test_a_writer_refuses_a_log_whose_newest_state_is_corrupt(
    case: dict[str, object], log: Path
) -> None:
    tamper(log, *case["sql"])  # type: ignore[misc]
    if case.get("refused"):
        with pytest.raises(LogDamaged):
            await open_writer(log)
        assert found(verify_log(log, VKEY)) == case["problems"]  # and it changed nothing


def test_another_key_verifies_nothing(log: Path) -> None:
    key = Ed25519PrivateKey.generate()
    other = encode_verifier_key(make_verifier_key(ORIGIN, key.public_key()))
    assert kinds(verify_log(log, other)) == ["checkpoint-missing", "tile-unsigned"]
    renamed = encode_verifier_key(
        make_verifier_key("steelyard.example/audit", SIGNER.private_key.public_key())
    )
    assert kinds(verify_log(log, renamed))[:2] == ["meta-altered", "checkpoint-missing"]


async def test_a_key_that_replaced_the_logs_own_is_found(log: Path) -> None:
    """A writer with another key is refused, so the two keys can only meet by tampering."""
    with pytest.raises(LogDamaged, match="no known key"):
        await LogWriter.open(log, make_signer(ORIGIN, Ed25519PrivateKey.generate()), RECIPIENTS)
    other = make_signer(ORIGIN, Ed25519PrivateKey.generate())
    note = sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), other)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 300", (note,))
    assert kinds(verify_log(log, VKEY)) == ["checkpoint-altered"]


def test_problems_without_end_are_counted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.verifier.report.MAX_PROBLEMS", 10)
    tamper(log, "UPDATE record SET payload = x''")
    report = verify_log(log, VKEY)
    assert len(report.problems) == 11
    assert report.problems[-1] == Problem("more", None, "and 590 more problems")


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000, bytes(4096)])
def test_a_file_that_is_no_log(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gate.db").write_bytes(content)
    assert kinds(verify_log(tmp_path / "gate.db", VKEY)) == ["database-damaged"]


def test_a_database_cut_in_half(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 2)
    assert not verify_log(log, VKEY).ok


def test_no_log_and_no_key(log: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        verify_log(tmp_path / "none.db", VKEY)
    for vkey in ("", "a+b+c", VKEY[:-1], VKEY.replace("gate", "audit")):
        with pytest.raises(UsageError, match="verifier key"):
            verify_log(log, vkey)


def test_a_log_where_nothing_can_be_written(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only medium refuses the files that SQLite makes beside a database."""
    opened = []

    def connect(uri: str) -> sqlite3.Connection:
        opened.append(uri)
        if "mode=ro" in uri:
            raise sqlite3.OperationalError("unable to open database file")
        return original(uri)

    original = database.connect
    monkeypatch.setattr(database, "connect", connect)
    assert verify_log(log, VKEY).ok
    assert opened[-1].endswith("?immutable=1")
    log.with_name("gate.db-wal").write_bytes(b"unfinished")
    with pytest.raises(UsageError, match="-wal"):
        verify_log(log, VKEY)
