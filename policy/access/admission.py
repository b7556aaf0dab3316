"""Who is admitted to the line at a time: people whom two approvers of one enterprise admitted and nobody revoked.

Pure: statements, approvers and a time go in; the state of each person comes out (docs/admission.md). The reader of a
statement finds whose key signed it; here it counts only if the key is an approver's.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from policy.access.statement import AccessAct, Statement, statement_digest
from policy.address import BareJid
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId, Person, Role

APPROVERS_NEEDED = 2

DAY_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Approver:
    """A person whose signature counts for their own enterprise; `key` is the fingerprint of one of their keys.

    `until_s`: what a former approver signed up to this Unix time stays valid, and nothing later.
    """

    jid: BareJid
    enterprise: EnterpriseId
    key: str
    until_s: int | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement and the fingerprint of the key that signed it, empty if it needs no signature.

    `digest` is the statement's, if its reader knows it; otherwise it is computed when it is needed.
    """

    statement: Statement
    key: str = ""
    digest: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a grant is valid at most, and after how long an approver must certify it again; days, 0: for ever."""

    valid_days: int = 365
    recertify_days: int = 90


class AdmissionState(StrEnum):
    """The state of a person's admission."""

    REQUESTED = "requested"
    ADMITTED = "admitted"
    DENIED = "denied"
    EXPIRED = "expired"
    UNCERTIFIED = "uncertified"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Admission:
    """A person's admission at a time; times are Unix seconds, None if there is none.

    `request` is the digest of its request, None after a revocation of a person without a request. `expires_s` and
    `certify_by_s` are when it ends unless something is done; `revoked_s` when it was last taken back.
    """

    person: BareJid
    state: AdmissionState
    request: Statement | None = None
    digest: str = ""
    approved_by: tuple[BareJid, ...] = ()
    granted_s: int | None = None
    expires_s: int | None = None
    certify_by_s: int | None = None
    revoked_s: int | None = None

    @property
    def ends_s(self) -> int | None:
        """When it ends unless an approver acts."""
        return min((end for end in (self.expires_s, self.certify_by_s) if end is not None), default=None)


def judge(
    signed: Iterable[Signed], approvers: Collection[Approver], terms: Terms, now_s: int
) -> dict[BareJid, Admission]:
    """Judge everybody whom a statement names; see `judge_requests`.

    One of several requests is enough to admit a person; otherwise the newest request decides the state.
    """
    found = judge_requests(signed, approvers, terms, now_s)
    return {person: max(admissions, key=_precedence) for person, admissions in found.items()}


def judge_requests(
    signed: Iterable[Signed], approvers: Collection[Approver], terms: Terms, now_s: int
) -> dict[BareJid, tuple[Admission, ...]]:
    """Judge every request by its person; the order of the statements has no meaning.

    A statement counts from its own time on. It does not count if it is not signed by an approver of the enterprise
    that it names, or if the approver signed about themselves. But anybody may request, and an approver may revoke
    themselves.
    """
    about: defaultdict[BareJid, list[Signed]] = defaultdict(list)
    known = defaultdict(list)
    for approver in approvers:
        known[approver.jid, approver.key].append(approver)
    for each in signed:
        if each.statement.at_s <= now_s and _counts(each, known[each.statement.by, each.key]):
            about[each.statement.person].append(each)
    judged = {person: _judge_person(person, about[person], terms, now_s) for person in sorted(about)}
    return {person: admissions for person, admissions in judged.items() if admissions}


def find_admitted(admissions: Mapping[BareJid, Admission]) -> dict[BareJid, frozenset[Role]]:
    """Return everybody who is admitted, and the roles that were approved."""
    return {
        person: frozenset(found.request.roles)
        for person, found in admissions.items()
        if found.state is AdmissionState.ADMITTED and found.request is not None
    }


def find_acknowledged(
    signed: Iterable[Signed], admissions: Mapping[BareJid, Admission], notice: str
) -> frozenset[BareJid]:
    """Return everybody who has acknowledged this recording notice (its digest) and was not revoked since."""
    revoked = {person: found.revoked_s or 0 for person, found in admissions.items()}
    return frozenset(
        each.statement.person
        for each in signed
        if each.statement.act is AccessAct.ACKNOWLEDGE
        and each.statement.notice == notice
        and each.statement.by == each.statement.person
        and each.statement.at_s > revoked.get(each.statement.person, -1)
    )


def next_change_s(
    signed: Iterable[Signed], admissions: Mapping[BareJid, Admission], now_s: int
) -> int | None:
    """Return the next time at which a state may change by itself, and must be judged again, or None."""
    ends = (found.ends_s for found in admissions.values() if found.state is AdmissionState.ADMITTED)
    begins = (each.statement.at_s for each in signed if each.statement.at_s > now_s)
    return min((time_s for time_s in (*ends, *begins) if time_s is not None), default=None)


