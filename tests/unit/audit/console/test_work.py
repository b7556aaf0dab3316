"""What auditors make here: matters and exports; each in their own name, and nothing of anybody else's."""

import asyncio
import io
import re
import zipfile
from html import unescape
from pathlib import Path

import pytest

from tests.support.audit_site import Site
from tests.support.console_site import Visitor, another, make_console_site, open_console

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
GEORGE, HANNA = "george@grain.example/desk", "hanna@grain.example"


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_console_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "copper one"),
        site.say(ALICE, BOB, "copper two", at_s=1),
        site.say(GEORGE, "george@grain.example", "copper grain", at_s=2),
    )
    return site


async def open_matter(visitor: Visitor, title: str) -> str:
    response = await visitor.post("/matters", {"title": title})
    assert response.status == 303, await response.text()
    return response.headers["Location"]


async def test_a_matter_gathers_marked_records_and_notes(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        path = await open_matter(visitor, "Copper <b>prices</b>")
        id_ = path.rpartition("/")[2]
        response = await visitor.ask(
            "POST",
            "/matters/exhibits",
            {"Origin": visitor.origin},
            [
                ("csrf", visitor.csrf),
                ("matter", id_),
                ("note", "odd"),
                *(("record", site.id_of(n)) for n in (0, 1)),
            ],
        )
        assert (response.status, response.headers["Location"]) == (303, path)
        assert (await visitor.post(f"{path}/note", {"text": "ask <i>Bob</i>"})).status == 303
        assert (await visitor.post(f"{path}/custodian", {"jid": BOB, "reason": "named"})).status == 303
        _, page = await visitor.get(path)
        for said in ("copper one", "copper two", "ask &lt;i&gt;Bob", "Copper &lt;b&gt;prices", BOB, "odd"):
            assert said in page
        _, listed = await visitor.get("/matters")
        assert id_ in listed
    acts = [each.act for each in await site.accesses()]
    assert {"matter list", "matter show", "matter chronology"} <= set(acts)
    assert {each.actor for each in await site.accesses()} == {"anna"}


async def test_matters_of_others_are_as_those_that_there_are_not(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        path = await open_matter(visitor, "secret matter")
        greta = another(visitor)
        await greta.log_in("greta")
        _, listed = await greta.get("/matters")
        assert "secret matter" not in listed
        status, page = await greta.get(path)
        absent = await greta.get("/matters/M-none")
        assert (status, page.replace(path.rpartition("/")[2], "M-none")) == absent
        assert (await greta.post(f"{path}/note", {"text": "hello"})).status == 400
        own = await open_matter(greta, "grain")
        refused = await greta.post(
            "/matters/exhibits", {"matter": own.rpartition("/")[2], "record": site.id_of(0)}
        )
        assert refused.status == 400
        assert "copper one" not in (await greta.get(own))[1]


async def test_nothing_marked_is_told(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        assert (await visitor.post("/matters/exhibits", {"matter": "M-1"})).status == 400


async def wait_for_export(visitor: Visitor) -> str:
    for _ in range(3000):
        _, page = await visitor.get("/exports", HX_Request="true")
        if "hx-get" not in page:
            return page
        await asyncio.sleep(0.02)
    raise AssertionError("the export does not end")


@pytest.mark.slow
async def test_an_export_is_fetched_whole_by_its_own_auditor_alone(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        assert (await visitor.post("/exports", {"query": "copper", "format": "jsonl"})).status == 303
        page = await wait_for_export(visitor)
        assert "3 of 3" in page
        path = unescape(re.findall(r'href="(/exports/[^"]+)"', page)[0])
        response = await visitor.ask("GET", path, {})
        with zipfile.ZipFile(io.BytesIO(await response.read())) as packed:
            names = packed.namelist()
            text = b"".join(packed.read(name) for name in names)
        assert any(name.endswith("manifest.json") for name in names)
        assert b"copper one" in text and b"copper grain" in text
        greta = another(visitor)
        await greta.log_in("greta")
        assert (await greta.get(path))[0] == 404
        assert path not in (await greta.get("/exports"))[1]
        await greta.post("/exports", {"query": "copper", "format": "jsonl"})
        assert "1 of 1" in await wait_for_export(greta)
        folder = visitor.console.jobs.folder
        assert list(folder.iterdir())
    assert not list(folder.iterdir())
    looks = [(each.actor, each.act, each.result_count) for each in await site.accesses()]
    assert ("anna", "export", 3) in looks and ("greta", "export", 1) in looks


async def test_a_wrong_export_is_told_at_once(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        assert (await visitor.post("/exports", {"query": "copper", "format": "exe"})).status == 400
        assert (await visitor.post("/exports", {"query": "copper AND (", "format": "csv"})).status == 400
        assert (
            await visitor.post("/exports", {"query": "copper", "format": "csv", "matter": "M-none"})
        ).status in (303, 400)


async def test_flagged_records_are_claimed_and_closed(site: Site) -> None:
    await site.record(
        site.say(ALICE, BOB, "off the record", at_s=3, rules=("off-channel",)),
        site.say(GEORGE, "george@grain.example", "grain off", at_s=4, rules=("off-channel",)),
    )
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, page = await visitor.get("/review")
        assert page.count("data-item") == 2 and "rule/off-channel" in page
        item = site.id_of(3)
        assert (await visitor.post("/review", {"act": "claim", "record": item})).status == 303
        _, page = await visitor.get("/review?state=claimed")
        assert page.count("data-item") == 1 and "with anna" in page
        fields = {"act": "close", "record": item, "disposition": "false-positive", "note": "a joke <b>"}
        assert (await visitor.post("/review", fields)).status == 303
        _, page = await visitor.get("/review?state=closed&queue=rule/off-channel")
        assert page.count("data-item") == 1 and "a joke &lt;b&gt;" in page
        for wrong in ({"act": "claim"}, {"act": "eat", "record": item}, {"act": "close", "record": item}):
            assert (await visitor.post("/review", wrong)).status == 400
        greta = another(visitor)
        await greta.log_in("greta")
        assert (await greta.get("/review"))[0] == 403
        assert (await greta.post("/review", {"act": "claim", "record": item})).status == 403
        assert (await greta.get("/held"))[0] == 403
