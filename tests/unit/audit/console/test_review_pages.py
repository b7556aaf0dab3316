"""Pages of the review: each item on one of them, with how its text begins, and the filters in each address."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from components.audit.console.languages import NAMES
from components.audit.console.pages import review
from components.audit.review import rules
from components.audit.sites.queue import LINE_CHARACTERS, begin_of
from components.rules import load
from policy.content.policy import ContentPolicy
from policy.supervision.item import ItemState
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, make_console_site, open_console
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
POLICY = write_rule("tips", "flag", kind="lexicon", terms={"en": ["tip"]}, must_match=["tip"]) + write_rule(
    "blind", "flag", kind="lexicon", terms={"en": ["secret"]}, must_match=["secret"], hide_names=True
)
PER_PAGE = 2


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_console_site(tmp_path, gate={"policy": "policy.toml"})
    (tmp_path / "policy.toml").write_text(POLICY)
    # Two of one time.
    said = [(0, "tips"), (1, "tips"), (1, "blind"), (2, "tips"), (3, "tips")]
    await site.record(
        *(
            site.say(
                ALICE,
                BOB,
                f"tip &lt;b&gt;{number}&lt;/b&gt; of Alice Adler\nsecond line",
                at_s=at_s,
                rules=(rule,),
            )
            for number, (at_s, rule) in enumerate(said)
        )
    )
    return site


@pytest.fixture
async def visitor(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Visitor]:
    monkeypatch.setattr(review, "ITEMS", PER_PAGE)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        yield visitor


def shown(page: str) -> list[str]:
    return re.findall(r'data-id="([^"]+)"', page)


def link(page: str, rel: str) -> str:
    """Return the address of another page; empty if this one names none."""
    found = re.search(rf'rel="{rel}" data-\w+ href="([^"]+)"', page)
    return unescape(found[1]) if found else ""


async def test_each_item_is_on_one_page_there_and_back(site: Site, visitor: Visitor) -> None:
    path, pages, addresses = "/review", list[list[str]](), list[str]()
    while path:
        addresses.append(path)
        status, page = await visitor.get(path)
        assert status == 200
        pages.append(shown(page))
        path = link(page, "next")
    ids = [site.id_of(number) for number in range(5)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert "5 to 5 of 5 items" in page
    for before in reversed(pages[:-1]):
        _, page = await visitor.get(link(page, "prev"))
        assert shown(page) == before
    assert link(page, "prev") == "" and link(page, "next") == addresses[1]


async def test_the_addresses_keep_what_was_asked_for(site: Site, visitor: Visitor) -> None:
    _, page = await visitor.get("/review?queue=rule/tips&state=&site=Metals")
    following = link(page, "next")
    assert parse_qs(urlsplit(following).query, keep_blank_values=True) == {
        "queue": ["rule/tips"],
        "state": [""],
        "site": ["Metals"],
        "after": [site.id_of(1)],
    }
    _, page = await visitor.get(following)
    assert shown(page) == [site.id_of(3), site.id_of(4)]
    fields = {"act": "claim", "record": site.id_of(3), "queue": "rule/tips", "state": "", "site": "Metals"}
    answer = await visitor.post("/review", {**fields, "after": site.id_of(1)})
    assert (answer.status, answer.headers["Location"]) == (303, following)
    for name, value in (("queue", "rule/tips"), ("state", ""), ("site", "Metals"), ("after", site.id_of(1))):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page


async def test_what_was_closed_meanwhile_takes_no_other_item_with_it(site: Site, visitor: Visitor) -> None:
    _, page = await visitor.get("/review")
    following = link(page, "next")
    fields = {"act": "close", "disposition": "no-issue"}
    for number in (0, 1):
        assert (await visitor.post("/review", {**fields, "record": site.id_of(number)})).status == 303
    _, page = await visitor.get(following)
    assert shown(page) == [site.id_of(2), site.id_of(3)]
    # Nothing open is before them.
    assert link(page, "prev") == ""
    assert shown((await visitor.get(f"/review?before={site.id_of(1)}"))[1]) == [site.id_of(2), site.id_of(3)]


async def test_where_all_of_the_last_page_is_done_what_is_left_before_it_is_shown(
    site: Site, visitor: Visitor
) -> None:
    fields = {"act": "close", "disposition": "no-issue", "record": site.id_of(4), "after": site.id_of(3)}
    answer = await visitor.post("/review", fields)
    _, page = await visitor.get(answer.headers["Location"])
    assert shown(page) == [site.id_of(2), site.id_of(3)]
    assert link(page, "prev") and not link(page, "next")


async def test_an_item_that_there_is_not_begins_with_the_first(site: Site, visitor: Visitor) -> None:
    first = [site.id_of(0), site.id_of(1)]
    for place in ("after=gate/999", "before=gate/999", "after=paris:gate/1", "before=x", "after=%00"):
        status, page = await visitor.get(f"/review?{place}")
        assert (status, shown(page)) == (200, first), place


async def test_how_each_text_begins_is_shown_and_is_in_the_record_of_the_look(
    site: Site, visitor: Visitor
) -> None:
    _, page = await visitor.get("/review")
    assert "tip &lt;b&gt;0&lt;/b&gt; of Alice Adler" in page
    assert "second line" not in page and "tip &lt;b&gt;2" not in page
    look = (await site.accesses())[-1]
    ids = [site.id_of(0), site.id_of(1)]
    assert (look.act, look.query) == ("review-queue", f"state:open first lines of {' '.join(ids)}")
    assert look.result_count == 5
    # It is no more than a look at a list: nobody has opened them.
    assert "opened 0 times" in page and "opened 0 times" in (await visitor.get("/review"))[1]


async def test_names_are_hidden_in_it_until_a_reason_is_stated(site: Site, visitor: Visitor) -> None:
    path = "/review?queue=rule/blind"
    _, page = await visitor.get(path)
    main = page.partition("<main")[2].partition("</main>")[0]
    assert "tip &lt;b&gt;2&lt;/b&gt; of" in main and "Adler" not in main and "alice@" not in main
    assert (await visitor.post("/purpose", {"reason": "to ask her", "back": "/review"})).status == 303
    _, page = await visitor.get(path)
    assert "tip &lt;b&gt;2&lt;/b&gt; of Alice Adler" in page and "alice@metals.example" in page


async def test_the_policy_counts_as_it_is_and_is_read_when_it_changes(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[Path]()

    def listening(file: Path, own_links: str = "") -> ContentPolicy:
        read.append(file)
        return load.load_content(file, own_links)

    monkeypatch.setattr(rules, "load_content", listening)
    policy = site.path.parent / "policy.toml"
    for _ in range(2):
        assert "alice@metals.example" in (await visitor.get("/review"))[1]
    assert read == [policy]
    policy.write_text(POLICY.replace('id = "tips"', 'id = "tips"\nhide_names = true'))
    _, page = await visitor.get("/review")
    assert "alice@metals.example" not in page and page.count("Names are hidden") == PER_PAGE
    policy.write_text("no policy")
    for _ in range(2):
        assert (await visitor.get("/review"))[0] == 400
    policy.write_text(POLICY)
    assert "alice@metals.example" in (await visitor.get("/review"))[1]
    assert len(read) == 5


async def test_a_state_that_there_is_not_is_answered_with_those_that_there_are(visitor: Visitor) -> None:
    for language in NAMES:
        assert (await visitor.post("/preferences", {"language": language})).status == 303
        status, page = await visitor.get("/review?state=nonsense")
        assert status == 400
        assert all(state in page for state in ItemState), language
        assert "nonsense" not in page and ("open (offen)" in page) == (language == "de")
    status, page = await visitor.get("/review?site=paris")
    assert (status, "Metals" in page.partition("<main")[2], "paris" in page) == (400, True, False)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("one\ntwo", "one"),
        ("\n  one  \ntwo", "one"),
        ("x" * LINE_CHARACTERS, "x" * LINE_CHARACTERS),
        ("x" * (LINE_CHARACTERS + 1), "x" * LINE_CHARACTERS + " …"),
    ],
)
def test_how_a_text_begins(text: str, begins: str) -> None:
    assert begin_of(text) == begins
