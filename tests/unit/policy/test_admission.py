"""Who is admitted: two approvers of the same enterprise, for a time, until one takes it back."""

from dataclasses import replace

import pytest

from policy.access.admission import (
    DAY_S,
    Admission,
    AdmissionState,
    Approver,
    Signed,
    Terms,
    find_acknowledged,
    find_admitted,
    judge,
    judge_requests,
    next_change_s,
    restrict,
)
from policy.access.statement import AccessAct, Statement, statement_digest
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId, Role
from tests.unit.policy.samples import EXAMPLE

METALS, GRAIN = EnterpriseId("metals"), EnterpriseId("grain")
ALICE = BareJid("alice@metals.example")
ERIN, FRANK, GINA = (BareJid(f"{name}@metals.example") for name in ("erin", "frank", "gina"))
HANNA = BareJid("hanna@grain.example")
APPROVERS = (
    Approver(ERIN, METALS, "key-e"),
    Approver(FRANK, METALS, "key-f"),
    Approver(GINA, METALS, "key-g"),
    Approver(ALICE, METALS, "key-a"),
    Approver(HANNA, GRAIN, "key-h"),
)
TERMS = Terms(valid_days=365, recertify_days=90)
NOW = 1_795_000_000
REQUEST = Statement(AccessAct.REQUEST, ALICE, METALS, ERIN, NOW, id="r1", roles=(Role.TRADER,))
DIGEST = statement_digest(REQUEST)


def said(act: AccessAct, by: BareJid, at_s: int = NOW, key: str = "", **changes: object) -> Signed:
    request = DIGEST if act.is_about_request else ""
    statement = Statement(act, ALICE, METALS, by, at_s, request=request)
    return Signed(replace(statement, **changes), key or f"key-{by[0]}")  # type: ignore[arg-type]


ASKED = Signed(REQUEST)
GRANTED = (ASKED, said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, FRANK))


def alice(*signed: Signed, now_s: int = NOW, approvers: tuple[Approver, ...] = APPROVERS) -> Admission:
    return judge(signed, approvers, TERMS, now_s)[ALICE]


def test_two_approvers_admit() -> None:
    found = alice(*GRANTED)
    assert found.state is AdmissionState.ADMITTED
    assert found.approved_by == (ERIN, FRANK)
    assert (found.expires_s, found.certify_by_s) == (NOW + 365 * DAY_S, NOW + 90 * DAY_S)
    assert find_admitted({ALICE: found}) == {ALICE: frozenset({Role.TRADER})}


@pytest.mark.parametrize(
    "approvals",
    [
        (),
        (said(AccessAct.APPROVE, ERIN),),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, ERIN, NOW + 1)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, FRANK, key="key-e")),
        (said(AccessAct.APPROVE, ERIN), Signed(said(AccessAct.APPROVE, FRANK).statement)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, ALICE)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, HANNA)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, HANNA, enterprise=GRAIN)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, BareJid("bob@metals.example"))),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, FRANK, request="00" * 32)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, FRANK, person=BareJid("bob@metals.example"))),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, FRANK, NOW - 1)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.APPROVE, FRANK, NOW + 100)),
        (said(AccessAct.APPROVE, ERIN), said(AccessAct.CERTIFY, FRANK)),
    ],
    ids=lambda approvals: " ".join(each.statement.by for each in approvals) or "nobody",
)
def test_less_than_two_do_not(approvals: tuple[Signed, ...]) -> None:
    assert alice(ASKED, *approvals, now_s=NOW + 10).state is not AdmissionState.ADMITTED


def test_two_names_of_one_key_are_one_approver() -> None:
    approvers = (Approver(ERIN, METALS, "same"), Approver(FRANK, METALS, "same"))
    both = (said(AccessAct.APPROVE, ERIN, key="same"), said(AccessAct.APPROVE, FRANK, key="same"))
    assert alice(ASKED, *both, approvers=approvers).state is AdmissionState.REQUESTED


def test_one_approver_denies_or_revokes() -> None:
    assert alice(*GRANTED, said(AccessAct.DENY, GINA)).state is AdmissionState.DENIED
    assert alice(*GRANTED, said(AccessAct.REVOKE, GINA)).state is AdmissionState.REVOKED
    assert alice(*GRANTED, said(AccessAct.REVOKE, HANNA)).state is AdmissionState.ADMITTED
    assert alice(*GRANTED, said(AccessAct.REVOKE, HANNA, enterprise=GRAIN)).state is AdmissionState.ADMITTED
    assert alice(*GRANTED, said(AccessAct.REVOKE, ALICE)).state is AdmissionState.REVOKED, (
        "an approver may leave"
    )


def test_after_a_revocation_only_a_new_request_admits() -> None:
    revoked = (*GRANTED, said(AccessAct.REVOKE, GINA, NOW + 10))
    again = replace(REQUEST, at_s=NOW + 20, id="r2")
    later = [said(AccessAct.APPROVE, by, NOW + 21, request=statement_digest(again)) for by in (ERIN, FRANK)]
    assert (
        alice(*revoked, said(AccessAct.APPROVE, GINA, NOW + 11), now_s=NOW + 30).state
        is AdmissionState.REVOKED
    )
    assert alice(*revoked, Signed(again), now_s=NOW + 30).state is AdmissionState.REQUESTED
    assert alice(*revoked, Signed(again), *later, now_s=NOW + 30).state is AdmissionState.ADMITTED
    # A request that pretends to be older than it is does not come after the revocation.
    assert len(judge_requests([*revoked, Signed(again)], APPROVERS, TERMS, NOW + 30)[ALICE]) == 2


