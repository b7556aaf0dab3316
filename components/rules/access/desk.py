"""What `steelyard access` does: it makes and signs requests and decisions in the site's files (docs/admission.md)."""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.archive.keys import KeyFileError, load_log_key
from components.archive.keys.reference import KeyReferenceError, parse_key_reference
from components.archive.log.note import NoteSigner, sign_note
from components.process.errors import SiteError
from components.rules.access.accept import accept_note, can_decide, make_decision, make_request
from components.rules.access.folder import GrantsError
from components.rules.access.note import approver_of, encode_note, sign_statement
from components.rules.access.register import AccessRegister
from components.rules.load import parse_site_directory
from components.rules.person import read_jid
from components.settings.site import SiteFile
from policy.access.admission import DAY_S, Admission, AdmissionState
from policy.access.statement import AccessAct, Statement, StatementError, parse_statement
from policy.address import BareJid
from policy.directory.directory import Directory, DirectoryError
from policy.directory.enterprise import Person, Role

_ENDS_SOON_S = 14 * DAY_S


@dataclass(frozen=True, slots=True)
class AccessDesk:
    """A site's statements and its directory, before it is restricted to admitted people."""

    register: AccessRegister
    directory: Directory


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """The state of a person; `person` is None if they are not in the directory, `found` if there was never a request.

    `acknowledged`: whether they have acknowledged the recording notice.
    """

    jid: BareJid
    person: Person | None
    found: Admission | None
    acknowledged: bool


def open_desk(site_toml: Path) -> AccessDesk:
    """Read the settings, keys and directory; raises SettingsError and SiteError."""
    site = SiteFile(site_toml)
    if site.access is None:
        raise SiteError(
            f"{site_toml} has no table [access]: listing somebody admits them (docs/admission.md)"
        )
    directory = site.gate.directory_file
    try:
        usable = parse_site_directory(directory.name, directory.read_text())
        return AccessDesk(AccessRegister(site.access), usable.directory)
    except DirectoryError as error:
        raise SiteError(f"{directory.name}: {'; '.join(error.problems)}") from None
    except GrantsError as error:
        raise SiteError(str(error)) from None


def request_access(
    desk: AccessDesk, people: Sequence[str], by: str, days: int | None, reason: str
) -> list[Statement]:
    """Request admission for these people, or for all listed people without a request; raises SiteError."""
    now_s = int(time.time())
    made = []
    try:
        requests = desk.register.requests(desk.directory, now_s)
        for person in people or list(_never_asked(desk, requests)):
            asked_by = read_jid(by or person)
            request_id = secrets.token_hex(8)
            statement = make_request(
                desk.register,
                desk.directory,
                read_jid(person),
                asked_by,
                now_s,
                request_id,
                days=days,
                reason=reason,
                requests=requests,
            )
            accept_note(desk.register, desk.directory, encode_note(statement), now_s)
            made.append(statement)
    except (GrantsError, StatementError) as error:
        raise SiteError(str(error)) from None
    return made


def decide_access(
    desk: AccessDesk, act: AccessAct, named: Sequence[str], key: str, reason: str
) -> list[Statement]:
    """Decide on these requests, or on all that the key's approver can decide on; raises SiteError."""
    signer = _load_signer(key)
    now_s = int(time.time())
    made = []
    try:
        by = approver_of(signer.verifier_key)
        requests = desk.register.requests(desk.directory, now_s)
        if not named:
            named = [
                each.digest for each in requests if can_decide(desk.register, desk.directory, act, each, by)
            ]
        for name in named:
            whom = read_jid(name) if "@" in name else name
            statement = make_decision(
                desk.register, desk.directory, act, whom, by, now_s, reason=reason, requests=requests
            )
            accept_note(
                desk.register,
                desk.directory,
                sign_statement(statement, signer),
                now_s,
                requests=requests,
            )
            made.append(statement)
    except (GrantsError, StatementError) as error:
        raise SiteError(str(error)) from None
    return made


def sign_elsewhere(text: str, key: str) -> tuple[Statement, str]:
    """Sign a statement that a client showed; return it, and the line of the signature. Raises SiteError."""
    signer = _load_signer(key)
    try:
        statement = parse_statement(f"{text.strip()}\n")
        sign_statement(statement, signer)
        note = sign_note(f"{text.strip()}\n", signer)
    except StatementError as error:
        raise SiteError(str(error)) from None
    return statement, note.splitlines()[-1]


def list_access(desk: AccessDesk) -> list[PersonAccess]:
    """Return the state of everybody who is listed or whom a statement names, by JID; raises SiteError."""
    try:
        standing = desk.register.judge(desk.directory, int(time.time()))
    except GrantsError as error:
        raise SiteError(str(error)) from None
    people = desk.directory.people
    return [
        PersonAccess(jid, people.get(jid), standing.admissions.get(jid), jid in standing.acknowledged)
        for jid in sorted(people.keys() | standing.admissions.keys())
        if jid not in people or Role.SERVICE not in people[jid].roles
    ]


def summarize_access(site_toml: Path) -> str:
    """Return one line that counts admitted people, grants that end soon, and waiting requests; raises SiteError."""
    rows = list_access(open_desk(site_toml))
    admitted = [row.found for row in rows if row.found and row.found.state is AdmissionState.ADMITTED]
    soon_s = time.time() + _ENDS_SOON_S
    ending = sum(found.ends_s is not None and found.ends_s < soon_s for found in admitted)
    waiting = sum(row.found is not None and row.found.state is AdmissionState.REQUESTED for row in rows)
    return f"admitted: {len(admitted)}; grants that end within two weeks: {ending}; requests that wait: {waiting}"


def _never_asked(desk: AccessDesk, requests: Sequence[Admission]) -> Iterator[BareJid]:
    asked = {each.person for each in requests}
    for jid, person in sorted(desk.directory.people.items()):
        if jid not in asked and Role.SERVICE not in person.roles:
            yield jid


def _load_signer(key: str) -> NoteSigner:
    try:
        return load_log_key(parse_key_reference(key, Path.cwd()))
    except (KeyFileError, KeyReferenceError) as error:
        raise SiteError(str(error)) from None
