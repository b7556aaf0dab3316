"""`steelyard audit topics`: what only flags is told after delivery."""

import json
from pathlib import Path

import pytest

from components.audit.checks import topics
from components.audit.checks.topics import TopicsMarked, mark_topics
from components.audit.search import Page, search
from components.cli.output.topics import describe_topics
from components.process.errors import SiteError
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.unit.policy.content.rules import write_rule

ALICE, BOB, CAROL = "alice@metals.example/desk", "bob@metals.example", "carol@metals.example"
OFF = write_rule("off", "flag", kind="topic", topics=["off-channel"], share=0.6, messages=1, must_match=["x"])
HOLDS = write_rule("holds", "hold", kind="topic", topics=["off-channel"], must_match=["x"])
CHAT = write_rule("chat", "flag", kind="topic", topics=["private"], share=0.6, messages=4, must_match=["x"])
MOVE, BUSINESS = "let's take this to WhatsApp", "Copper cathodes, 25 t, 9410 USD/t CIF Hamburg"


async def mark(site: Site, *rules: str) -> TopicsMarked:
    policy = site.path.parent / "policy.toml"
    policy.write_text("\n".join(rules))
    if "policy =" not in site.path.read_text():
        lines = '[gate]\npolicy = "policy.toml"'
        site.path.write_text(site.path.read_text().replace("[gate]", lines))
    return await mark_topics(SiteFile(site.path), lambda _done, _total: None)


async def find(site: Site, query: str) -> list[str]:
    return [
        view.id for view in (await search(site.settings, query, Page(50), lambda _done, _total: None)).records
    ]


async def test_what_is_marked_is_found_by_the_rule(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, MOVE), site.say(BOB, ALICE, BUSINESS))
    marked = await mark(site, OFF, HOLDS)
    assert (marked.rules, marked.marks) == (("off",), {"off": 1})
    assert await find(site, "rule:off") == [site.id_of(0)]
    assert await find(site, "rule:o* NOT whatsapp") == []
    access, *_ = await site.accesses()
    assert (access.act, access.query, access.result_count) == ("topics", "off", 1)


async def test_it_goes_on_where_it_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.record(*(site.say(ALICE, BOB, MOVE) for _ in range(3)))
    monkeypatch.setattr(topics, "_RECORDS_PER_FETCH", 2)
    assert (await mark(site, OFF)).marks == {"off": 3}
    again = await mark(site, OFF)
    assert (again.marks, again.read) == ({"off": 0}, 0)
    await site.record(site.say(BOB, ALICE, MOVE))
    assert (await mark(site, OFF)).marks == {"off": 1}
    assert await find(site, "rule:off") == [site.id_of(number) for number in range(4)]


async def test_a_conversation_goes_on_too(site: Site) -> None:
    await site.record(site.say(ALICE, CAROL, "my daughter is sick and the baby cried all night"))
    assert (await mark(site, CHAT)).marks == {"chat": 0}  # it has just begun
    await site.record(site.say(CAROL, ALICE, "my kids are sick, too, we stay in bed this weekend"))
    assert (await mark(site, CHAT)).marks == {"chat": 1}


async def test_other_rules_begin_anew(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, MOVE), site.say(BOB, CAROL, BUSINESS))
    await mark(site, OFF)
    business = OFF.replace('"off"', '"work"').replace("off-channel", "business")
    assert (await mark(site, business)).marks == {"work": 1}
    assert await find(site, "rule:off") == []
    assert await find(site, "rule:work") == [site.id_of(1)]


async def test_what_is_missing_is_told(site: Site) -> None:
    with pytest.raises(SiteError, match="has no rule of the kind topic with the action flag"):
        await mark(site, HOLDS)
    with pytest.raises(SiteError, match=r"cannot be used: rule\[0\]\.action"):
        await mark(site, OFF.replace("flag", "zap"))
    site.path.write_text(site.path.read_text().replace('policy = "policy.toml"', ""))
    with pytest.raises(SiteError, match="names no policy"):
        await mark_topics(SiteFile(site.path), lambda _done, _total: None)


async def test_the_document_is_json(site: Site, tmp_path: Path) -> None:
    await site.record(site.say(ALICE, BOB, MOVE))
    assert json.loads(json.dumps(describe_topics(await mark(site, OFF))))["marks"] == {"off": 1}