def test_a_revocation_of_somebody_who_never_asked() -> None:
    assert alice(said(AccessAct.REVOKE, GINA)).state is AdmissionState.REVOKED


def test_a_grant_ends() -> None:
    certified = said(AccessAct.CERTIFY, GINA, NOW + 89 * DAY_S)
    assert alice(*GRANTED, now_s=NOW + 90 * DAY_S - 1).state is AdmissionState.ADMITTED
    assert alice(*GRANTED, now_s=NOW + 90 * DAY_S).state is AdmissionState.UNCERTIFIED
    assert alice(*GRANTED, certified, now_s=NOW + 100 * DAY_S).certify_by_s == NOW + 179 * DAY_S
    own = said(AccessAct.CERTIFY, ALICE, NOW + 89 * DAY_S)
    assert alice(*GRANTED, own, now_s=NOW + 90 * DAY_S).state is AdmissionState.UNCERTIFIED
    often = [said(AccessAct.CERTIFY, GINA, NOW + days * DAY_S) for days in range(0, 400, 50)]
    assert alice(*GRANTED, *often, now_s=NOW + 365 * DAY_S).state is AdmissionState.EXPIRED


def test_a_request_may_ask_for_less_time() -> None:
    short = replace(REQUEST, until_s=NOW + DAY_S)
    approvals = [said(AccessAct.APPROVE, by, request=statement_digest(short)) for by in (ERIN, FRANK)]
    assert alice(Signed(short), *approvals, now_s=NOW + DAY_S - 1).state is AdmissionState.ADMITTED
    assert alice(Signed(short), *approvals, now_s=NOW + DAY_S).state is AdmissionState.EXPIRED
    assert alice(Signed(short), now_s=NOW + DAY_S).state is AdmissionState.EXPIRED


def test_a_former_approvers_signature_counts_up_to_their_end() -> None:
    approvers = (Approver(ERIN, METALS, "key-e"), Approver(FRANK, METALS, "key-f", until_s=NOW + 5))
    assert alice(*GRANTED, approvers=approvers).state is AdmissionState.ADMITTED
    late = said(AccessAct.APPROVE, FRANK, NOW + 6)
    assert (
        alice(ASKED, said(AccessAct.APPROVE, ERIN), late, approvers=approvers, now_s=NOW + 9).state
        is AdmissionState.REQUESTED
    )


def test_a_renewal_takes_over_from_what_it_renews() -> None:
    again = replace(REQUEST, at_s=NOW + 80 * DAY_S, id="r2")
    approvals = [
        said(AccessAct.APPROVE, by, NOW + 81 * DAY_S, request=statement_digest(again)) for by in (ERIN, GINA)
    ]
    assert alice(*GRANTED, Signed(again), now_s=NOW + 80 * DAY_S).request == REQUEST
    renewed = alice(*GRANTED, Signed(again), *approvals, now_s=NOW + 95 * DAY_S)
    assert (renewed.state, renewed.request) == (AdmissionState.ADMITTED, again)


def test_the_next_change_is_known() -> None:
    admissions = judge(GRANTED, APPROVERS, TERMS, NOW)
    assert next_change_s(GRANTED, admissions, NOW) == NOW + 90 * DAY_S
    later = said(AccessAct.REVOKE, GINA, NOW + 7)
    assert next_change_s([*GRANTED, later], admissions, NOW) == NOW + 7
    assert next_change_s([], {}, NOW) is None


def test_acknowledging_is_for_this_notice_and_since_the_last_revocation() -> None:
    def known(*signed: Signed, now_s: int = NOW + 20) -> bool:
        everything = [*GRANTED, *signed]
        admissions = judge(everything, APPROVERS, TERMS, now_s)
        return ALICE in find_acknowledged(everything, admissions, "cd" * 32)

    own = Signed(Statement(AccessAct.ACKNOWLEDGE, ALICE, METALS, ALICE, NOW + 5, notice="cd" * 32))
    other = Signed(replace(own.statement, notice="ef" * 32))
    assert not known()
    assert known(own)
    assert not known(other)
    assert not known(own, said(AccessAct.REVOKE, GINA, NOW + 6))


def test_a_directory_is_restricted_to_who_is_admitted_with_the_roles_that_were_approved() -> None:
    roles = frozenset({Role.TRADER, Role.AUDITOR})
    left = restrict(
        EXAMPLE, {ALICE: roles, HANNA: frozenset({Role.APPROVER}), BareJid("x@metals.example"): roles}
    )
    assert {jid: person.roles for jid, person in left.people.items()} == {
        ALICE: frozenset({Role.TRADER}),
        HANNA: frozenset({Role.APPROVER}),
    }
    assert left.find_enterprise("bob@metals.example") == METALS
    assert BareJid("desk@rooms.metals.example") in left.members
    assert restrict(EXAMPLE, {}).people == {}
