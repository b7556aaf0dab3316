"""Whatever is said, by whomever, in whatever order: nobody gets in without two, and taking back never lets in."""

from hypothesis import given
from hypothesis import strategies as st

from policy.access.admission import AdmissionState, Approver, Signed, Terms, find_admitted, judge
from policy.access.statement import AccessAct, Statement, encode_statement, parse_statement, statement_digest
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId, Role
from tests.support.rounds import examples

FIRMS = [EnterpriseId("metals"), EnterpriseId("grain")]
PEOPLE = [BareJid(f"{name}@metals.example") for name in ("alice", "erin", "frank", "gina")]
KEYS = ["e", "f", "g"]
APPROVERS = [
    Approver(PEOPLE[1], FIRMS[0], "e"),
    Approver(PEOPLE[2], FIRMS[0], "f"),
    Approver(PEOPLE[2], FIRMS[0], "e"),  # one key under two names
    Approver(PEOPLE[3], FIRMS[0], "g", until_s=50),
    Approver(PEOPLE[3], FIRMS[1], "g"),
]
TERMS = Terms(0, 0)
TIMES = st.integers(1, 100)
REQUESTS = st.builds(
    Statement,
    st.just(AccessAct.REQUEST),
    st.sampled_from(PEOPLE),
    st.sampled_from(FIRMS),
    st.sampled_from(PEOPLE),
    TIMES,
    id=st.sampled_from(["r1", "r2"]),
    roles=st.just((Role.TRADER,)),
    until_s=st.none() | TIMES,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Signed]:
    requests = draw(st.lists(REQUESTS, min_size=1, max_size=3))
    said = [Signed(request) for request in requests]
    for _ in range(draw(st.integers(0, 10))):
        request = draw(st.sampled_from(requests))
        act = draw(
            st.sampled_from([AccessAct.APPROVE] * 4 + [AccessAct.DENY, AccessAct.CERTIFY, AccessAct.REVOKE])
        )
        statement = Statement(
            act,
            draw(st.sampled_from([request.person] * 4 + PEOPLE)),
            draw(st.sampled_from([request.enterprise] * 4 + FIRMS)),
            draw(st.sampled_from(PEOPLE)),
            draw(TIMES),
            request=statement_digest(request) if act.is_about_request else "",
        )
        said.append(Signed(statement, draw(st.sampled_from(["", *KEYS]))))
    return said


@given(histories(), TIMES, st.randoms(use_true_random=False))
def test_whoever_is_admitted_has_two_approvals_of_two_people_with_two_keys(
    said: list[Signed], now_s: int, random: object
) -> None:
    admissions = judge(said, APPROVERS, TERMS, now_s)
    shuffled = list(said)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(shuffled + said, APPROVERS, TERMS, now_s) == admissions
    for person, found in admissions.items():
        if found.state is not AdmissionState.ADMITTED:
            continue
        assert found.request is not None
        assert found.request.person == person
        approvals = [
            each
            for each in said
            if each.statement.act is AccessAct.APPROVE
            and each.statement.request == found.digest
            and each.statement.person == person
            and each.statement.by != person
            and each.statement.at_s <= now_s
            and any(
                (a.jid, a.key, a.enterprise) == (each.statement.by, each.key, found.request.enterprise)
                and (a.until_s is None or each.statement.at_s <= a.until_s)
                for a in APPROVERS
            )
        ]
        assert any(a.statement.by != b.statement.by and a.key != b.key for a in approvals for b in approvals)


@given(histories(), st.integers(0, 30), TIMES)
def test_taking_back_never_lets_anybody_in(said: list[Signed], which: int, now_s: int) -> None:
    """Without any of the revocations and denials at least as many are admitted as with them."""
    objections = [
        i for i, each in enumerate(said) if each.statement.act in (AccessAct.REVOKE, AccessAct.DENY)
    ]
    if not objections:
        return
    gone = objections[which % len(objections)]
    without = [each for i, each in enumerate(said) if i != gone]
    with_it = find_admitted(judge(said, APPROVERS, TERMS, now_s))
    assert with_it.keys() <= find_admitted(judge(without, APPROVERS, TERMS, now_s)).keys()


@given(REQUESTS, st.text(max_size=20))
@examples(50)
def test_a_request_comes_back(request: Statement, noise: str) -> None:
    line = encode_statement(request)
    assert parse_statement(line) == request
    if noise:
        for place in (0, len(line) // 2, len(line)):
            changed = line[:place] + noise + line[place:]
            try:
                found = parse_statement(changed)
            except ValueError:
                continue
            assert found != request, "two encodings of one request"
