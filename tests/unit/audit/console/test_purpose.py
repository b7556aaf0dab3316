"""Why auditors look: what they state is recorded with each look, shows hidden names, and satisfies a site that asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, make_console_site, open_console
from tests.unit.policy.content.rules import write_rule

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
NAMES = ("alice@metals", "bob@metals", "Alice Adler", "Bob Brandt")
BLIND = write_rule(
    "blind", "flag", kind="lexicon", terms={"en": ["secret"]}, must_match=["secret"], hide_names=True
)


async def make(folder: Path, **replaced: str) -> Site:
    site = await make_console_site(folder)
    text = site.path.read_text()
    for old, new in replaced.items():
        assert f"[{old}]\n" in text
        text = text.replace(f"[{old}]\n", f"[{old}]\n{new}\n", 1)
    site.path.write_text(text)
    site.settings = SiteFile(site.path)
    await site.record(
        site.say(ALICE, BOB, "the secret of Alice Adler, says bob@metals.example", rules=("blind",)),
        site.say(ALICE, BOB, "lunch with Bob Brandt", at_s=1),
    )
    return site


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    (tmp_path / "policy.toml").write_text(BLIND)
    return await make(tmp_path, gate='policy = "policy.toml"')


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        yield visitor


def main_of(page: str) -> str:
    """What a page shows of the archive: without the example of a query."""
    shown = page.partition("<main")[2].partition("</main>")[0]
    return shown.replace("copper from:alice@metals.example", "")


async def test_names_are_hidden_on_every_page_until_a_reason_is_stated(site: Site, visitor: Visitor) -> None:
    pages = ("/search?q=secret", f"/record/{site.id_of(0)}", f"/conversation/{site.id_of(0)}", "/review")
    for path in pages:
        _, page = await visitor.get(path)
        assert not [name for name in NAMES if name in main_of(page)], path
    _, page = await visitor.get(f"/record/{site.id_of(0)}")
    assert "Person " in main_of(page) and "secret" in main_of(page)
    back = f"/record/{site.id_of(0)}"
    stated = await visitor.post("/purpose", {"reason": "to ask <b> the sender", "back": back})
    assert (stated.status, stated.headers["Location"]) == (303, back)
    for path in pages:
        status, page = await visitor.get(path)
        assert status == 200 and "alice@metals" in main_of(page), path
    looks = {(each.act, each.reason) for each in (await site.accesses())[-len(pages) :]}
    assert {reason for _, reason in looks} == {"to ask <b> the sender"}
    assert "&lt;b&gt;" in page and "to ask <b>" not in page


async def test_what_no_such_rule_matched_is_shown_as_ever(site: Site, visitor: Visitor) -> None:
    for path in ("/search?q=lunch", f"/record/{site.id_of(1)}"):
        status, page = await visitor.get(path)
        assert status == 200 and "alice@metals" in main_of(page)


async def test_an_export_and_a_matter_with_hidden_names_want_a_reason(site: Site, visitor: Visitor) -> None:
    export = {"query": "secret", "format": "jsonl"}
    assert (await visitor.post("/exports", export)).status == 403
    assert (await visitor.post("/exports", {**export, "reason": "ordered"})).status == 303
    path = (await visitor.post("/matters", {"title": "one"})).headers["Location"]
    await visitor.post("/matters/exhibits", {"matter": path.rpartition("/")[2], "record": site.id_of(0)})
    status, page = await visitor.get(path)
    assert status == 403 and not [name for name in NAMES if name in main_of(page)]
    await visitor.post("/purpose", {"reason": "ordered"})
    assert (await visitor.get(path))[0] == 200


async def test_a_rule_that_hides_names_from_now_on_counts_at_once(site: Site, visitor: Visitor) -> None:
    policy = site.path.with_name("policy.toml")
    policy.write_text(BLIND.replace("hide_names = true", "hide_names = false"))
    assert "alice@metals" in main_of((await visitor.get("/search?q=secret"))[1])
    policy.write_text(BLIND)
    assert "alice@metals" not in main_of((await visitor.get("/search?q=secret"))[1])


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "/record/gate/1@evil.example", "/logout",
        "/record/gate/1?x=//evil", "javascript:alert(1)", "/record/gate/1\r\nSet-Cookie: x=y", "/record/../logout",
    ],
)  # fmt: skip
async def test_one_goes_back_to_a_record_alone(visitor: Visitor, back: str) -> None:
    stated = await visitor.post("/purpose", {"reason": "r", "back": back})
    assert (stated.status, stated.headers["Location"]) == (303, "/account")


async def test_a_matter_that_is_not_ones_own_is_no_purpose(site: Site, visitor: Visitor) -> None:
    assert (await visitor.post("/purpose", {"matter": "M-none"})).status == 400
    assert "M-none" not in (await visitor.get("/account"))[1]


async def test_where_each_look_needs_a_matter_it_is_asked_for_and_recorded(tmp_path: Path) -> None:
    site = await make(tmp_path, audit="matter_required = true")
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get("/search?q=lunch")
        assert (
            status == 403
            and "needs a matter" in page
            and 'action="/purpose"' in page
            and "lunch with" not in page
        )
        matter = (await visitor.post("/matters", {"title": "one"})).headers["Location"].rpartition("/")[2]
        assert (await visitor.post("/purpose", {"matter": matter, "reason": "asked"})).status == 303
        status, page = await visitor.get("/search?q=lunch")
        assert status == 200 and "lunch" in page
    look = (await site.accesses())[-1]
    assert (look.act, look.matter, look.reason) == ("search", matter, "asked")


async def test_where_acts_are_signed_none_is_made_here(tmp_path: Path) -> None:
    site = await make(tmp_path)
    create_log_key(tmp_path / "keys" / "auditor-anna.key", "auditor/anna")
    text = site.path.read_text().replace('id = "anna"\n', 'id = "anna"\nkey = "keys/auditor-anna.pub"\n')
    site.path.write_text(text)
    site.settings = SiteFile(site.path)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, page = await visitor.get("/review?state=")
        assert "steelyard review close" in page and 'id="marked"' not in page
        before = len(await site.accesses())
        for path, act in (("/review", "claim"), ("/held", "release")):
            fields = {"act": act, "record": site.id_of(0), "reason": "x", "note": "x"}
            assert (await visitor.post(path, fields)).status == 403
        assert len(await site.accesses()) == before
