"""A witness: cosigns a log's checkpoint if it continues the one that it cosigned before (C2SP tlog-witness)."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from components.archive.errors import LogDamaged
from components.archive.keys import KeyFileError
from components.archive.log.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from components.archive.log.cosignature import CheckpointCosigner, cosign_checkpoint
from components.archive.log.log_signature import LogVerifierKey, verify_log_signatures
from components.archive.log.merkle import EMPTY_ROOT, ProofError, verify_consistency
from components.archive.log.note import NoteError, SignatureLine, encode_signature_line, split_note
from components.witness.add_checkpoint import (
    SIZE_TYPE,
    AddCheckpoint,
    AddCheckpointError,
    WitnessAnswer,
    parse_add_checkpoint,
)
from components.witness.state import Witnessed, WitnessState, hash_origin


class _Refusal(Exception):  # noqa: N818 - the answer is the name
    """Why a checkpoint is not cosigned, as the answer to the request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.answer = WitnessAnswer(status, f"{text}\n")


class Witness:
    """Cosigns the logs that it knows, each known by one or more keys named after its origin.

    It checks a request and stores the result without a pause, so that no other request can come between.
    """

    def __init__(
        self,
        state: WitnessState,
        cosigners: Sequence[CheckpointCosigner],
        load_logs: Callable[[], Iterable[LogVerifierKey]],
        clock_s: Callable[[], int],
    ) -> None:
        """Load the logs' keys with `load_logs`, now and whenever a log comes with another key.

        Raises what `load_logs` does.
        """
        self._state = state
        self._cosigners = tuple(cosigners)
        self._load_logs = load_logs
        self._clock_s = clock_s
        self._known: dict[str, Witnessed] = {}
        self._logs: dict[str, list[LogVerifierKey]] = {}
        self._learn_keys()

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs that it knows."""
        return tuple(self._logs)

    def add_checkpoint(self, body: bytes) -> WitnessAnswer:
        """Answer a request (tlog-witness, add-checkpoint) with a refusal, or with cosignatures when they are durable.

        Raises OSError if the cosigned checkpoint cannot be stored, and LogDamaged if the one before is altered; then
        nothing is cosigned.
        """
        try:
            request = _parse(body)
            text, lines = _split(request.note)
            checkpoint = _parse_text(text)
            signatures = self._verify(text, lines, checkpoint.origin)
            before = self.witnessed(checkpoint.origin)
            if request.old_size > checkpoint.size:
                raise _Refusal(400, "the old size is greater than the checkpoint's")
            if request.old_size != before.checkpoint.size:
                return WitnessAnswer(409, f"{before.checkpoint.size}\n", SIZE_TYPE)
            _require_continuation(request.proof, before.checkpoint, checkpoint)
        except _Refusal as refusal:
            return refusal.answer
        return WitnessAnswer(200, self._cosign(text, signatures, checkpoint, before.timestamp_s))

    def witnessed(self, origin: str) -> Witnessed:
        """Return the last cosigned checkpoint of a known log; raises LogDamaged and OSError."""
        if origin not in self._known:
            keys = [cosigner.cosigner_key for cosigner in self._cosigners]
            self._known[origin] = self._state.load(origin, self._logs[origin], keys)
        return self._known[origin]

    def find_checkpoint(self, origin_hash: str) -> str | None:
        """Return the newest cosigned checkpoint of a log, a note, or None; raises LogDamaged and OSError."""
        origin = next((each for each in self._logs if hash_origin(each) == origin_hash), None)
        return (self.witnessed(origin).note or None) if origin is not None else None

    def find_fault(self) -> str:
        """Return why it cannot cosign a log that it knows; empty if it can."""
        for origin in self._logs:
            try:
                self.witnessed(origin)
            except (LogDamaged, OSError) as error:
                return str(error)
        return ""

    def _verify(self, text: str, lines: Sequence[SignatureLine], origin: str) -> list[SignatureLine]:
        if origin not in self._logs:
            raise _Refusal(404, "this witness does not know the log")
        signers = {(line.name, line.key_id) for line in lines}
        if not signers & {(key.name, key.key_id) for key in self._logs[origin]}:
            with suppress(KeyFileError):
                self._learn_keys()  # the log may have a new key by now
        try:
            return verify_log_signatures(text, lines, self._logs.get(origin, ()))
        except NoteError as error:
            raise _Refusal(403, str(error)) from None

    def _learn_keys(self) -> None:
        logs: dict[str, list[LogVerifierKey]] = {}
        for key in self._load_logs():
            logs.setdefault(key.name, []).append(key)
        self._logs = logs

    def _cosign(
        self, text: str, signatures: Iterable[SignatureLine], checkpoint: Checkpoint, not_before_s: int
    ) -> str:
        # A later statement has no earlier time, though the clock may be set back.
        timestamp_s = max(self._clock_s(), not_before_s, 1)
        cosignatures = "".join(cosign_checkpoint(text, cosigner, timestamp_s) for cosigner in self._cosigners)
        kept = "".join(encode_signature_line(line) for line in signatures)
        witnessed = Witnessed(checkpoint, timestamp_s, f"{text}\n{kept}{cosignatures}")
        # Until this is durable, no cosignature leaves. Whatever fails in it: what is on the disk is read anew.
        self._known.pop(checkpoint.origin)
        self._state.keep(witnessed)
        # Killed here: kept, and nobody was told. The log asks again, and learns by the 409 what was kept.
        self._known[checkpoint.origin] = witnessed
        return cosignatures


def _parse(body: bytes) -> AddCheckpoint:
    try:
        return parse_add_checkpoint(body)
    except AddCheckpointError as error:
        raise _Refusal(400, str(error)) from None


def _split(note: str) -> tuple[str, list[SignatureLine]]:
    try:
        return split_note(note)
    except NoteError as error:
        raise _Refusal(400, str(error)) from None


def _parse_text(text: str) -> Checkpoint:
    try:
        return parse_checkpoint(text)
    except CheckpointError as error:
        raise _Refusal(400, str(error)) from None


def _require_continuation(proof: Sequence[bytes], old: Checkpoint, new: Checkpoint) -> None:
    """Check that the new tree has the old one as its prefix."""
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise _Refusal(422, "this is not the root of an empty tree")
    if old.size == 0:
        if proof:
            raise _Refusal(422, "an empty tree needs no proof")
        return
    try:
        verify_consistency(old.size, new.size, old.root, new.root, proof)
    except ProofError as error:
        raise _Refusal(422, str(error)) from None
