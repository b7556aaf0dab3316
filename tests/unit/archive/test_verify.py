"""Every corruption that has a name is found, and named rightly, by the verifier that shares no code with us."""

import ast
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogDamaged
from components.archive.head import NS_PER_SECOND
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.merkle import leaf_hash, root_hash
from components.archive.log.note import encode_verifier_key, make_signer, make_verifier_key
from components.archive.log.tile import EMPTY_TREE, grow
from components.archive.store import Batch, CheckpointRow
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from components.audit import verify
from components.audit.verify import Problem, Report, UsageError, main, verify_log
from tests.support.archive import (
    ORIGIN,
    SIGNER,
    START_S,
    VKEY,
    entries,
    open_writer,
    tamper,
    write_log,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/archive/corruptions.json").read_text("utf-8"))
CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["corruptions"]]


def found(report: Report) -> list[list[object]]:
    return [[problem.kind, problem.index] for problem in report.problems]


def kinds(report: Report) -> list[str]:
    return [problem.kind for problem in report.problems]


def test_an_untouched_log_verifies(log: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify_log(log, VKEY, lambda done, total: told.append((done, total)))
    assert (report.ok, report.size, report.problems) == (True, 600, ())
    assert report.checkpoint.startswith(f"{ORIGIN}\n600\n")
    assert told == sorted(told)
    assert told[-1] == (600, 600)


@pytest.mark.parametrize("batches", [(), (1,), (255,), (256,), (257,), (512,), (1, 65_535), (65_537,)])
async def test_logs_of_all_shapes_verify(batches: Sequence[int], tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", batches)
    assert verify_log(log, VKEY) == Report(sum(batches), verify_log(log, VKEY).checkpoint, ())


@pytest.mark.parametrize("case", CASES)
def test_a_named_corruption_is_named(case: dict[str, object], log: Path) -> None:
    tamper(log, *case["sql"])  # type: ignore[misc]
    assert found(verify_log(log, VKEY)) == case["problems"]


@pytest.mark.parametrize("case", CASES)
async def test_a_writer_refuses_a_log_whose_newest_state_is_corrupt(
    case: dict[str, object], log: Path
) -> None:
    tamper(log, *case["sql"])  # type: ignore[misc]
    if case.get("refused"):
        with pytest.raises(LogDamaged):
            await open_writer(log)
        assert found(verify_log(log, VKEY)) == case["problems"]  # and it changed nothing


async def test_records_rewritten_with_all_their_tiles_are_found(tmp_path: Path, log: Path) -> None:
    """Whoever holds no key can rewrite everything but the signatures."""
    forged = await open_writer(tmp_path / "forged.db")
    for count in (1, 2):
        await forged.append(entries(forged.size, count))
    await forged.append([(kind, payload.replace(b"77", b"78")) for kind, payload in entries(3, 253)])
    for count in (44, 300):
        await forged.append(entries(forged.size, count))
    await forged.close()
    with closing(sqlite3.connect(tmp_path / "forged.db")) as database, database:
        database.execute("ATTACH ? AS original", (str(log),))
        database.execute("DELETE FROM checkpoint")
        database.execute("INSERT INTO checkpoint SELECT * FROM original.checkpoint")
    report = verify_log(tmp_path / "forged.db", VKEY)
    assert found(report) == [["root-mismatch", 3]]
    assert "records 3 to 255" in report.problems[0].detail


def test_a_checkpoint_of_other_records_is_found(log: Path) -> None:
    """Two roots for one size, both signed: the log's own key was used to tell two stories."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 256, bytes(32)), SIGNER)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 256", (note,))
    assert found(verify_log(log, VKEY)) == [["checkpoint-forked", None]]


async def test_a_log_set_back_as_a_whole_is_found_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    kept = [sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)]
    earlier = await write_log(tmp_path / "gate.db", (1, 2, 253, 44))
    assert verify_log(earlier, VKEY).ok
    assert found(verify_log(earlier, VKEY, known_checkpoints=kept)) == [["log-truncated", 300]]


def test_a_checkpoint_kept_elsewhere_that_contradicts_the_newest_is_a_fork(log: Path) -> None:
    kept = sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)
    assert found(verify_log(log, VKEY, known_checkpoints=[kept])) == [["checkpoint-forked", None]]


async def test_a_log_written_anew_is_found_by_a_checkpoint_kept_elsewhere(log: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(log)) as database:
        (kept,) = database.execute("SELECT note FROM checkpoint WHERE size = 300").fetchone()
    assert verify_log(log, VKEY, known_checkpoints=[kept, kept]).ok
    other = await write_log(tmp_path / "other.db", (1,))
    writer = await open_writer(other)
    await writer.append(entries(2, 599))
    await writer.close()
    assert verify_log(other, VKEY).ok
    report = verify_log(other, VKEY, known_checkpoints=[kept])
    assert kinds(report) == ["checkpoint-forked"]
    assert kinds(verify_log(log, VKEY, known_checkpoints=["no note"])) == ["checkpoint-altered"]


async def test_a_time_that_the_log_itself_set_back_is_found(tmp_path: Path) -> None:
    log = await write_log(tmp_path / "gate.db", (2,))
    with closing(sqlite3.connect(log)) as database:
        rows = database.execute("SELECT leaf, payload FROM record").fetchall()
    leaves, payloads = [row[0] for row in rows], [row[1] for row in rows]
    leaves[0] = leaves[0][:10] + (START_S * NS_PER_SECOND + 1).to_bytes(8) + leaves[0][18:]
    tree, tiles = grow(EMPTY_TREE, [leaf_hash(leaf) for leaf in leaves])
    note = sign_checkpoint(Checkpoint(ORIGIN, 2, root_hash(tree.frontier)), SIGNER)
    tamper(log, "DELETE FROM record", "DELETE FROM tile", "DELETE FROM checkpoint")
    store = await SqliteStore.open(log)
    await store.append(Batch(0, leaves, payloads, tiles, CheckpointRow(START_S, 2, note)))
    await store.close()
    assert found(verify_log(log, VKEY)) == [["time-backwards", 1]]


def test_another_key_verifies_nothing(log: Path) -> None:
    key = Ed25519PrivateKey.generate()
    other = encode_verifier_key(make_verifier_key(ORIGIN, key.public_key()))
    assert kinds(verify_log(log, other))[:2] == ["checkpoint-missing", "record-unsigned"]
    renamed = encode_verifier_key(
        make_verifier_key("steelyard.example/audit", SIGNER.private_key.public_key())
    )
    assert kinds(verify_log(log, renamed))[:2] == ["meta-altered", "checkpoint-missing"]


async def test_a_key_that_replaced_the_logs_own_is_found(log: Path) -> None:
    """A writer with another key is refused, so the two keys can only meet by tampering."""
    with pytest.raises(LogDamaged, match="no known key"):
        await LogWriter.open(log, ORIGIN, Ed25519PrivateKey.generate())
    other = make_signer(ORIGIN, Ed25519PrivateKey.generate())
    note = sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), other)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 300", (note,))
    assert kinds(verify_log(log, VKEY)) == ["checkpoint-altered"]


def test_problems_without_end_are_counted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_PROBLEMS", 10)
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


async def test_it_reads_one_snapshot_while_the_writer_goes_on(tmp_path: Path) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    sizes = []
    for count in (300, 1, 500, 2):
        await writer.append(entries(writer.size, count))
        sizes.append(verify_log(tmp_path / "gate.db", VKEY).size)
        assert verify_log(tmp_path / "gate.db", VKEY).ok
    await writer.close()
    assert sizes == [300, 301, 801, 803]


def test_a_log_where_nothing_can_be_written(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only medium refuses the files that SQLite makes beside a database."""
    opened = []

    def connect(uri: str) -> sqlite3.Connection:
        opened.append(uri)
        if "mode=ro" in uri:
            raise sqlite3.OperationalError("unable to open database file")
        return original(uri)

    original = verify.connect
    monkeypatch.setattr(verify, "connect", connect)
    assert verify_log(log, VKEY).ok
    assert opened[-1].endswith("?immutable=1")
    log.with_name("gate.db-wal").write_bytes(b"unfinished")
    with pytest.raises(UsageError, match="-wal"):
        verify_log(log, VKEY)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / "log-gate.pub").write_text(VKEY + "\n")
    return tmp_path / "log-gate.pub"


def test_the_command_says_what_it_verified(
    log: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(log), "--key", str(key_file)]) == 0
    output = capsys.readouterr().out
    assert "600 records" in output
    assert ORIGIN in output


