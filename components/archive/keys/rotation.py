"""Replaces a key in use, without a moment in which there is none; a killed rotation continues.

The next key waits beside the present one: `log-gate.key.next`, or the object `log-gate.next`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from components.archive.head import NS_PER_SECOND
from components.archive.keys.errors import KeyFileError
from components.archive.keys.log_key import (
    generate_log_key,
    load_log_key,
    load_verifier_key,
    load_verifier_keys,
    write_verifier_keys,
)
from components.archive.keys.private import copy_key, is_kept, move_key
from components.archive.keys.recipient import (
    generate_recipient_key,
    load_recipient,
    load_recipient_key,
    write_recipient,
)
from components.archive.keys.reference import (
    KeyReference,
    TokenKey,
    last_signed_file,
    next_key,
    public_file,
    retired_key,
)
from components.archive.last_signed import LastSigned
from components.archive.log.checkpoint import CheckpointError, verify_checkpoint
from components.archive.log.note import NoteError, Signer, VerifierKey
from components.archive.seal import Recipient
from components.archive.store import LogSource, LogStore
from components.archive.writer import LogWriter


def prepare_log_key(key: KeyReference) -> VerifierKey:
    """Create the key that will replace a log's present one, unless one waits already; raises KeyFileError.

    The log changes to it when its writer is next opened (open_log_writer).
    """
    following = next_key(key)
    if is_kept(following):
        return load_log_key(following).verifier_key
    name = load_verifier_key(public_file(key)).name
    if not is_kept(key):
        raise KeyFileError(f"{key}: is not here; rotate a key where it is kept")
    return generate_log_key(following, name).verifier_key


async def open_log_writer(
    store: LogStore,
    key: KeyReference,
    origin: str,
    recipients: Sequence[Recipient],
    clock_ns: Callable[[], int] = time.time_ns,
) -> LogWriter:
    """Open a writer on the log in `store`, which it closes, and change to the waiting key, if there is one.

    Raises KeyFileError, also for a key that signs as another than `origin`, and as LogWriter.open_on does.
    """
    try:
        following = load_log_key(next_key(key)) if is_kept(next_key(key)) else None
        handed_over = following is not None and await _is_signed_by(store, following.verifier_key)
        # After a handover the present key may be gone already: a token's takes several steps to replace.
        signer = following if following is not None and handed_over else load_log_key(key)
        _require_name(signer, key, origin)
    except BaseException:
        await store.close()
        raise
    last_signed = LastSigned(last_signed_file(key))
    writer = await LogWriter.open_on(store, signer, recipients, clock_ns, last_signed=last_signed)
    if following is None:
        return writer
    try:
        if not handed_over:
            await writer.rotate_key(following)
        # Killed from here on: the log has the new key, which waits still, and the next start comes here again.
        await _outlast_checkpoint(store, clock_ns())
        _finish_log_rotation(key, following)
    except BaseException:
        await writer.close()
        raise
    return writer


def rotate_recipient_key(key: KeyReference) -> Recipient:
    """Create a recipient's new key, and keep the old one beside it for data sealed to it (load_key_ring).

    Segments are sealed to the new public half once it is where their writers look, and they have started again. A
    rotation that was killed is finished, and no further key made. Raises KeyFileError.
    """
    public, following = public_file(key), next_key(key)
    name = load_recipient(public).name
    if is_kept(key) and load_recipient_key(key).key_id != load_recipient(public).key_id:
        # Killed after the keys had changed places: only the public half was left to write.
        return _publish_recipient(key)
    if not is_kept(following):
        if not is_kept(key):
            raise KeyFileError(f"{key}: is not here; rotate a key where it is kept")
        generate_recipient_key(following, name)
    # Killed from here on: both keys are there, in whatever place, and the next call goes on.
    if is_kept(key):
        retired = retired_key(key, load_recipient_key(key).key_id)
        if isinstance(key, TokenKey):
            move_key(key, retired)
        else:
            copy_key(key, retired)
    move_key(following, key)
    return _publish_recipient(key)


def _require_name(signer: Signer, key: KeyReference, origin: str) -> None:
    """Refuse a key with another name: records are bound to the signing name, and readers use the settings' name."""
    if (name := signer.verifier_key.name) != origin:
        raise KeyFileError(
            f"{key}: signs as {name}, and log_origin is {origin}; set log_origin to {name} again"
        )


async def _is_signed_by(source: LogSource, key: VerifierKey) -> bool:
    row = await source.fetch_newest_checkpoint() if await source.fetch_meta() else None
    try:
        return row is not None and verify_checkpoint(row.note, key).origin == key.name
    except (NoteError, CheckpointError):
        return False


async def _outlast_checkpoint(source: LogSource, now_ns: int) -> None:
    """Wait for the end of the handover's second, which keeps one checkpoint: only this writer has both keys for it."""
    row = await source.fetch_newest_checkpoint()
    end_ns = 0 if row is None else (row.second + 1) * NS_PER_SECOND
    # More than a second is left only if the clock was set back meanwhile; then that checkpoint is replaced.
    wait_ns = min(end_ns - now_ns, NS_PER_SECOND)
    await asyncio.sleep(max(wait_ns, 0) / NS_PER_SECOND)


def _finish_log_rotation(key: KeyReference, signer: Signer) -> None:
    keys = load_verifier_keys(public_file(key))
    if signer.verifier_key.key_id != keys[-1].key_id:
        write_verifier_keys(public_file(key), [*keys, signer.verifier_key])
    move_key(next_key(key), key)


def _publish_recipient(key: KeyReference) -> Recipient:
    recipient = load_recipient_key(key).recipient
    write_recipient(public_file(key), recipient)
    return recipient
