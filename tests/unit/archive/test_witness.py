"""A witness answers as C2SP tlog-witness says, and forgets nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogBusy, LogDamaged
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.cosignature import CosignerKey, verify_cosignatures
from components.archive.log.merkle import EMPTY_ROOT
from components.archive.log.note import make_signer, sign_note, verify_note
from components.witness.add_checkpoint import (
    MAX_PROOF_HASHES,
    AddCheckpoint,
    WitnessAnswer,
    encode_add_checkpoint,
)
from components.witness.cosign import Witness
from components.witness.state import WitnessState, hash_origin
from tests.support.archive import ORIGIN, SIGNER, START_S, VERIFIER_KEY
from tests.support.witness import COSIGNER_KEYS, COSIGNERS, MemoryLog, make_witness

LOG = MemoryLog()
FORK = MemoryLog("b", common=3)
STRANGER = make_signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
UNKNOWN = make_signer("steelyard.example/unknown", Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))


Start = Callable[..., Witness]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the witness, whose clock shows these times; the one before it ends."""
    running: list[WitnessState] = []

    def end() -> None:
        while running:
            running.pop().close()

    def start(*clock_s: int) -> Witness:
        end()
        witness, state = make_witness(tmp_path / "state", clock_s or (START_S,))
        running.append(state)
        return witness

    yield start
    end()


@pytest.fixture
def witness(start: Start) -> Witness:
    return start()


def cosigned(answer: WitnessAnswer, note: str) -> list[tuple[CosignerKey, int]]:
    assert answer.status == 200, answer
    return [(each.key, each.timestamp_s) for each in verify_cosignatures(note + answer.body, COSIGNER_KEYS)]


def size_of(witness: Witness) -> int:
    return witness.witnessed(ORIGIN).checkpoint.size


def test_a_growing_log_is_cosigned(witness: Witness) -> None:
    before = 0
    for size in (0, 1, 2, 3, 7, 7, 8, 256, 300):
        answer = witness.add_checkpoint(LOG.request(before, size))
        assert cosigned(answer, LOG.note(size)) == [(key, START_S) for key in COSIGNER_KEYS]
        assert size_of(witness) == size
        before = size


def test_the_first_checkpoint_may_be_of_any_size(witness: Witness) -> None:
    assert witness.add_checkpoint(LOG.request(0, 70)).status == 200
    assert size_of(witness) == 70


@pytest.mark.parametrize("old_size", [0, 4, 6])
def test_another_old_size_is_answered_with_the_right_one(witness: Witness, old_size: int) -> None:
    witness.add_checkpoint(LOG.request(0, 5))
    answer = witness.add_checkpoint(LOG.request(old_size, 7))
    assert answer == WitnessAnswer(409, "5\n", "text/x.tlog.size")
    assert size_of(witness) == 5


def test_a_rollback_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(LOG.request(0, 7))
    assert witness.add_checkpoint(LOG.request(0, 5)) == WitnessAnswer(409, "7\n", "text/x.tlog.size")
    assert witness.add_checkpoint(LOG.request(4, 5)) == WitnessAnswer(409, "7\n", "text/x.tlog.size")
    assert witness.add_checkpoint(LOG.request(7, 5)).status == 400
    assert size_of(witness) == 7


def test_a_fork_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(LOG.request(0, 5))
    assert witness.add_checkpoint(FORK.request(5, 7)).status == 422
    assert witness.add_checkpoint(FORK.request(3, 7)).status == 409
    assert witness.add_checkpoint(FORK.request(5, 5)).status == 422  # of the same size, with another root
    assert witness.add_checkpoint(FORK.request(0, 5)).status == 409
    assert witness.add_checkpoint(LOG.request(5, 7)).status == 200


def test_another_root_of_the_empty_tree_is_refused(witness: Witness) -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), SIGNER)
    assert witness.add_checkpoint(encode_add_checkpoint(AddCheckpoint(0, (), note))).status == 422
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), SIGNER)
    assert witness.add_checkpoint(encode_add_checkpoint(AddCheckpoint(0, (), note))).status == 200


@pytest.mark.parametrize(
    ("old_size", "size", "proof"),
    [
        (0, 7, [bytes(32)]),  # nothing is to be proved
        (5, 7, []),
        (5, 7, LOG.proof(4, 7)),
        (5, 7, LOG.proof(5, 8)),
        (5, 7, LOG.proof(5, 7)[::-1]),
        (5, 7, [*LOG.proof(5, 7), bytes(32)]),
        (5, 5, [bytes(32)]),
    ],
)
def test_a_wrong_proof_is_refused(witness: Witness, old_size: int, size: int, proof: list[bytes]) -> None:
    if old_size:
        witness.add_checkpoint(LOG.request(0, old_size))
    body = encode_add_checkpoint(AddCheckpoint(old_size, tuple(proof), LOG.note(size)))
    assert witness.add_checkpoint(body).status == 422
    assert size_of(witness) == old_size