def test_the_command_names_problems(log: Path, key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(
        log, "UPDATE record SET payload = flip(payload, 0) WHERE idx = 9", "DELETE FROM record WHERE idx = 12"
    )
    assert main([str(log), "--key", str(key_file)]) == 1
    output = capsys.readouterr().out
    assert "payload-altered: record 9: " in output
    assert "record-missing: record 12: records 12 to 12 are missing" in output
    assert main([str(log), "--key", str(key_file), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [problem["index"] for problem in report["problems"]] == [9, 12]


def test_the_command_called_wrongly(log: Path, key_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(log), "--key", str(log)]) == 2
    assert main([str(log), "--key", str(key_file) + ".none"]) == 2
    assert main([str(log) + ".none", "--key", str(key_file)]) == 2
    assert main([str(log), "--key", str(key_file), "--checkpoint", str(log)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    with pytest.raises(SystemExit) as error:
        main([str(log)])
    assert error.value.code == 2


def test_the_file_stands_alone(log: Path, key_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "verify.py"
    copy.parent.mkdir()
    copy.write_bytes(Path(verify.__file__).read_bytes())
    command = [sys.executable, "-I", "-W", "error", str(copy), str(log), "--key", str(key_file), "--json"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=copy.parent)
    assert (done.returncode, json.loads(done.stdout)["size"], done.stderr) == (0, 600, b"")


def test_the_file_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    modules = set()
    for node in ast.walk(ast.parse(Path(verify.__file__).read_bytes())):
        if isinstance(node, ast.Import):
            modules |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            modules.add(node.module.split(".")[0])
    assert modules - set(sys.stdlib_module_names) == {"cryptography"}
