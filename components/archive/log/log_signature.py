"""The signatures of a log on its checkpoints, by any type of key that signs them."""

from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature

from components.archive.log.cosignature import CosignerKey, parse_cosigner_key, verify_cosignature
from components.archive.log.note import (
    ED25519,
    NoteError,
    SignatureLine,
    VerifierKey,
    parse_key,
    parse_verifier_key,
)

LogVerifierKey = VerifierKey | CosignerKey


def parse_log_verifier_key(vkey: str) -> LogVerifierKey:
    """Parse the vkey of a log: Ed25519 (types 1 and 4) or ML-DSA-44 (type 6); raises NoteError."""
    _, _, typed_key = parse_key(vkey)
    return parse_verifier_key(vkey) if typed_key[:1] == ED25519 else parse_cosigner_key(vkey)


def verify_log_signatures(
    text: str, lines: Iterable[SignatureLine], keys: Sequence[LogVerifierKey]
) -> list[SignatureLine]:
    """Return the signatures by `keys` on a checkpoint's text; raises NoteError for none, or a wrong one."""
    known = {(key.name, key.key_id): key for key in keys}
    found = [line for line in lines if (line.name, line.key_id) in known]
    for line in found:
        _verify(text, line, known[line.name, line.key_id])
    if not found:
        raise NoteError("no known key signed this checkpoint")
    return found


def _verify(text: str, line: SignatureLine, key: LogVerifierKey) -> None:
    if isinstance(key, CosignerKey):
        verify_cosignature(text, line, key)
        return
    try:
        key.public_key.verify(line.signature, text.encode())
    except InvalidSignature:
        raise NoteError(f"the signature of {line.name} is wrong") from None