def test_an_unknown_log_is_refused(witness: Witness) -> None:
    assert witness.add_checkpoint(MemoryLog(signer=UNKNOWN).request(0, 5)).status == 404


def test_a_log_is_known_by_its_key(witness: Witness) -> None:
    assert witness.add_checkpoint(MemoryLog(signer=STRANGER).request(0, 5)).status == 403
    both = sign_checkpoint(LOG.checkpoint(5), STRANGER, SIGNER)
    assert witness.add_checkpoint(encode_add_checkpoint(AddCheckpoint(0, (), both))).status == 200


def test_a_wrong_signature_by_a_known_key_is_refused(witness: Witness) -> None:
    good, other = LOG.note(5), LOG.note(6)
    wrong = good.rpartition("\n\n")[0] + "\n\n" + other.rpartition("\n\n")[2]
    assert witness.add_checkpoint(encode_add_checkpoint(AddCheckpoint(0, (), wrong))).status == 403
    beside = good + other.rpartition("\n\n")[2]
    assert witness.add_checkpoint(encode_add_checkpoint(AddCheckpoint(0, (), beside))).status == 403


def test_another_log_under_a_known_key_is_refused(witness: Witness) -> None:
    other = Checkpoint("steelyard.example/audit", 5, LOG.checkpoint(5).root)
    body = encode_add_checkpoint(AddCheckpoint(0, (), sign_checkpoint(other, SIGNER)))
    assert witness.add_checkpoint(body).status == 404


NOTE = LOG.note(5)
HASH = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.mark.parametrize(
    "body",
    [
        "",
        NOTE,
        f"\n{NOTE}",
        f"old 0\n{NOTE}",
        f"old \n\n{NOTE}",
        f"old 00\n\n{NOTE}",
        f"old -1\n\n{NOTE}",
        f"old +1\n\n{NOTE}",
        f"old 1_0\n\n{NOTE}",
        f"old ٣\n\n{NOTE}",
        f"old {'9' * 20}\n\n{NOTE}",
        f"old  0\n\n{NOTE}",
        f"old 0 \n\n{NOTE}",
        f"Old 0\n\n{NOTE}",
        f"old 0\r\n\r\n{NOTE}",
        f"old 0\n{HASH[:-1]}\n\n{NOTE}",
        f"old 0\n{HASH[4:]}\n\n{NOTE}",
        f"old 0\n{HASH[:-2]}B=\n\n{NOTE}",
        f"old 0\n{HASH} \n\n{NOTE}",
        "old 0\n" + f"{HASH}\n" * (MAX_PROOF_HASHES + 1) + f"\n{NOTE}",
        "old 0\n\n",
        f"old 0\n\n{NOTE[:-1]}",
        f"old 0\n\n\n{NOTE}",
        f"old 0\n\n{NOTE}\n",
        f"old 0\n\n{NOTE}more\n",
        f"old 0\n\n{NOTE.partition('— ')[0]}",
        "old 0\n\n" + sign_note("no checkpoint\n", SIGNER),
        f"old 6\n\n{NOTE}",
    ],
)
def test_what_is_no_request(witness: Witness, body: str) -> None:
    assert witness.add_checkpoint(body.encode()).status == 400
    assert size_of(witness) == 0


def test_bytes_that_are_no_text(witness: Witness) -> None:
    assert witness.add_checkpoint(b"old 0\n\n\xff").status == 400


def test_a_proof_may_have_63_hashes(witness: Witness) -> None:
    body = encode_add_checkpoint(AddCheckpoint(0, (bytes(32),) * MAX_PROOF_HASHES, NOTE))
    assert witness.add_checkpoint(body).status == 422


def test_it_goes_on_after_a_restart(start: Start) -> None:
    start().add_checkpoint(LOG.request(0, 5))
    witness = start()
    assert witness.add_checkpoint(FORK.request(5, 7)).status == 422
    assert witness.add_checkpoint(LOG.request(5, 7)).status == 200


def test_what_it_cosigned_can_be_asked_for(witness: Witness) -> None:
    assert witness.find_checkpoint(hash_origin(ORIGIN)) is None
    answer = witness.add_checkpoint(LOG.request(0, 5))
    note = witness.find_checkpoint(hash_origin(ORIGIN))
    assert note == LOG.note(5) + answer.body
    assert verify_note(note, [VERIFIER_KEY])
    assert witness.find_checkpoint(hash_origin("steelyard.example/unknown")) is None


