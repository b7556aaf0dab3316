"""A console over several sites: each message once, each look at its own site, and what is missing is said."""

import io
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

from components.settings.site import SiteFile
from components.verifier.sites import verify_any_export
from tests.support.audit_site import Site, make_site
from tests.support.audit_sites import message, name_sites, receipt, tables_of
from tests.support.console_site import Visitor, make_console_site, open_console
from tests.unit.audit.console.test_work import wait_for_export
from tests.unit.policy.content.rules import write_rule

pytestmark = pytest.mark.slow

ALICE, BOB, GEORGE = "alice@metals.example/desk", "bob@london.example/phone", "george@grain.example/desk"
BLIND = write_rule(
    "blind", "flag", kind="lexicon", terms={"en": ["secret"]}, must_match=["secret"], hide_names=True
)
ANNA_IN_LONDON = """
[[audit.auditors]]
id = "anna"
name = "Anna Auditor"
roles = ["auditor"]
"""


@dataclass
class Sites:
    """The console's own site, and London, which lists Anna alone; and somebody's browser."""

    own: Site
    london: Site
    visitor: Visitor

    async def acts(self, site: Site) -> list[tuple[str, str]]:
        """The looks at a site, but for logins."""
        return [(look.actor, look.act) for look in await site.accesses() if "console" not in look.act]


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    """A message that crossed, one in London alone that a rule hides the names of, one of grain."""
    for name in ("own", "london"):
        (tmp_path / name).mkdir()
    own = await make_console_site(tmp_path / "own")
    tables = tables_of("london.example")
    tables["gate"]["policy"] = "policy.toml"
    london = await make_site(tmp_path / "london", **tables)
    (tmp_path / "london/policy.toml").write_text(BLIND)
    directory = (tmp_path / "own/directory.toml").read_text().replace("metals.example", "london.example")
    (tmp_path / "london/directory.toml").write_text(directory)
    london.path.write_text(london.path.read_text() + ANNA_IN_LONDON)
    london.settings = SiteFile(london.path)
    await own.record(own.submit(message(ALICE, BOB, "copper crossed")))
    mark = receipt("metals.example", own.id_of(0))
    arrived = london.submit(message(ALICE, BOB, "copper crossed", mark), at_s=0.1)
    secret = message(BOB, "carol@london.example", "copper secret of bob@london.example", id_="s")
    await london.record(arrived._replace(way="s2s"), london.submit(secret, at_s=2, rules=("blind",)))
    await own.record(own.say(GEORGE, "hanna@grain.example", "copper grain", at_s=3))
    name_sites(own, london=london.path)
    async with open_console(own) as visitor:
        yield Sites(own, london, visitor)


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_a_search_shows_each_message_once_with_its_site_and_its_other_records(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    status, page = await sites.visitor.get("/search?q=copper")
    said = text_of(page)
    assert status == 200
    assert "This searches Metals, london." in said
    assert "3 match, each message once; 1 more records are of the same messages." in said
    assert said.count("copper crossed") == 1
    assert f'also <a href="/record/london:{sites.london.id_of(0)}"' in page
    assert re.findall(r'badge site">(\w+)<', page) == ["Metals", "london", "Metals"]
    # What is marked becomes an exhibit of a matter here, of whichever site it is.
    assert page.count('class="select"') == 3
    assert "alice@metals.example" in said  # a facet: who wrote
    for site in (sites.own, sites.london):
        assert await sites.acts(site) == [("anna", "search")]


async def test_names_that_a_rule_of_the_other_site_hides_are_hidden_here(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    record = f"/record/london:{sites.london.id_of(1)}"
    for path in ("/search?q=secret", record):
        status, page = await sites.visitor.get(path)
        assert (status, "bob@london" in page, "secret" in page) == (200, False, True), path
    status, page = await sites.visitor.get(f"/conversation/london:{sites.london.id_of(1)}")
    assert (status, "bob@london" in page) == (403, False)
    await sites.visitor.post("/purpose", {"matter": "", "reason": "a tip"})
    for path in ("/search?q=secret", record, record.replace("record", "conversation")):
        status, page = await sites.visitor.get(path)
        assert (status, "bob@london" in page) == (200, True), path
    reasons = [look.reason for look in await sites.london.accesses()]
    assert reasons[-3:] == ["a tip"] * 3


async def test_a_record_of_another_site_is_proved_and_recorded_there(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    status, page = await sites.visitor.get(f"/record/london:{sites.london.id_of(0)}")
    assert (status, "london.example/gate" in page) == (200, True)
    assert f"Record london:{sites.london.id_of(0)}" in text_of(page)
    assert f"steelyard audit proof london:{sites.london.id_of(0)}" in text_of(page)
    assert await sites.acts(sites.london) == [("anna", "show")]
    assert await sites.acts(sites.own) == []
    # Its own site may be named as well.
    assert (await sites.visitor.get(f"/record/Metals:{sites.own.id_of(0)}"))[0] == 200


async def test_a_conversation_has_what_both_sites_have(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    refused = message(BOB, "alice@metals.example", "never arrived", id_="r")
    await sites.london.record(sites.london.submit(refused, at_s=5, action="refuse", rules=("tips",)))
    for path in (
        f"/conversation/{sites.own.id_of(0)}",
        f"/conversation/london:{sites.london.id_of(0)}",
        "/conversation?with=alice@metals.example%20bob@london.example",
    ):
        status, page = await sites.visitor.get(path)
        assert (status, page.count("copper crossed"), "never arrived" in page) == (200, 1, True), path
        assert f'href="/record/london:{sites.london.id_of(2)}"' in page
        assert page.count('class="select"') == 2
    assert await sites.acts(sites.london) == [("anna", "read")] * 3


async def test_who_is_no_auditor_there_finds_and_opens_nothing_of_it(sites: Sites) -> None:
    await sites.visitor.log_in("greta")
    status, page = await sites.visitor.get("/search?q=copper")
    assert (status, "copper grain" in text_of(page)) == (200, True)
    assert "london was not searched: &#39;greta&#39; is no auditor of this site" in page
    assert "crossed" not in page and "secret of" not in page
    for kind in ("record", "conversation"):
        answers = [await sites.visitor.get(f"/{kind}/london:gate/{number}") for number in (1, 999)]
        assert answers[0][0] == answers[1][0] == 400
        assert answers[0][1].replace("gate/1", "gate/999") == answers[1][1]
        assert (await sites.visitor.get(f"/{kind}/paris:gate/1"))[0] == 404
    assert await sites.acts(sites.london) == []


async def test_a_site_that_is_not_there_is_told_and_the_others_are_shown(sites: Sites) -> None:
    (sites.london.path.parent / "archive/gate.db").unlink()
    await sites.visitor.log_in("anna")
    status, page = await sites.visitor.get("/search?q=copper")
    assert (status, "london was not searched" in page, "copper crossed" in text_of(page)) == (200, True, True)
    status, page = await sites.visitor.get(f"/conversation/{sites.own.id_of(0)}")
    assert (status, "london was not read" in page) == (200, True)


async def test_pages_of_a_result_go_over_all_sites(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.audit.console.pages.search.HITS", 1)
    await sites.visitor.log_in("anna")
    path, shown = "/search?q=copper", list[str]()
    while path:
        _, page = await sites.visitor.get(path)
        shown += re.findall(r'data-id="([^"]+)"', page)
        found = re.search(r'data-next href="([^"]+)"', page)
        path = unescape(found[1]) if found else ""
    assert shown == [sites.own.id_of(1), f"london:{sites.london.id_of(1)}", sites.own.id_of(0)]


async def test_an_exhibit_is_of_any_site_and_its_names_wait_for_a_reason_as_there(sites: Sites) -> None:
    await sites.visitor.log_in("anna")
    matter = (await sites.visitor.post("/matters", {"title": "A matter"})).headers["Location"]
    for record in (f"Metals:{sites.own.id_of(0)}", f"london:{sites.london.id_of(0)}"):
        fields = {"matter": matter.rpartition("/")[2], "note": "", "record": record}
        assert (await sites.visitor.post("/matters/exhibits", fields)).status == 303, record
    _, page = await sites.visitor.get(matter)
    assert f'"/record/{sites.own.id_of(0)}"' in page
    assert f'"/record/london:{sites.london.id_of(0)}"' in page
    assert text_of(page).count("copper crossed") == 2
    assert ("anna", "matter chronology") in await sites.acts(sites.london)
    fields["record"] = f"london:{sites.london.id_of(1)}"
    assert (await sites.visitor.post("/matters/exhibits", fields)).status == 303
    status, page = await sites.visitor.get(matter)
    assert (status, "bob@london" in page) == (403, False)
    await sites.visitor.post("/purpose", {"matter": "", "reason": "a tip"})
    status, page = await sites.visitor.get(matter)
    assert (status, "bob@london" in page) == (200, True)
    (sites.london.path.parent / "archive/gate.db").unlink()
    status, page = await sites.visitor.get(matter)
    assert (status, "london was not read" in page, "bob@london" in page) == (200, True, False)


async def begin_export(visitor: Visitor, **more: str) -> str:
    """Begin an export, and return the page when it has ended."""
    fields = {"query": "copper", "format": "jsonl", "reason": "a tip", **more}
    assert (await visitor.post("/exports", fields)).status == 303
    return await wait_for_export(visitor)


async def test_an_export_is_of_all_sites_and_verifies(sites: Sites, tmp_path: Path) -> None:
    await sites.visitor.log_in("anna")
    assert "This exports what Metals and london have" in (await sites.visitor.get("/exports"))[1]
    # A rule of London hides names, which an export has.
    assert (await sites.visitor.post("/exports", {"query": "copper", "format": "jsonl"})).status == 403
    page = await begin_export(sites.visitor)
    assert "3 messages, each once, and 1 more records of the same" in page
    response = await sites.visitor.ask("GET", unescape(re.findall(r'href="(/exports/[^"]+)"', page)[0]), {})
    with zipfile.ZipFile(io.BytesIO(await response.read())) as packed:
        packed.extractall(tmp_path / "out")
    logs = [*sites.own.settings.verified_logs, *sites.london.settings.verified_logs]
    report = verify_any_export(tmp_path / "out", [log.verifier_key_file.read_text() for log in logs])
    assert (report.problems, report.messages, report.sites) == ((), 3, ("Metals", "london"))
    assert await sites.acts(sites.london) == [("anna", "export"), ("anna", "export complete")]


async def test_an_export_without_a_site_that_is_away_has_to_be_asked_for(sites: Sites) -> None:
    (sites.london.path.parent / "archive/gate.db").unlink()
    await sites.visitor.log_in("anna")
    page = await begin_export(sites.visitor)
    assert "london: " in page and "nothing is exported unless" in page
    assert await sites.acts(sites.own) == []
    page = await begin_export(sites.visitor, incomplete="yes")
    assert "not complete</span> <bdi>london: " in page
    assert "2 messages, each once" in page


async def test_who_is_no_auditor_of_another_site_exports_nothing_of_it(sites: Sites) -> None:
    await sites.visitor.log_in("greta")
    page = await begin_export(sites.visitor)
    assert "london: &#39;greta&#39; is no auditor of this site" in page
    page = await begin_export(sites.visitor, incomplete="yes")
    assert "1 messages, each once, and 0 more records of the same" in page
    assert await sites.acts(sites.london) == []
