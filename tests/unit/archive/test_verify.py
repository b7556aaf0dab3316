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
from components.archive.record import RecordKind
from components.archive.store import Change, CheckpointRow
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from components.audit import verify
from components.audit.verify import Problem, Range, Report, UsageError, main, verify_log
from tests.support.archive import (
    ORIGIN,
    RECIPIENTS,
    SIGNER,
    START_S,
    VKEY,
    entries,
    open_writer,
    tamper,
    write_log,
)
from tests.support.archive_orders import APPROVERS

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/archive/corruptions.json").read_text("utf-8"))
CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["corruptions"]]
ORDERED_CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["ordered"]]


def found(report: Report) -> list[list[object]]:
    return [[problem.kind, problem.index] for problem in report.problems]


def kinds(report: Report) -> list[str]:
    return [problem.kind for problem in report.problems]


def states(report: Report) -> dict[str, int]:
    return {state: count for state, count in report.states.items() if count}


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
    ((1, 65_533), 65_538),
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


async def test_records_rewritten_with_all_their_tiles_are_found(tmp_path: Path, log: Path) -> None:
    """Whoever holds no key can rewrite everything but the signatures."""
    forged = await write_log(tmp_path / "forged.db")
    with closing(sqlite3.connect(forged)) as database, database:
        database.execute("ATTACH ? AS original", (str(log),))
        database.execute("DELETE FROM checkpoint")
        database.execute("INSERT INTO checkpoint SELECT * FROM original.checkpoint")
    report = verify_log(forged, VKEY)
    assert found(report) == [["root-mismatch", 0]]
    assert "records 0 to 1" in report.problems[0].detail
    assert states(report) == {"FORGED": 600}
    assert report.ranges == (Range("FORGED", None, 0, 599, 600, None),)


def grown(path: Path) -> tuple[list[bytes], list[bytes]]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT leaf, payload FROM record ORDER BY idx").fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]


async def rewrite(path: Path, leaves: list[bytes], payloads: list[bytes], sizes: Sequence[int] = ()) -> None:
    """Write a log anew as its own key could: every tile, and checkpoints of these sizes and of all."""
    tamper(path, "DELETE FROM record", "DELETE FROM tile", "DELETE FROM checkpoint WHERE size > 0")
    store = await SqliteStore.open(path)
    await store.take_lease()
    for size in (*sizes, len(leaves)):
        tree, tiles = grow(EMPTY_TREE, [leaf_hash(leaf) for leaf in leaves[:size]])
        note = sign_checkpoint(Checkpoint(ORIGIN, size, root_hash(tree.frontier)), SIGNER)
        second = int.from_bytes(leaves[size - 1][10:18], "big") // NS_PER_SECOND
        await store.commit(Change(tiles=tiles, checkpoint=CheckpointRow(second, size, note)))
    await store.commit(Change(0, leaves, payloads))
    await store.close()


async def test_records_rewritten_behind_a_checkpoint_are_told_from_those_before(log: Path) -> None:
    """From the first root that does not fit, nothing is vouched for; what came before is."""
    leaves, payloads = grown(log)
    with closing(sqlite3.connect(log)) as database:
        kept = database.execute("SELECT second, size, note FROM checkpoint").fetchall()
    payloads[270] = payloads[270][::-1]
    leaves[270] = leaves[270][:45] + verify.sha256(payloads[270]).digest()
    await rewrite(log, leaves, payloads)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("DELETE FROM checkpoint")
        database.executemany("INSERT INTO checkpoint VALUES (?, ?, ?)", kept)
    report = verify_log(log, VKEY)
    assert found(report) == [["root-mismatch", 256]]
    assert states(report) == {"VALID": 256, "FORGED": 344}
    assert report.ranges == (Range("FORGED", None, 256, 599, 344, None),)
    payloads[270] = payloads[270][::-1]
    leaves[270] = leaves[270][:45] + verify.sha256(payloads[270]).digest()
    payloads[400] = payloads[400][::-1]
    leaves[400] = leaves[400][:45] + verify.sha256(payloads[400]).digest()
    await rewrite(log, leaves, payloads)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("DELETE FROM checkpoint")
        database.executemany("INSERT INTO checkpoint VALUES (?, ?, ?)", kept)
    report = verify_log(log, VKEY)  # a checkpoint within a tile
    assert found(report) == [["root-mismatch", 300]]
    assert states(report) == {"VALID": 300, "FORGED": 300}