def test_signatures_of_others_are_not_kept(witness: Witness) -> None:
    note = sign_checkpoint(LOG.checkpoint(5), STRANGER, SIGNER)
    witness.add_checkpoint(encode_add_checkpoint(AddCheckpoint(0, (), note)))
    kept = witness.find_checkpoint(hash_origin(ORIGIN))
    assert kept is not None
    assert kept.startswith(LOG.note(5))
    assert STRANGER.key_id.hex() not in kept


def test_its_time_does_not_go_back(start: Start) -> None:
    witness = start(START_S, START_S - 3600)
    witness.add_checkpoint(LOG.request(0, 5))
    answer = witness.add_checkpoint(LOG.request(5, 6))
    assert {time for _, time in cosigned(answer, LOG.note(6))} == {START_S}
    witness = start(START_S - 3600)
    answer = witness.add_checkpoint(LOG.request(6, 7))
    assert {time for _, time in cosigned(answer, LOG.note(7))} == {START_S}


def test_a_time_of_zero_is_never_stated(start: Start) -> None:
    assert {time for _, time in cosigned(start(0).add_checkpoint(LOG.request(0, 1)), LOG.note(1))} == {1}


def test_one_process_at_a_time_has_the_state(tmp_path: Path) -> None:
    state = WitnessState.open(tmp_path / "state")
    with pytest.raises(LogBusy):
        WitnessState.open(tmp_path / "state")
    state.close()
    WitnessState.open(tmp_path / "state").close()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", NOTE.replace("\n5\n", "\n6\n").encode(), NOTE[:-9].encode()]
)
def test_an_altered_state_is_not_taken_for_none(tmp_path: Path, start: Start, content: bytes) -> None:
    start().add_checkpoint(LOG.request(0, 5))
    (tmp_path / "state" / f"{hash_origin(ORIGIN)}.checkpoint").write_bytes(content)
    witness = start()
    with pytest.raises(LogDamaged):
        witness.add_checkpoint(LOG.request(0, 5))
    assert "not what this witness cosigned" in witness.find_fault()


def test_the_state_outlives_new_keys(tmp_path: Path) -> None:
    with closing(WitnessState.open(tmp_path / "state")) as state:
        witness = Witness(state, COSIGNERS, lambda: [VERIFIER_KEY], lambda: START_S)
        witness.add_checkpoint(LOG.request(0, 5))
        witness = Witness(state, COSIGNERS[:1], lambda: [VERIFIER_KEY], lambda: START_S)
        assert witness.add_checkpoint(LOG.request(5, 6)).status == 200
        # The log has another key by now: its own cosignature tells the witness that the state is its own.
        witness = Witness(state, COSIGNERS[:1], lambda: [STRANGER.verifier_key], lambda: START_S)
        assert witness.add_checkpoint(MemoryLog(signer=STRANGER).request(6, 7)).status == 200
        # The witness has others: the log's signature does.
        witness = Witness(state, COSIGNERS[1:], lambda: [STRANGER.verifier_key], lambda: START_S)
        assert witness.add_checkpoint(MemoryLog(signer=STRANGER).request(7, 8)).status == 200


@pytest.mark.parametrize("failing", ["replace", "fsync", "open"])
def test_no_cosignature_leaves_that_is_not_kept(
    witness: Witness, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.add_checkpoint(LOG.request(0, 5))
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Path if failing == "replace" else os, failing, fail)
        with pytest.raises(OSError, match="No space"):
            witness.add_checkpoint(LOG.request(5, 7))
    size = size_of(witness)
    assert size in (5, 7)
    assert witness.add_checkpoint(LOG.request(size, 8)).status == 200


def test_a_write_that_failed_after_all_was_kept_is_found(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def fail(_folder: Path) -> None:
            raise OSError(5, "Input/output error")

        patch.setattr("components.archive.durable.sync_folder", fail)
        with pytest.raises(OSError, match="Input/output"):
            witness.add_checkpoint(LOG.request(0, 5))
    assert witness.add_checkpoint(FORK.request(0, 7)) == WitnessAnswer(409, "5\n", "text/x.tlog.size")
    assert witness.add_checkpoint(LOG.request(5, 7)).status == 200


def test_a_log_that_has_a_new_key_is_known_by_it(tmp_path: Path) -> None:
    keys = [VERIFIER_KEY]
    with closing(WitnessState.open(tmp_path / "state")) as state:
        witness = Witness(state, COSIGNERS, lambda: keys, lambda: START_S)
        handed_over = MemoryLog(signer=STRANGER)
        assert witness.add_checkpoint(LOG.request(0, 5)).status == 200
        assert witness.add_checkpoint(handed_over.request(5, 6)).status == 403
        keys[:] = [STRANGER.verifier_key]
        assert witness.add_checkpoint(handed_over.request(5, 6)).status == 200
        # What is signed by the key before is the log's no more.
        assert witness.add_checkpoint(LOG.request(6, 7)).status == 403
