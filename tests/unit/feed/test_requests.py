"""Requests of machines: whose they are, what is let through, and when they are forgotten."""

from pathlib import Path

import pytest

from components.archive.store.sqlite_source import SqliteSource
from components.audit.review.author import write_act
from components.feed.machines import Machine
from components.feed.requests import KEPT_S, RequestRefused, Requests
from components.link.review_request import REQUEST_PREFIX, ReviewRequest, encode_review_request
from components.rules.reviewers import Reviewers, encode_note, load_reviewers
from policy.supervision.act import ActKind
from policy.supervision.reviewer import Reviewer, Role
from tests.e2e.test_auditors_feed import author_of
from tests.support.machines import FedSite, make_fed_site

ID, OTHER = (f"{REQUEST_PREFIX}{digit * 32}" for digit in "ab")
LIST = encode_review_request(ReviewRequest("list"))


class Clock:
    """A clock that a test sets."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def fed(tmp_path: Path) -> FedSite:
    return await make_fed_site(tmp_path)


def machine_of(*auditors: str) -> Machine:
    known = {each: Reviewer(each, each, frozenset({Role.LEAD}), None) for each in auditors}
    return Machine("-".join(auditors), known, frozenset({"gate"}), None)


def release(fed: FedSite) -> tuple[bytes, int]:
    """Return a decision that Erin has signed, and when."""
    signed = write_act(
        author_of(fed, "erin"), ActKind.RELEASE, fed.site.gate_log, 3, evidence="0" * 64, note="why"
    )
    statement = encode_note(signed.act, signed.signature)
    request = ReviewRequest("release", 3, "erin", "why", "0" * 64, statement)
    return encode_review_request(request), signed.act.at_s


def requests_of(fed: FedSite, clock: Clock) -> Requests:
    return Requests({"gate": fed.site.gate_log}, {"gate": REQUEST_PREFIX}, clock)


async def waiting(fed: FedSite) -> list[str]:
    source = await SqliteSource.open(Path(fed.site.gate_log.store))
    try:
        return [row.id for row in await source.fetch_requests()]
    finally:
        await source.close()


async def test_what_nobody_comes_back_for_is_forgotten(fed: FedSite) -> None:
    clock = Clock(1000.0)
    requests, machine = requests_of(fed, clock), machine_of("erin")
    await requests.hand_in(machine, "gate", ID, LIST)
    clock.now_s += KEPT_S
    await requests.forget_old()
    assert await waiting(fed) == [f"{REQUEST_PREFIX}erin:{'a' * 32}"]
    clock.now_s += 1
    await requests.forget_old()
    assert await waiting(fed) == []


async def test_an_act_is_known_as_long_as_its_signature_counts(fed: FedSite) -> None:
    body, at_s = release(fed)
    clock = Clock(at_s)
    requests, machine, reviewers = requests_of(fed, clock), machine_of("erin"), load_reviewers(fed.site)
    requests.check(machine, "gate", ID, body, reviewers)
    requests.check(machine, "gate", ID, body, reviewers)
    for later_s in (0, 899, 901, KEPT_S + 2):
        clock.now_s = at_s + later_s
        await requests.forget_old()
        with pytest.raises(RequestRefused, match="before" if later_s < 901 else "within"):
            requests.check(machine, "gate", OTHER, body, reviewers)


@pytest.mark.parametrize(
    ("name", "id_", "body"),
    [
        ("audit", ID, LIST),
        ("gate", "order-1", LIST),
        ("gate", f"{ID}0", LIST),
        ("gate", ID.replace("review:", "file-review:"), LIST),
        ("gate", ID, b""),
        ("gate", ID, b"[]"),
        ("gate", ID, encode_review_request(ReviewRequest("release", 3, "erin", "why", "0" * 64))),
        ("gate", ID, encode_review_request(ReviewRequest("destroy", 3, "erin", "why", "0" * 64, "x"))),
    ],
)
async def test_what_is_no_signed_decision_is_refused(fed: FedSite, name: str, id_: str, body: bytes) -> None:
    requests = requests_of(fed, Clock(0))
    with pytest.raises(RequestRefused):
        requests.check(machine_of("erin"), name, id_, body, load_reviewers(fed.site))


async def test_where_nobody_has_a_key_nobody_decides_from_elsewhere(fed: FedSite) -> None:
    body, at_s = release(fed)
    with pytest.raises(RequestRefused, match="not signed"):
        requests_of(fed, Clock(at_s)).check(machine_of("erin"), "gate", ID, body, Reviewers(()))


async def test_a_decision_counts_only_from_a_machine_of_its_author(fed: FedSite) -> None:
    body, at_s = release(fed)
    requests, reviewers = requests_of(fed, Clock(at_s)), load_reviewers(fed.site)
    with pytest.raises(RequestRefused, match="erin does not work on the machine faye"):
        requests.check(machine_of("faye"), "gate", ID, body, reviewers)
    requests.check(machine_of("faye", "erin"), "gate", ID, body, reviewers)
