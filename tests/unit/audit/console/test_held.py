"""What is held: by whom it is released or refused, with which reason, and that nobody else's is touched or shown."""

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from components.audit.review import held as held_messages
from components.link.review_request import ReviewAnswer
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, another, make_console_site, open_console
from tests.support.held_gate import HoldingGate, hold

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
GEORGE, HANNA = "george@grain.example/desk", "hanna@grain.example"
MORE = """
[[audit.auditors]]
id = "gustav"
name = "Gustav Grain"
roles = ["reviewer"]
enterprises = ["grain"]

[[audit.auditors]]
id = "berta"
name = "Berta"
roles = ["reviewer"]
"""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_console_site(tmp_path)
    site.path.write_text(site.path.read_text() + MORE)
    site.settings = SiteFile(site.path)
    await site.record(
        site.say(ALICE, BOB, "a tip <b>", action="hold", rules=("tips",)),
        site.say(GEORGE, HANNA, "grain tip", action="hold", rules=("tips",)),
        site.say(ALICE, BOB, "a tip for two", action="hold", rules=("tips",)),
    )
    return site


@pytest.fixture
def gate(site: Site, monkeypatch: pytest.MonkeyPatch) -> HoldingGate:
    gate = HoldingGate(
        [hold(site, 0, ALICE, BOB), hold(site, 1, GEORGE, HANNA), hold(site, 2, ALICE, BOB, needed=2)]
    )
    monkeypatch.setattr(held_messages, "_ask", gate.answer)
    return gate


@pytest.fixture
async def visitor(site: Site, gate: HoldingGate) -> AsyncIterator[Visitor]:
    async with open_console(site) as visitor:
        yield visitor


async def decide(visitor: Visitor, record: str, act: str, reason: str = "read it") -> int:
    return (await visitor.post("/held", {"record": record, "act": act, "reason": reason})).status


async def test_what_is_held_is_shown_and_decided_on_with_a_reason(
    site: Site, gate: HoldingGate, visitor: Visitor
) -> None:
    await visitor.log_in("anna")
    _, page = await visitor.get("/held")
    assert page.count("data-item") == 3
    assert "a tip &lt;b&gt;" in page and "grain tip" in page and "alice@metals.example/desk" in page
    assert await decide(visitor, site.id_of(0), "release", "it is public") == 303
    assert await decide(visitor, site.id_of(1), "refuse", "it is not") == 303
    numbers = [int(site.id_of(number).partition("/")[2]) for number in (0, 1)]
    assert gate.asked == [
        ("release", numbers[0], "anna", "it is public"),
        ("refuse", numbers[1], "anna", "it is not"),
    ]
    _, page = await visitor.get("/held")
    assert page.count("data-item") == 1 and "a tip for two" in page
    looks = [(each.actor, each.act, each.query) for each in await site.accesses()][1:]
    assert ("anna", "review-release", site.id_of(0)) in looks
    assert ("anna", "review-refuse", site.id_of(1)) in looks
    assert [act for _, act, _ in looks].count("review-list") == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"act": "release", "reason": ""},
        {"act": "release", "reason": "  "},
        {"act": "", "reason": "why"},
        {"act": "list", "reason": "why"},
        {"act": "close", "reason": "why"},
    ],
)
async def test_no_decision_without_a_reason_nor_another_act(
    site: Site, gate: HoldingGate, visitor: Visitor, fields: dict[str, str]
) -> None:
    await visitor.log_in("anna")
    assert (await visitor.post("/held", {"record": site.id_of(0), **fields})).status == 400
    assert gate.asked == []


async def test_two_people_have_to_agree(site: Site, gate: HoldingGate, visitor: Visitor) -> None:
    await visitor.log_in("anna")
    assert await decide(visitor, site.id_of(2), "release") == 303
    _, page = await visitor.get("/held")
    assert page.count("data-item") == 3 and "anna: release" in page
    # The same person twice is one person.
    await decide(visitor, site.id_of(2), "release")
    assert (await visitor.get("/held"))[1].count("data-item") == 3
    berta = another(visitor)
    await berta.log_in("berta")
    assert await decide(berta, site.id_of(2), "release") == 303
    assert "a tip for two" not in (await visitor.get("/held"))[1]


@pytest.mark.parametrize("auditor", ["greta", "oscar"])
async def test_who_is_no_reviewer_decides_on_nothing(
    site: Site, gate: HoldingGate, visitor: Visitor, auditor: str
) -> None:
    await visitor.log_in(auditor)
    assert (await visitor.get("/held"))[0] == 403
    for act in ("release", "refuse"):
        assert await decide(visitor, site.id_of(1), act) == 403
    assert gate.asked == []
    assert [each.act for each in await site.accesses()] == ["console-login"]


async def test_what_is_held_of_others_is_as_what_there_is_not(
    site: Site, gate: HoldingGate, visitor: Visitor
) -> None:
    await visitor.log_in("gustav")
    _, page = await visitor.get("/held")
    assert page.count("data-item") == 1 and "grain tip" in page and "metals.example" not in page
    told = {}
    for record in (site.id_of(0), site.id_of(2), "gate/0", "gate/9999"):
        answer = await visitor.post("/held", {"record": record, "act": "release", "reason": "x"})
        told[record] = (answer.status, (await answer.text()).replace(record, "ID"))
    assert len(set(told.values())) == 1 and told["gate/9999"][0] == 400
    assert gate.asked == []
    assert await decide(visitor, site.id_of(1), "release") == 303


async def test_a_gate_that_does_not_answer_is_told(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> ReviewAnswer:
        return ReviewAnswer(problem="somebody <i> was faster")

    monkeypatch.setattr(held_messages, "_ask", refuse)
    await visitor.log_in("anna")
    answer = await visitor.post("/held", {"record": site.id_of(0), "act": "release", "reason": "x"})
    assert answer.status == 400
    assert "somebody <i> was faster" in unescape(await answer.text())
    assert "<i>" not in await answer.text()
