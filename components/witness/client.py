"""Asking a witness to cosign a checkpoint (C2SP tlog-witness), over HTTP or within the process."""

from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from components.archive.errors import LogDamaged
from components.archive.log.checkpoint import Checkpoint, CheckpointError
from components.archive.log.cosignature import Cosignature, CosignerKey, verify_cosignature
from components.archive.log.note import MAX_SIGNATURES, NoteError, parse_signature_line, split_note
from components.process.http import read_limited
from components.witness.add_checkpoint import (
    ADD_CHECKPOINT,
    MAX_BODY_BYTES,
    AddCheckpoint,
    AddCheckpointError,
    WitnessAnswer,
    encode_add_checkpoint,
    parse_size,
)
from components.witness.cosign import Witness

ANSWER_TIMEOUT_S = 10.0

# The first learns the witness's size, the second asks with a proof from it, the third is for another's in between.
_ATTEMPTS = 3

Prove = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""Gives the consistency proof between two sizes of the log."""

Post = Callable[[bytes], Awaitable[WitnessAnswer]]
"""Carries the body of a request to a witness; raises WitnessUnavailable."""


class WitnessError(Exception):
    """A witness did not cosign."""


class WitnessUnavailable(WitnessError):  # noqa: N818 - the condition is the name
    """The witness cannot be reached, or cannot cosign now."""


class WitnessRefused(WitnessError):  # noqa: N818
    """The witness does not know the log or the log's key, or its answer breaks the specification."""


class LogForked(WitnessError):  # noqa: N818
    """The witness has cosigned another history of this log, or a longer one: it was set back, or there are two."""


class WitnessClient:
    """One witness of one log; remembers the last size that it cosigned."""

    def __init__(self, post: Post, keys: Sequence[CosignerKey]) -> None:
        self.name = keys[0].name
        self.keys = tuple(keys)
        self._post = post
        self._old_size = 0

    async def cosign(self, note: str, checkpoint: Checkpoint, prove: Prove) -> list[Cosignature]:
        """Ask for cosignatures of a checkpoint; return those by its known keys, verified, at least one.

        Raises WitnessError, and what `prove` raises.
        """
        for _ in range(_ATTEMPTS):
            old_size = self._old_size
            # Between equal sizes, and from nothing, there is nothing to prove.
            proof = await prove(old_size, checkpoint.size) if 0 < old_size < checkpoint.size else ()
            answer = await self._post(encode_add_checkpoint(AddCheckpoint(old_size, tuple(proof), note)))
            if answer.status == 200:
                cosignatures = self._verify(note, answer.body)
                self._old_size = checkpoint.size
                return cosignatures
            if answer.status != 409:
                raise _explain(answer)
            self._old_size = self._learn_size(answer, checkpoint.size)
        raise WitnessUnavailable("others ask it for this log at the same time")

    def _verify(self, note: str, body: str) -> list[Cosignature]:
        """Verify the lines of an answer by known keys; ignore lines by other keys."""
        known = {(key.name, key.key_id): key for key in self.keys}
        try:
            text, _ = split_note(note)
            lines = [parse_signature_line(line) for line in body.removesuffix("\n").split("\n")]
            found = [
                verify_cosignature(text, line, key)
                for line in lines[:MAX_SIGNATURES]
                if (key := known.get((line.name, line.key_id))) is not None
            ]
        except (NoteError, CheckpointError) as error:
            raise WitnessRefused(f"its answer is no cosignature: {error}") from None
        if not found:
            raise WitnessRefused("its answer is not signed by a key in its vkeys; compare them")
        if not all(each.timestamp_s for each in found):
            raise WitnessRefused("its cosignature has no time")
        return found

    def _learn_size(self, answer: WitnessAnswer, size: int) -> int:
        try:
            found = parse_size(answer.body)
        except AddCheckpointError as error:
            raise WitnessRefused(str(error)) from None
        if found > size:
            self._old_size = 0  # ask anew, not from a size that is no longer ours
            raise LogForked(
                f"it has cosigned {found} records of this log, which has {size}: the log was set back"
            )
        return found


def _explain(answer: WitnessAnswer) -> WitnessError:
    reason = answer.body.strip()[:200]
    if answer.status == 422:
        return LogForked(f"it has cosigned another history of this log ({reason})")
    if answer.status in (400, 403, 404):
        return WitnessRefused(f"it refuses (status {answer.status}: {reason})")
    return WitnessUnavailable(f"it cannot now (status {answer.status})")


def post_over_http(session: aiohttp.ClientSession, url: str) -> Post:
    """Return a transport to a witness at its submission prefix."""
    target = f"{url.rstrip('/')}/{ADD_CHECKPOINT}"
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)

    async def post(body: bytes) -> WitnessAnswer:
        try:
            async with session.post(target, data=body, timeout=timeout, allow_redirects=False) as response:
                content = await read_limited(response, MAX_BODY_BYTES)
                return WitnessAnswer(response.status, content.decode(errors="replace"), response.content_type)
        except TimeoutError:
            raise WitnessUnavailable(f"no answer in {ANSWER_TIMEOUT_S:.0f} s from {target}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise WitnessUnavailable(f"{target} cannot be reached: {error}") from None

    return post


def post_within(witness: Witness) -> Post:
    """Return a transport to the witness in this process."""

    async def post(body: bytes) -> WitnessAnswer:
        try:
            return witness.add_checkpoint(body)
        except (LogDamaged, OSError) as error:
            raise WitnessUnavailable(str(error)) from None

    return post
