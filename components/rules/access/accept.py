"""Which statements about an admission are allowed now: makes them for signing, and checks incoming ones."""

from collections.abc import Sequence

from components.rules.access.folder import GrantsError
from components.rules.access.note import read_note
from components.rules.access.register import AccessRegister
from policy.access.admission import DAY_S, Admission, AdmissionState, Signed
from policy.access.statement import AccessAct, Statement, StatementError
from policy.address import BareJid
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId, Role

CLOCK_SLACK_S = 900
"""How far an incoming statement's time may be from the present: enough time to sign it elsewhere."""

_FITTING = {
    AccessAct.APPROVE: (AdmissionState.REQUESTED,),
    AccessAct.DENY: (AdmissionState.REQUESTED,),
    AccessAct.CERTIFY: (AdmissionState.ADMITTED, AdmissionState.UNCERTIFIED),
}


def make_request(  # noqa: PLR0913 - all that a request says, and what it is checked by
    register: AccessRegister,
    directory: Directory,
    person: BareJid,
    by: BareJid,
    now_s: int,
    request_id: str,
    *,
    days: int | None = None,
    reason: str = "",
    requests: Sequence[Admission] | None = None,
) -> Statement:
    """Return a request to admit a person with the roles and the desk in the directory; raises GrantsError.

    `days` is for how long, at most as long as the site's settings allow, which is the default. `requests` are all
    requests as judged now, if the caller knows them.
    """
    listed = directory.people.get(person)
    enterprise = directory.find_enterprise(person)
    if listed is None or enterprise is None:
        raise GrantsError(
            f"{person} is not in the directory; list them there first, with their roles and desk"
        )
    if Role.SERVICE in listed.roles:
        raise GrantsError(f"{person} is a service account; the directory alone admits it")
    if requests is None:
        requests = register.requests(directory, now_s)
    revoked = (each.revoked_s for each in requests if each.person == person)
    if now_s in revoked:
        raise GrantsError(f"{person} was revoked in this very second, and a request must be later; ask again")
    valid_days = register.settings.valid_days
    if days is not None and (days < 1 or (valid_days and days > valid_days)):
        raise GrantsError(f"a grant holds for 1 to {valid_days or 'any number of'} days")
    days = days or valid_days
    return Statement(
        AccessAct.REQUEST,
        person,
        enterprise,
        by,
        now_s,
        id=request_id,
        roles=tuple(sorted(listed.roles)),
        desk=listed.desk,
        until_s=now_s + days * DAY_S if days else None,
        reason=reason,
    )


def make_decision(
    register: AccessRegister,
    directory: Directory,
    act: AccessAct,
    named: str,
    by: BareJid,
    now_s: int,
    *,
    reason: str = "",
    requests: Sequence[Admission] | None = None,
) -> Statement:
    """Return the statement by which an approver approves, denies, certifies or revokes, for them to sign.

    `named` is a JID, or the beginning of a request's digest; `requests` are all as judged now, if the caller knows
    them. Raises GrantsError when there is nothing to decide.
    """
    if requests is None:
        requests = register.requests(directory, now_s)
    if act is AccessAct.REVOKE:
        person = find_request(requests, act, named).person if "@" not in named else BareJid(named)
        enterprise = directory.find_enterprise(person)
        if enterprise is None:
            raise GrantsError(f"{person} belongs to no enterprise of the directory")
        statement = Statement(act, person, enterprise, by, now_s, reason=reason)
    else:
        found = find_request(requests, act, named)
        assert found.request is not None  # noqa: S101 - of a request
        enterprise = found.request.enterprise
        statement = Statement(act, found.person, enterprise, by, now_s, request=found.digest, reason=reason)
    check_decision(register, directory, statement, now_s, requests)
    return statement


def check_decision(
    register: AccessRegister,
    directory: Directory,
    statement: Statement,
    now_s: int,
    requests: Sequence[Admission],
) -> None:
    """Check that the named approver may make this statement now; raises GrantsError that says what to do."""
    if abs(statement.at_s - now_s) > CLOCK_SLACK_S:
        raise GrantsError(f"this had to be signed within {CLOCK_SLACK_S // 60} minutes; begin again")
    approvers = [each for each in register.approvers(directory) if each.until_s is None]
    if not any(each.jid == statement.by and each.enterprise == statement.enterprise for each in approvers):
        raise GrantsError(
            f"{statement.by} is no approver of {statement.enterprise}, or has no key in site.toml"
        )
    if statement.act is AccessAct.REVOKE:
        return
    if statement.by == statement.person:
        raise GrantsError("nobody decides on their own admission; ask another approver")
    admission = next((each for each in requests if each.digest == statement.request), None)
    if admission is None or admission.person != statement.person:
        raise GrantsError("there is no such request; it may have been made on another site")
    if admission.state not in _FITTING[statement.act]:
        raise GrantsError(f"{statement.person} is {admission.state}; there is nothing to {statement.act}")
    if statement.act is AccessAct.APPROVE and statement.by in admission.approved_by:
        raise GrantsError(f"{statement.by} approved this already; it needs another approver")


def accept_note(
    register: AccessRegister,
    directory: Directory,
    note: str,
    now_s: int,
    *,
    requests: Sequence[Admission] | None = None,
) -> Signed:
    """Check an incoming note, and store it; raises GrantsError, and then nothing is stored."""
    keys = register.keys_of(directory)
    try:
        signed = read_note(note, keys)
    except StatementError as error:
        raise GrantsError(str(error)) from None
    if signed.statement.act.is_signed:
        if not signed.key:
            raise GrantsError(f"this is not signed with a key of {signed.statement.by} that site.toml names")
        if requests is None:
            requests = register.requests(directory, now_s)
        check_decision(register, directory, signed.statement, now_s, requests)
    register.folder.store(note)
    return signed


def find_request(requests: Sequence[Admission], act: AccessAct, named: str) -> Admission:
    """Find the only request that `act` can be about, by the person's JID or the beginning of its digest.

    Raises GrantsError if there is none, or more than one.
    """
    about = [
        each
        for each in requests
        if each.digest and (each.person == named if "@" in named else named and each.digest.startswith(named))
    ]
    fitting = [each for each in about if act not in _FITTING or each.state in _FITTING[act]]
    if act is AccessAct.REVOKE or len(fitting) == 1:
        fitting = fitting[:1]
    if len(fitting) > 1:
        names = ", ".join(each.digest[:12] for each in fitting)
        raise GrantsError(f"{named} has several requests; name one of {names}")
    if fitting:
        return fitting[0]
    if about:
        raise GrantsError(f"{about[-1].person} is {about[-1].state}; there is nothing to {act}")
    raise GrantsError(f"nobody has asked for {named}; `steelyard access request JID` does")


def enterprise_of_approver(
    register: AccessRegister, directory: Directory, jid: BareJid
) -> EnterpriseId | None:
    """Return the enterprise that a person approves for now, or None if they are not an approver."""
    found = (each for each in register.approvers(directory) if each.jid == jid and each.until_s is None)
    return next((each.enterprise for each in found), None)


def can_decide(
    register: AccessRegister, directory: Directory, act: AccessAct, admission: Admission, by: BareJid
) -> bool:
    """Return whether an approver may decide on a request: it is of their enterprise, and not about themselves."""
    request = admission.request
    return (
        request is not None
        and admission.person != by
        and admission.state in _FITTING.get(act, ())
        and not (act is AccessAct.APPROVE and by in admission.approved_by)
        and enterprise_of_approver(register, directory, by) == request.enterprise
    )
