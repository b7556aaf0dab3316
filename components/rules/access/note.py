"""A statement as a signed note (C2SP signed-note): its line, an empty line, and its author's signature."""

from collections.abc import Collection
from hashlib import sha256

from components.archive.log.note import NoteError, NoteSigner, VerifierKey, sign_note, verify_signatures
from policy.access.admission import Signed
from policy.access.statement import Statement, StatementError, encode_statement, parse_statement
from policy.address import AddressError, BareJid, parse_bare_jid

_APPROVER = "approver/"


def approver_of(key: VerifierKey) -> BareJid:
    """Return whose key it is: an approver's key names their JID. Raises StatementError for another key."""
    try:
        if not key.name.startswith(_APPROVER):
            raise AddressError("not an approver's")
        return parse_bare_jid(key.name.removeprefix(_APPROVER))
    except AddressError:
        raise StatementError(
            f"{key.name} is a key that names no JID; make one with `steelyard keys make JID --approver`"
        ) from None


def key_fingerprint(key: VerifierKey) -> str:
    """Return the identity of a key, without its name: the SHA-256 (hex) of the public key."""
    return sha256(key.public_key.public_bytes_raw()).hexdigest()


def sign_statement(statement: Statement, signer: NoteSigner) -> str:
    """Sign a statement with its author's key, and return the note. Raises StatementError for another person's key."""
    jid = approver_of(signer.verifier_key)
    if jid != statement.by:
        raise StatementError(f"the key belongs to {jid}, and the statement is by {statement.by}")
    return sign_note(encode_statement(statement), signer)


def encode_note(statement: Statement, signature: str = "") -> str:
    """Return a statement and the line of its signature (without newline), and verify nothing."""
    text = encode_statement(statement)
    return f"{text}\n{signature}\n" if signature else text


def read_note(note: str, keys: Collection[VerifierKey]) -> Signed:
    """Read a note; the key is empty if its author used none of `keys`, or did not have to sign.

    Raises StatementError if it is not the note of a statement, and for a wrong signature.
    """
    text, blank, _ = note.partition("\n\n")
    line = f"{text}\n" if blank else note
    statement, digest = parse_statement(line), sha256(line.encode()).hexdigest()
    if not statement.act.is_signed:
        if blank:
            raise StatementError("a statement that needs no signature has one")
        return Signed(statement, digest=digest)
    own = [key for key in keys if key.name == f"{_APPROVER}{statement.by}"]
    try:
        _, signers = verify_signatures(note, own)
    except NoteError as error:
        raise StatementError(str(error)) from None
    return Signed(statement, key_fingerprint(signers[0]) if signers else "", digest)
