"""A console over several sites: what waits at each, decided on at its own site; and what each site does, as one."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.audit.asking import NoAnswerError
from components.audit.console.signing import find_signing
from components.audit.review import held as held_messages
from components.audit.review.acts import ReviewReader
from components.link.review_request import ReviewAnswer, ReviewRequest
from components.rules.reviewers import load_reviewers
from components.settings.console import ConsoleSettings
from components.settings.site import SiteFile
from policy.supervision.item import Entry
from tests.support.audit_site import Site, make_site
from tests.support.audit_sites import name_sites, tables_of
from tests.support.console_site import Visitor, another, make_console_site, open_console
from tests.support.held_gate import HoldingGate, hold
from tests.support.typed import file_of
from tests.unit.policy.content.rules import write_rule

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example", "bob@london.example"
GEORGE, HANNA = "george@grain.example", "hanna@grain.example"
POLICY = write_rule("tips", "flag", kind="lexicon", terms={"en": ["tip"]}, must_match=["tip"])
IN_LONDON = """
[[audit.auditors]]
id = "anna"
name = "Anna Auditor"
roles = ["auditor", "reviewer", "lead"]
{key}

[[audit.auditors]]
id = "berta"
name = "Berta"
roles = ["auditor"]
"""
BERTA = """
[[audit.auditors]]
id = "berta"
name = "Berta"
roles = ["reviewer"]

