"""Stored exceptions from barriers: a folder beside directory.toml with one signed note each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from components.archive.durable import replace_durably
from components.archive.keys import KeyFileError
from components.archive.log.note import NoteError, NoteSigner, VerifierKey, sign_note, verify_signatures
from components.archive.orders.order import OrderError, require_approver
from components.rules.fingerprint import fingerprint_file
from components.settings.archive import load_approvers
from policy.address import AddressError, BareJid, parse_bare_jid
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId, Role
from policy.reach.exception import (
    Approval,
    BarrierException,
    ExceptionError,
    encode_exception,
    parse_exception,
    require_approved,
)

FOLDER = "exceptions"
_ENDING = ".exception"
_WITHDRAWN = ".withdrawn"
_APPROVER = "approver/"
_MAX_BYTES = 65_536


class ExceptionState(StrEnum):
    """The state of an exception at a time."""

    PROPOSED = "proposed"
    TO_COME = "to come"
    IN_FORCE = "in force"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class KeptException:
    """An exception's file at a time; `exception` is None if it is damaged, `problem` says why it is not in force.

    `signed_by` are the approvers with a good signature on it, whether they may approve it or not.
    """

    id: str
    exception: BarrierException | None
    signed_by: tuple[BareJid, ...]
    state: ExceptionState
    problem: str = ""


def read_exceptions(
    folder: Path, keys: Sequence[VerifierKey], directory: Directory, now_s: float
) -> list[KeptException]:
    """Read all exceptions as of a Unix time, by their ids in order; raises OSError.

    A damaged, unapproved or withdrawn exception is not in force. A withdrawal counts no matter who wrote it, because
    it only takes rights away.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    withdrawn = {name.removesuffix(_WITHDRAWN) for name in names if name.endswith(_WITHDRAWN)}
    enterprises = {jid: member.enterprise for jid, member in directory.members.items()}
    return [
        _judge(folder / name, keys, directory, enterprises, now_s, is_withdrawn=id_ in withdrawn)
        for name in names
        if name.endswith(_ENDING)
        for id_ in (name.removesuffix(_ENDING),)
    ]


def fingerprint_exceptions(folder: Path) -> Iterator[tuple[object, ...]]:
    """Yield a cheap fingerprint of the files: if it has changed, read them again."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return
    for file in files:
        yield (str(file), *fingerprint_file(file))


def load_approver_keys(paths: Sequence[Path]) -> list[VerifierKey]:
    """Read the approvers' keys; raises ExceptionError when one cannot be read."""
    try:
        return load_approvers(paths)
    except KeyFileError as error:
        raise ExceptionError(f"archive.approvers: {error}") from None


def store_proposal(folder: Path, exception: BarrierException) -> Path:
    """Write an exception that nobody has approved yet, durably; raises ExceptionError and OSError."""
    text = encode_exception(exception)
    folder.mkdir(mode=0o755, exist_ok=True)
    file = folder / f"{exception.id}{_ENDING}"
    if file.exists():
        raise ExceptionError(f"there is an exception {exception.id} already; choose another id")
    replace_durably(file, text.encode())
    return file


def approve_exception(
    folder: Path, id_: str, signer: NoteSigner, directory: Directory, keys: Sequence[VerifierKey]
) -> BarrierException:
    """Add an approver's signature to an exception, durably; raises ExceptionError and OSError.

    It refuses signatures that would not count: on the approver's own exception, on one of another enterprise, or with
    a key that is not among the keys of the site's approvers, `keys`.
    """
    file = _find(folder, id_)
    note = file.read_text(encoding="utf-8")
    text = _text_of(note)
    exception = parse_exception(text)
    approver = approver_of(signer.verifier_key)
    person, member = directory.people.get(approver), directory.members.get(approver)
    if person is None or member is None or member.enterprise != exception.enterprise:
        raise ExceptionError(f"{approver} is not in the enterprise {exception.enterprise}")
    if Role.APPROVER not in person.roles:
        raise ExceptionError(f"{approver} is no approver in directory.toml")
    if approver in exception.people:
        raise ExceptionError("nobody approves an exception for themselves; ask another approver")
    if f"\n— {signer.verifier_key.name} " in note.removeprefix(text):
        raise ExceptionError(f"{approver} approved this exception already; it needs another approver")
    try:
        require_approver(signer.verifier_key, keys)
    except OrderError as error:
        raise ExceptionError(str(error)) from None
    signed = sign_note(text, signer)
    replace_durably(file, (note + signed.removeprefix(f"{text}\n") if note != text else signed).encode())
    return exception


def withdraw_exception(folder: Path, id_: str, signer: NoteSigner, reason: str) -> None:
    """End an exception at once, in an approver's name; raises ExceptionError and OSError."""
    file = _find(folder, id_)
    if not reason.isprintable():
        raise ExceptionError("a reason is one line")
    text = f"steelyard-exception-withdrawal/1\nid {id_}\nreason {reason}\n"
    replace_durably(file.with_name(f"{id_}{_WITHDRAWN}"), sign_note(text, signer).encode())


def approver_of(key: VerifierKey) -> BareJid:
    """Return whose key it is: an approver's key names their JID. Raises ExceptionError for another key."""
    try:
        if key.name.startswith(_APPROVER):
            return parse_bare_jid(key.name.removeprefix(_APPROVER))
    except AddressError:
        pass
    raise ExceptionError(
        f"{key.name} is a key that names no JID; make one with `steelyard keys make JID --approver`"
    )


def _judge(
    file: Path,
    keys: Sequence[VerifierKey],
    directory: Directory,
    enterprises: Mapping[BareJid, EnterpriseId],
    now_s: float,
    *,
    is_withdrawn: bool,
) -> KeptException:
    id_ = file.name.removesuffix(_ENDING)
    try:
        note = file.read_bytes()[: _MAX_BYTES + 1].decode()
        text = _text_of(note)
        exception = parse_exception(text)
        if exception.id != id_ or len(note) > _MAX_BYTES:
            raise ExceptionError("is not what its name says")
        signers = verify_signatures(note, keys)[1] if note != text else []
    except (ExceptionError, NoteError, UnicodeDecodeError) as error:
        return KeptException(id_, None, (), ExceptionState.DAMAGED, str(error))
    approvals = [
        Approval(BareJid(key.name.removeprefix(_APPROVER)), key.public_key.public_bytes_raw())
        for key in signers
        if key.name.startswith(_APPROVER)
    ]
    signed_by = tuple(sorted({each.approver for each in approvals}))
    if is_withdrawn:
        return KeptException(id_, exception, signed_by, ExceptionState.WITHDRAWN)
    try:
        require_approved(exception, approvals, directory.people, enterprises)
    except ExceptionError as error:
        state = ExceptionState.ENDED if now_s >= exception.ends_s else ExceptionState.PROPOSED
        return KeptException(id_, exception, signed_by, state, str(error))
    if now_s < exception.begins_s:
        return KeptException(id_, exception, signed_by, ExceptionState.TO_COME)
    state = ExceptionState.IN_FORCE if exception.is_active(now_s) else ExceptionState.ENDED
    return KeptException(id_, exception, signed_by, state)


def _find(folder: Path, id_: str) -> Path:
    file = folder / f"{id_}{_ENDING}"
    if "/" in id_ or not file.is_file():
        raise ExceptionError(f"there is no exception {id_!r}; `steelyard policy exception list` shows all")
    return file


def _text_of(note: str) -> str:
    text, blank, _signatures = note.rpartition("\n\n")
    return f"{text}\n" if blank else note
