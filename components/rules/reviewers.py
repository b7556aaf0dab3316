"""The listed auditors and their keys: signs and verifies their acts, of review and in matters (docs/auditor.md)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.archive.keys import load_verifier_key
from components.archive.log.note import (
    NoteError,
    NoteSigner,
    VerifierKey,
    sign_note,
    split_note,
    verify_signatures,
)
from components.link.review_request import ReviewRequest
from components.process.errors import SiteError
from components.settings.auditors import AUDITOR_KEY, AuditorEntry
from components.settings.site import SiteFile
from policy.supervision.act import Act, ActError, encode_act, parse_act
from policy.supervision.fold import Bench
from policy.supervision.item import REVIEWERS
from policy.supervision.once import CLOCK_SLACK_S
from policy.supervision.reviewer import Parties, find_reviewer_problem

NOT_SIGNED = "this act is not signed with the key of its author"


@dataclass(frozen=True, slots=True)
class Authorized:
    """Who decides on a held record, and why; `at_s` is when they signed. `problem` says why they may not."""

    by: str = ""
    reason: str = ""
    at_s: int = 0
    problem: str = ""


class Reviewers:
    """All listed auditors; without any, whoever acts is one. Where one of them has a key, all acts must be signed."""

    def __init__(self, entries: Sequence[AuditorEntry]) -> None:
        """Read their keys; raises KeyFileError."""
        self._entries = {entry.id: entry for entry in entries}
        self._keys = {entry.id: _load_keys(entry) for entry in entries if entry.key_files}

    @property
    def must_sign(self) -> bool:
        """Whether acts count only with a signature."""
        return bool(self._keys)

    def bench(self, find_parties: Callable[[str], Parties | None]) -> Bench:
        """Return what decides who may act on what."""
        known = {id_: entry.reviewer for id_, entry in self._entries.items()}
        return Bench(known, find_parties, anybody=not known)

    def find_signature_problem(self, by: str, text: str, signature: str, at_s: int) -> str:
        """Return why an act that was recorded at a Unix time does not count for its author, or nothing.

        `text` is what its author signs, `signature` the line of the signature, without newline, or empty.
        """
        entry = self._entries.get(by)
        if self._entries and entry is None:
            return f"{by} is not listed"
        if entry is not None and entry.until_s is not None and entry.until_s <= at_s:
            return f"{by} was no auditor any more"
        if not self.must_sign:
            return ""
        if not signature:
            return NOT_SIGNED
        return _find_key_problem(by, f"{text}\n{signature}\n", self._keys.get(by, ()), at_s)

    def lists_key(self, by: str, key: VerifierKey, at_s: int) -> bool:
        """Return whether an auditor signs with a key at a Unix time; with any, where nobody has to sign."""
        listed = (each for each in self._keys.get(by, ()) if each.until_s is None or each.until_s > at_s)
        return not self.must_sign or any(each.public == key for each in listed)

    def authorize(
        self, request: ReviewRequest, item: str, origin: str, parties: Parties, now_s: int
    ) -> Authorized:
        """Return who decides by a request on a held record, between whom it was said, or why they may not.

        Where acts need no signature, it is who the request says.
        """
        act, signature = None, ""
        if request.statement:
            try:
                act, signature = read_note(request.statement)
            except ActError as error:
                return Authorized(problem=str(error))
            if problem := self.find_statement_problem(act, signature, request, item, origin, now_s):
                return Authorized(problem=problem)
        elif self.must_sign:
            return Authorized(problem=NOT_SIGNED)
        by = act.by if act else request.actor
        if not self._entries:
            return Authorized(by, request.reason, act.at_s if act else now_s)
        entry = self._entries.get(by)
        if entry is None or (entry.until_s is not None and entry.until_s <= now_s):
            return Authorized(problem=f"{by} is no reviewer of this site")
        problem = find_reviewer_problem(entry.reviewer, REVIEWERS, parties)
        return Authorized(by, request.reason, act.at_s if act else now_s, problem)

    def find_statement_problem(
        self, act: Act, signature: str, request: ReviewRequest, item: str, origin: str, now_s: int
    ) -> str:
        """Return why a signed act is no good for a request on a record of a log, or nothing."""
        asked = (request.act, item, origin, request.evidence, request.reason, request.actor)
        if asked != (act.kind.value, act.item, act.origin, act.evidence, act.note, act.by):
            return "what was signed is not what is asked for"
        if abs(act.at_s - now_s) > CLOCK_SLACK_S:
            return f"this had to be signed within {CLOCK_SLACK_S // 60} minutes; decide again"
        return self.find_signature_problem(act.by, encode_act(act), signature, now_s)


def load_reviewers(settings: SiteFile) -> Reviewers:
    """Return a site's listed auditors; a gate's own settings may lack the auditors' table. Raises KeyFileError."""
    return Reviewers(settings.audit.auditors if "audit" in settings.document else ())


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of an auditor; `until_s` is when it was retired (Unix time), None if it was not."""

    public: VerifierKey
    until_s: int | None = None


def _load_keys(entry: AuditorEntry) -> tuple[_Key, ...]:
    present = (_Key(load_verifier_key(entry.key)),) if entry.key else ()
    return (*present, *(_Key(load_verifier_key(each.key), each.until_s) for each in entry.retired))


def _find_key_problem(by: str, note: str, keys: Sequence[_Key], at_s: int) -> str:
    """Return why a note does not count as signed by an auditor with these keys, or nothing; it names the key."""
    try:
        line = split_note(note)[1][0]
        # One key signs for one person: another's, also one of the same name, is passed over.
        signers = verify_signatures(note, [each.public for each in keys])[1]
    except NoteError as error:
        return str(error)
    if not signers:
        return (
            f"it is signed with the key {line.name}+{line.key_id.hex()}, which is not listed as one of {by}"
        )
    for each in keys:
        if each.public in signers and each.until_s is not None and each.until_s <= at_s:
            return (
                f"it is signed with the key {line.name}+{line.key_id.hex()} of {by}, which was retired before"
            )
    return ""


def sign_text(by: str, text: str, signer: NoteSigner) -> str:
    """Sign an act with its author's key, and return the line of the signature; raises SiteError for another's."""
    name = signer.verifier_key.name
    if name != f"{AUDITOR_KEY}{by}":
        raise SiteError(f"this is the key of {name}, and you are {by}")
    return sign_note(text, signer).splitlines()[-1]


def encode_note(act: Act, signature: str) -> str:
    """Return an act with the line of its signature as a note; without one, the act alone."""
    return f"{encode_act(act)}\n{signature}\n" if signature else encode_act(act)


def read_note(note: str) -> tuple[Act, str]:
    """Return the act of a note, and the line of its signature, and verify nothing; raises ActError."""
    text, blank, signature = note.partition("\n\n")
    return parse_act(f"{text}\n" if blank else note), signature.removesuffix("\n")