def restrict(
    directory: Directory,
    admitted: Mapping[BareJid, frozenset[Role]],
    acknowledged: Collection[BareJid] = (),
) -> Directory:
    """Return a directory with only those of its people who are admitted, each with their approved roles.

    People who have not `acknowledged` the recording notice can only do that.
    """
    firms = tuple(
        replace(
            firm,
            people=tuple(
                replace(person, roles=roles, unapproved=person.roles - roles)
                for person in firm.people
                if (roles := _held_roles(person, admitted))
            ),
        )
        for firm in directory.enterprises
    )
    people = [person for firm in firms for person in firm.people if Role.SERVICE not in person.roles]
    uninformed = frozenset(person.jid for person in people) - frozenset(acknowledged)
    return replace(directory, enterprises=firms, uninformed=uninformed)


def _held_roles(person: Person, admitted: Mapping[BareJid, frozenset[Role]]) -> frozenset[Role]:
    # Two approvers admit people, not service accounts: the directory alone says whether these are admitted.
    if Role.SERVICE in person.roles:
        return person.roles
    return person.roles & admitted.get(person.jid, frozenset())


def _counts(signed: Signed, approvers: Sequence[Approver]) -> bool:
    statement = signed.statement
    if not statement.act.is_signed:
        return True
    is_approver = any(
        approver.enterprise == statement.enterprise
        and (approver.until_s is None or statement.at_s <= approver.until_s)
        for approver in approvers
    )
    return is_approver and (statement.act is AccessAct.REVOKE or statement.by != statement.person)


def _judge_person(
    person: BareJid, signed: Sequence[Signed], terms: Terms, now_s: int
) -> tuple[Admission, ...]:
    by_act: defaultdict[AccessAct, list[Signed]] = defaultdict(list)
    for each in signed:
        by_act[each.statement.act].append(each)
    revoked: dict[EnterpriseId, int] = {}
    for each in by_act[AccessAct.REVOKE]:
        firm = each.statement.enterprise
        revoked[firm] = max(revoked.get(firm, 0), each.statement.at_s)
    requests = {
        each.digest or statement_digest(each.statement): each.statement for each in by_act[AccessAct.REQUEST]
    }
    if not requests and revoked:
        return (Admission(person, AdmissionState.REVOKED, revoked_s=max(revoked.values())),)
    return tuple(
        _judge_request(request, digest, by_act, revoked.get(request.enterprise), terms, now_s)
        for digest, request in sorted(requests.items(), key=lambda item: (item[1].at_s, item[0]))
    )


def _precedence(found: Admission) -> tuple[bool, int, int, str]:
    admitted = found.state is AdmissionState.ADMITTED
    granted_s = found.granted_s if admitted and found.granted_s else 0
    return admitted, granted_s, found.request.at_s if found.request else 0, found.digest


def _judge_request(
    request: Statement,
    digest: str,
    by_act: Mapping[AccessAct, Sequence[Signed]],
    revoked_s: int | None,
    terms: Terms,
    now_s: int,
) -> Admission:
    def about(act: AccessAct) -> list[Signed]:
        return [
            each
            for each in by_act.get(act, ())
            if each.statement.request == digest
            and each.statement.enterprise == request.enterprise
            and each.statement.at_s >= request.at_s
        ]

    approvals = sorted(about(AccessAct.APPROVE), key=lambda each: (each.statement.at_s, each.statement.by))
    granted_s = _granted_s(approvals)
    admission = Admission(
        request.person,
        AdmissionState.REQUESTED,
        request,
        digest,
        approved_by=tuple(dict.fromkeys(each.statement.by for each in approvals)),
        granted_s=granted_s,
        revoked_s=revoked_s,
    )
    if revoked_s is not None and request.at_s <= revoked_s:
        return replace(admission, state=AdmissionState.REVOKED)
    if about(AccessAct.DENY):
        return replace(admission, state=AdmissionState.DENIED)
    if granted_s is None:
        expired = request.until_s is not None and request.until_s <= now_s
        return replace(admission, state=AdmissionState.EXPIRED) if expired else admission
    return _date(admission, granted_s, about(AccessAct.CERTIFY), terms, now_s)


def _granted_s(approvals: Sequence[Signed]) -> int | None:
    """Return when the second approver approved: two people, and two keys."""
    names: set[BareJid] = set()
    keys: set[str] = set()
    for each in approvals:
        names.add(each.statement.by)
        keys.add(each.key)
        if min(len(names), len(keys)) >= APPROVERS_NEEDED:
            return each.statement.at_s
    return None


def _date(
    admission: Admission, granted_s: int, certificates: Sequence[Signed], terms: Terms, now_s: int
) -> Admission:
    request = admission.request
    assert request is not None  # noqa: S101 - made by _judge_request
    ends = [request.until_s, granted_s + terms.valid_days * DAY_S if terms.valid_days else None]
    expires_s = min((end for end in ends if end is not None), default=None)
    certified_s = max([granted_s, *(each.statement.at_s for each in certificates)])
    certify_by_s = certified_s + terms.recertify_days * DAY_S if terms.recertify_days else None
    state = AdmissionState.ADMITTED
    if expires_s is not None and expires_s <= now_s:
        state = AdmissionState.EXPIRED
    elif certify_by_s is not None and certify_by_s <= now_s:
        state = AdmissionState.UNCERTIFIED
    return replace(admission, state=state, expires_s=expires_s, certify_by_s=certify_by_s)