def test_a_checkpoint_of_other_records_is_found(log: Path) -> None:
    """Two roots for one size, both signed: the log's own key was used to tell two stories."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 256, bytes(32)), SIGNER)
    with closing(sqlite3.connect(log)) as database, database:
        database.execute("UPDATE checkpoint SET note = ? WHERE size = 256", (note,))
    report = verify_log(log, VKEY)
    assert found(report) == [["checkpoint-forked", None]]
    assert (states(report), report.checkpoints) == ({"VALID": 600}, 6)


async def test_a_log_set_back_as_a_whole_is_found_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    kept = [sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)]
    earlier = await write_log(tmp_path / "gate.db", (1, 2, 252, 44))
    assert verify_log(earlier, VKEY).ok
    assert found(verify_log(earlier, VKEY, known_checkpoints=kept)) == [["log-truncated", 301]]


def test_a_checkpoint_kept_elsewhere_that_contradicts_the_newest_is_a_fork(log: Path) -> None:
    kept = sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)
    assert found(verify_log(log, VKEY, known_checkpoints=[kept])) == [["checkpoint-forked", None]]


async def test_a_log_written_anew_is_found_by_a_checkpoint_kept_elsewhere(log: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(log)) as database:
        (kept,) = database.execute("SELECT note FROM checkpoint WHERE size = 300").fetchone()
    assert verify_log(log, VKEY, known_checkpoints=[kept, kept]).checkpoints == 9
    other = await write_log(tmp_path / "other.db")
    assert verify_log(other, VKEY).ok
    report = verify_log(other, VKEY, known_checkpoints=[kept])
    assert kinds(report) == ["checkpoint-forked"]
    assert kinds(verify_log(log, VKEY, known_checkpoints=["no note"])) == ["checkpoint-altered"]


CHANGED_LEAVES = [
    ("its time", 10, 8, START_S * NS_PER_SECOND - 1, [["time-backwards", 3]]),
    ("its index", 2, 8, 4, [["record-misplaced", 3]]),
    ("its version", 0, 1, 3, [["leaf-unknown", 3]]),
    ("its segment", 18, 4, 2, [["segment-altered", 3], ["segment-altered", 4]]),
    ("its segment, to none", 18, 4, 0, [["segment-altered", 3], ["segment-altered", 4]]),
    ("its class", 22, 1, 2, [["segment-altered", 3]]),
    ("its position", 23, 2, 7, [["segment-altered", 3]]),
    (
        "its kind, to one in the clear",
        1,
        1,
        66,
        [["order-invalid", 3], ["segment-altered", 3], ["segment-altered", 4]],
    ),
]


@pytest.mark.parametrize(
    ("start", "size", "value", "problems"),
    [case[1:] for case in CHANGED_LEAVES],
    ids=[case[0] for case in CHANGED_LEAVES],
)
async def test_what_the_log_itself_signed_wrongly_is_found(
    start: int, size: int, value: int, problems: list[list[object]], log: Path
) -> None:
    leaves, payloads = grown(log)
    leaves[3] = leaves[3][:start] + value.to_bytes(size) + leaves[3][start + size :]
    await rewrite(log, leaves, payloads)
    assert found(verify_log(log, VKEY)) == problems


OWN_RECORDS = [
    (599, b'{"segment":1,"retention_class":1,"count":597,"first":1,"last":598}', [["segment-altered", 599]]),
    (599, b'{"segment":1,"retention_class":1,"count":598,"first":2,"last":598}', [["segment-altered", 599]]),
    (599, b'{"segment":1,"retention_class":1,"count":598,"first":1,"last":597}', [["segment-altered", 599]]),
    (599, b'{"segment":1,"retention_class":2,"count":598,"first":1,"last":598}', [["segment-altered", 599]]),
    (
        599,
        b'{"segment":2,"retention_class":1,"count":598,"first":1,"last":598}',
        [["segment-altered", 599], ["segment-altered", None]],
    ),
    (
        599,
        b'{"segment":1, "retention_class":1,"count":598,"first":1,"last":598}',
        [["segment-altered", 599], ["segment-altered", None]],
    ),
    (0, b'{"segment":1,"retention_class":1,"keys_sha256":"","recipients":[]}', [["keys-altered", 0]]),
    (0, b'{"segment":2,"retention_class":1,"keys_sha256":"","recipients":[]}', [["segment-altered", 0]]),
    (0, b"[]", [["segment-altered", 0]]),
]


@pytest.mark.parametrize(("index", "payload", "problems"), OWN_RECORDS)
async def test_segments_that_the_log_itself_describes_wrongly_are_found(
    index: int, payload: bytes, problems: list[list[object]], log: Path
) -> None:
    leaves, payloads = grown(log)
    payloads[index] = payload
    size = len(payload).to_bytes(4)
    leaves[index] = leaves[index][:25] + size + leaves[index][29:45] + verify.sha256(payload).digest()
    await rewrite(log, leaves, payloads)
    assert found(verify_log(log, VKEY)) == problems


async def test_a_segment_that_was_never_ended_is_found(tmp_path: Path) -> None:
    """Only the newest of its class may be open: here its manifest became something else."""
    log = await write_log(tmp_path / "gate.db", (5,))
    await write_more(log, 5)
    assert verify_log(log, VKEY).ok
    leaves, payloads = grown(log)
    assert leaves[6][1] == RecordKind.MANIFEST
    leaves[6] = leaves[6][:1] + bytes([90]) + leaves[6][2:]
    await rewrite(log, leaves, payloads)
    assert found(verify_log(log, VKEY)) == [["segment-altered", 7]]


async def write_more(log: Path, count: int) -> None:
    writer = await open_writer(log)
    await writer.append(entries(0, count))
    await writer.close()


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
    """What a writer has not signed yet follows the checkpoint, and is no problem."""
    writer = await open_writer(tmp_path / "gate.db")
    reports = []
    for count in (300, 1, 500, 2):
        await writer.append(entries(writer.size, count))
        reports.append(verify_log(tmp_path / "gate.db", VKEY))
        await writer.sign()
        reports.append(verify_log(tmp_path / "gate.db", VKEY))
    await writer.close()
    assert [report.problems for report in reports] == [()] * 8
    assert [report.size for report in reports] == [0, 301, 301, 302, 302, 802, 802, 804]
    assert [report.pending for report in reports] == [301, 0, 1, 0, 500, 0, 2, 0]


ZERO_TIME = "UPDATE record SET leaf = CAST(substr(leaf, 1, 10) || zeroblob(8) || substr(leaf, 19) AS BLOB)"
UNSIGNED = [
    ("a bit of a payload", "UPDATE record SET payload = flip(payload, 0) WHERE idx = 302", 302),
    ("a payload gone", "UPDATE record SET payload = NULL WHERE idx = 303", 303),
    ("a bit of a leaf's version", "UPDATE record SET leaf = flip(leaf, 0) WHERE idx = 304", 304),
    ("a bit of a leaf's index", "UPDATE record SET leaf = flip(leaf, 9) WHERE idx = 304", 304),
    ("an earlier time", f"{ZERO_TIME} WHERE idx = 305", 305),
    ("a record gone", "DELETE FROM record WHERE idx = 301", 301),
    ("a record gone between", "DELETE FROM record WHERE idx = 304", 304),
]


@pytest.mark.parametrize(
    ("statement", "index"), [case[1:] for case in UNSIGNED], ids=[case[0] for case in UNSIGNED]
)
async def test_records_behind_the_checkpoint_that_do_not_follow(
    statement: str, index: int, tmp_path: Path
) -> None:
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(entries(0, 300))
    await writer.sign()
    await writer.append(entries(300, 10))
    killed = copy_log_of_killed(tmp_path / "gate.db", tmp_path / "killed.db")
    await writer.close()
    tamper(killed, statement)
    report = verify_log(killed, VKEY)
    assert found(report) == [["record-unsigned", index]]
    assert (report.size, report.pending) == (301, index - 301)


def copy_log_of_killed(source: Path, target: Path) -> Path:
    """Copy a log as a writer that is killed now would leave it."""
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)
    return target


async def test_records_that_nobody_signed_for_long_are_found(tmp_path: Path) -> None:
    """A writer signs within a second; so many records without a checkpoint were never a writer's."""
    writer = await open_writer(
        tmp_path / "gate.db",
        iter([START_S * NS_PER_SECOND, (START_S + 599) * NS_PER_SECOND, (START_S + 601) * NS_PER_SECOND] * 9),
    )
    await writer.append(entries(0, 1))
    await writer.append(entries(1, 1))
    ten_minutes = copy_log_of_killed(tmp_path / "gate.db", tmp_path / "ten.db")
    await writer.append(entries(2, 1))
    more = copy_log_of_killed(tmp_path / "gate.db", tmp_path / "more.db")
    await writer.close()
    assert verify_log(ten_minutes, VKEY).ok
    assert found(verify_log(more, VKEY)) == [["record-unsigned", 0]]


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
    assert "600 VALID" in output
    assert "agrees with 7 checkpoints" in output
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
    assert report["states"] == {"VALID": 598, "HELD": 0, "SHREDDED": 0, "MISSING": 1, "FORGED": 1}
    assert [(each["state"], each["first"], each["count"]) for each in report["ranges"]] == [
        ("FORGED", 9, 1),
        ("MISSING", 12, 1),
    ]


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
