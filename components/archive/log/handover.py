"""The change of a log's key, a record of the log itself (docs/archive-format.md, section 6)."""

from components.archive.log.note import (
    NoteError,
    NoteSigner,
    VerifierKey,
    encode_verifier_key,
    parse_verifier_key,
    sign_note,
    verify_note,
)

_TITLE = "steelyard-log-key/1"


class HandoverError(ValueError):
    """The record does not hand this log from its key to another one."""


def sign_handover(old: NoteSigner, new: NoteSigner) -> str:
    """Return the note by which a log passes from one key to the next, signed by both; raises HandoverError."""
    _require_successor(old.verifier_key, new.verifier_key)
    text = f"{_TITLE}\n{old.verifier_key.name}\n{encode_verifier_key(new.verifier_key)}\n"
    return sign_note(text, old, new)


def verify_handover(note: str, old: VerifierKey) -> VerifierKey:
    """Return the key that follows `old`; raises HandoverError unless both have signed for this log."""
    try:
        lines = verify_note(note, [old]).split("\n")
        if len(lines) != 4 or lines[:2] != [_TITLE, old.name]:
            raise HandoverError(f"not a change of the key of {old.name}")
        new = parse_verifier_key(lines[2])
        _require_successor(old, new)
        verify_note(note, [new])
    except NoteError as error:
        raise HandoverError(f"a change of the key of {old.name}: {error}") from error
    return new


def _require_successor(old: VerifierKey, new: VerifierKey) -> None:
    """A key of another name is another log's; two of one id could not be told apart in a note."""
    if new.name != old.name:
        raise HandoverError(f"the new key is named {new.name!r}, not {old.name!r}")
    if new.key_id == old.key_id:
        raise HandoverError(f"the new key of {old.name} has the id of the old one")