[[audit.auditors]]
id = "gustav"
name = "Gustav"
roles = ["reviewer"]
enterprises = ["grain"]
"""


@dataclass
class Sites:
    """The console's own site, which has two items, and London, which has one; and somebody's browser."""

    own: Site
    london: Site
    visitor: Visitor

    @property
    def there(self) -> str:
        return f"london:{self.london.id_of(0)}"

    async def acts_at(self, site: Site) -> list[Entry]:
        return (await ReviewReader(site.settings, load_reviewers(site.settings)).read()).entries

    async def looks_at(self, site: Site) -> list[tuple[str, str]]:
        return [(look.actor, look.act) for look in await site.accesses() if "console" not in look.act]

    async def do(self, *records: str, act: str = "claim", **more: str) -> int:
        fields = [
            ("csrf", self.visitor.csrf),
            ("act", act),
            *more.items(),
            *(("record", each) for each in records),
        ]
        return (await self.visitor.ask("POST", "/review", {"Origin": self.visitor.origin}, fields)).status


async def make_two(root: Path, key: str = "") -> tuple[Site, Site]:
    """Make both sites; London lists Anna, with this key, and Berta, who reviews nothing there."""
    for name in ("own", "london"):
        (root / name).mkdir()
    own = await make_console_site(root / "own", gate={"policy": "policy.toml"})
    tables = tables_of("london.example")
    tables["gate"]["policy"] = "policy.toml"
    london = await make_site(root / "london", **tables)
    for site in (own, london):
        (site.path.parent / "policy.toml").write_text(POLICY)
    directory = (root / "own/directory.toml").read_text().replace("metals.example", "london.example")
    (root / "london/directory.toml").write_text(directory)
    own.path.write_text(own.path.read_text() + BERTA)
    london.path.write_text(london.path.read_text() + IN_LONDON.format(key=key))
    london.settings = SiteFile(london.path)
    name_sites(own, london=london.path)
    await own.record(
        own.say(f"{ALICE}/d", ALICE, "a tip", at_s=1, rules=("tips",)),
        own.say(f"{GEORGE}/d", HANNA, "grain tip", at_s=3, rules=("tips",)),
    )
    await london.record(london.say(f"{BOB}/d", BOB, "tip of London", at_s=2, rules=("tips",)))
    return own, london


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    own, london = await make_two(tmp_path)
    async with open_console(own) as visitor:
        yield Sites(own, london, visitor)


def shown(page: str) -> list[str]:
    return re.findall(r'data-id="([^"]+)"', page)


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_the_review_shows_what_waits_at_each_site_with_its_name_and_counts(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    status, page = await sites.visitor.get("/review")
    assert (status, shown(page)) == (200, [sites.own.id_of(0), sites.there, sites.own.id_of(1)])
    assert re.findall(r'badge site">(\w+)<', page) == ["Metals", "london", "Metals"]
    assert "All sites Metals 2 london 1" in text_of(page)
    assert "rule/tips 3" in text_of(page)
    for site in (sites.own, sites.london):
        assert await sites.looks_at(site) == [("anna", "review-queue")]
    status, page = await sites.visitor.get("/review?site=london&queue=rule/tips")
    assert (shown(page), "rule/tips 1" in text_of(page)) == ([sites.there], True)
    assert (await sites.visitor.get("/review?site=paris"))[0] == 400


async def test_an_act_is_recorded_at_the_site_whose_item_it_is_and_all_or_none(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    assert await sites.do(sites.own.id_of(0), sites.there, act="note", note="seen") == 303
    for site in (sites.own, sites.london):
        (entry,) = await sites.acts_at(site)
        assert (entry.act.by, entry.act.origin, entry.act.note, entry.problem) == (
            "anna",
            site.settings.gate_log.origin,
            "seen",
            "",
        )
    assert await sites.do(sites.own.id_of(0), "london:gate/999") == 400
    assert await sites.do(sites.own.id_of(0), "paris:gate/1") == 400
    assert [len(await sites.acts_at(site)) for site in (sites.own, sites.london)] == [1, 1]
    # What was done is there at once, on the page that remembers what it has read.
    _, page = await sites.visitor.get("/review")
    assert page.count("<bdi>seen</bdi>") == 2


async def test_who_reviews_nothing_there_sees_nothing_of_it(sites: Sites) -> None:
    visitor = sites.visitor
    for user, items, why in (
        ("berta", 2, "berta has not the role"),
        ("gustav", 1, "'gustav' is no auditor of this site"),
    ):
        sites.visitor = another(visitor)
        await sites.visitor.log_in(user)
        status, page = await sites.visitor.get("/review")
        assert (status, len(shown(page)), "tip of London" in page) == (200, items, False)
        assert f"london was not read: {why}" in text_of(page)
        assert "london 1" not in text_of(page)
        answers = set[str]()
        for record in (sites.there, "london:gate/999"):
            answer = await sites.visitor.post("/review", {"act": "claim", "record": record})
            assert answer.status == 400
            answers.add((await answer.text()).replace(record, "ID"))
        assert len(answers) == 1
    assert await sites.acts_at(sites.london) == []


async def test_a_site_that_is_away_is_named_on_each_page(sites: Sites) -> None:
    sites.london.path.rename(sites.london.path.with_suffix(".away"))
    await sites.visitor.log_in("anna")
    for path in ("/review", "/overview"):
        status, page = await sites.visitor.get(path)
        assert (status, "london was not read: " in text_of(page)) == (200, True), path
    assert len(shown((await sites.visitor.get("/review"))[1])) == 2


async def test_what_is_held_anywhere_is_shown_and_decided_on_at_its_site(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = {
        "metals.example/gate": HoldingGate([hold(sites.own, 0, ALICE, ALICE)]),
        "london.example/gate": HoldingGate([hold(sites.london, 0, BOB, BOB, needed=2)]),
    }
    silent = set[str]()

    async def answer(settings: SiteFile, request: ReviewRequest, timeout_s: float) -> ReviewAnswer:
        origin = settings.gate_log.origin
        if origin in silent:
            raise NoAnswerError("the gate does not answer")
        return await gates[origin].answer(settings, request, timeout_s)

    monkeypatch.setattr(held_messages, "_ask", answer)
    await sites.visitor.log_in("anna")
    status, page = await sites.visitor.get("/held")
    assert (status, shown(page)) == (200, [sites.own.id_of(0), sites.there])
    assert "tip of London" in page
    decided = await sites.visitor.post("/held", {"record": sites.there, "act": "release", "reason": "public"})
    assert decided.status == 303
    number = int(sites.there.rpartition("/")[2])
    assert gates["london.example/gate"].asked == [("release", number, "anna", "public")]
    assert gates["metals.example/gate"].asked == []
    assert [entry.act.kind.value for entry in await sites.acts_at(sites.london)] == ["release"]
    # It waits for a second person of that site.
    assert shown((await sites.visitor.get("/held"))[1]) == [sites.own.id_of(0), sites.there]
    for origin, left in (("metals.example/gate", sites.there), ("london.example/gate", sites.own.id_of(0))):
        silent |= {origin}
        status, page = await sites.visitor.get("/held")
        assert (status, shown(page), "the gate does not answer" in page) == (200, [left], True)
        silent.clear()


async def test_the_overview_has_a_row_for_each_site_and_their_sums(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    status, page = await sites.visitor.get("/overview")
    assert status == 200
    rows = re.findall(r'<th scope="row"><bdi>(\w+)</bdi></th>(.*?)</tr>', page, re.DOTALL)
    cells = {
        name: [text_of(cell) for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)] for name, row in rows
    }
    # Messages, refused, held, in review.
    assert {name: row[:4] for name, row in cells.items()} == {
        "Metals": ["2", "0", "0", "2"],
        "london": ["1", "0", "0", "1"],
    }
    assert all(row[8].endswith("s ago") for row in cells.values())
    said = text_of(page)
    assert "Messages 3 " in said and "Waiting for review 3 " in said
    for site in (sites.own, sites.london):
        assert await sites.looks_at(site) == [("anna", "overview")]
    gustav = another(sites.visitor)
    await gustav.log_in("gustav")
    said = text_of((await gustav.get("/overview"))[1])
    assert "Messages 1 " in said and "Waiting for review 1 " in said and "london was not read" in said


@pytest.mark.parametrize("is_listed", [True, False], ids=["same key", "another key"])
async def test_a_console_signs_for_each_site_that_lists_the_key(tmp_path: Path, is_listed: bool) -> None:
    own, london = await make_two(tmp_path, 'key = "keys/auditor-anna.pub"')
    signer = 'signer = "anna"\nsigner_key = "keys/auditor-anna.key"'
    text = own.path.read_text().replace("[console]", f"[console]\n{signer}")
    roles = 'roles = ["auditor", "reviewer", "lead"]'
    own.path.write_text(text.replace(roles, f'{roles}\nkey = "keys/auditor-anna.pub"', 1))
    own.settings = SiteFile(own.path)
    key, there = (site.path.parent / "keys/auditor-anna.key" for site in (own, london))
    create_log_key(key, "auditor/anna")
    if is_listed:
        there.with_suffix(".pub").write_bytes(key.with_suffix(".pub").read_bytes())
    else:
        create_log_key(there, "auditor/anna")
    for site in (own, london):
        # On an auditor's own machine nothing of the server's lies.
        file_of(site.settings.gate_log.key_file).unlink()
    assert find_signing(own.settings, own.settings.require(ConsoleSettings)) is not None
    async with open_console(own) as visitor:
        sites = Sites(own, london, visitor)
        await visitor.log_in("anna")
        _, page = await visitor.get("/review")
        assert page.count('class="select"') == (3 if is_listed else 2)
        assert await sites.do(sites.there) == (303 if is_listed else 403)
        assert [entry.problem for entry in await sites.acts_at(london)] == ([""] if is_listed else [])
        assert await sites.do(own.id_of(0)) == 303
