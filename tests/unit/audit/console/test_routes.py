"""Every address of the console, one after another: who gets nothing there, and that nothing of others is to be had.

A new route is tried here without being named; one that takes something new in its path or form fails until it is told
here what that is.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from components.audit.auditor import Role
from components.audit.console.app import EVERYBODY, ROUTES, Route
from components.audit.console.visit import LOOKERS, REVIEWERS
from components.audit.review import held as held_messages
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.console_site import HOST, Visitor, another, make_console_site, open_console
from tests.support.held_gate import HoldingGate, hold

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
GEORGE, HANNA = "george@grain.example/desk", "hanna@grain.example"
SECRETS = ("metals.example", "zinc-secret", "Alice Adler", "merger-matter", "off-channel")
"""What an auditor of the other enterprise must find nowhere."""
MORE = """
[[audit.auditors]]
id = "gustav"
name = "Gustav Grain"
roles = ["auditor", "reviewer", "lead"]
enterprises = ["grain"]
"""
NEITHER = "neither-is-there"


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_console_site(tmp_path)
    site.path.write_text(site.path.read_text() + MORE)
    site.settings = SiteFile(site.path)
    await site.record(
        site.say(ALICE, BOB, "zinc-secret one", rules=("off-channel",)),
        site.say(ALICE, BOB, "zinc-secret two", at_s=1, action="hold", rules=("off-channel",)),
    )

    monkeypatch.setattr(held_messages, "_ask", HoldingGate([hold(site, 1, ALICE, BOB)]).answer)
    return site


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


GUARDED = [route for route in ROUTES if not route.is_public]


def fill(path: str, values: Mapping[str, str]) -> str:
    """Return an address of a route; raises KeyError for a part that is not told here."""
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


def ask_for(record: str, matter: str, export: str) -> Iterator[tuple[Route, str, dict[str, str]]]:
    """Yield every guarded route with an address and a form that name this record, this matter and this export."""
    log, _, number = record.partition("/")
    form = {
        "record": record, "matter": matter, "query": f"id:{record}", "format": "jsonl", "act": "release",
        "reason": "curious", "note": "hm", "title": "own", "text": "hm", "jid": BOB, "id": export, "name": "x",
        "ceremony": "x", "credential": "{}", "language": "en", "zone": "UTC", "theme": "auto", "back": "",
    }  # fmt: skip
    for route in GUARDED:
        id_ = export if route.path.startswith("/exports") else matter
        path = fill(route.path, {"log": log, "number": number, "id": id_})
        if route.method == "GET":
            yield (
                route,
                f"{path}?q=zinc-secret&with={ALICE.partition('/')[0]}+{BOB}&queue=rule/off-channel&state=",
                {},
            )
        else:
            acts = ("release", "refuse", "claim", "note", "close") if "act" in form else ("",)
            for act in acts if route.path in ("/held", "/review") else ("",):
                yield route, path, {**form, "act": act}


async def make_things_of_others(visitor: Visitor, site: Site) -> tuple[str, str]:
    """Make a matter and an export of metals, and return their ids."""
    await visitor.log_in("anna")
    opened = await visitor.post("/matters", {"title": "merger-matter"})
    matter = opened.headers["Location"].rpartition("/")[2]
    await visitor.post("/matters/exhibits", {"matter": matter, "record": site.id_of(0)})
    await visitor.post("/exports", {"query": "zinc-secret", "format": "jsonl"})
    for _ in range(3000):
        _, page = await visitor.get("/exports")
        if found := re.search(r'href="/exports/([\w-]+)"', page):
            return matter, found[1]
        await asyncio.sleep(0.02)
    raise AssertionError("the export does not end")


async def test_nothing_of_others_by_any_route(site: Site) -> None:
    async with open_console(site) as visitor:
        matter, export = await make_things_of_others(visitor, site)
        gustav = another(visitor)
        for record in (site.id_of(0), site.id_of(1)):
            theirs = ask_for(record, matter, export)
            absent = ask_for("gate/987654", NEITHER, NEITHER)
            for (route, path, form), (_, other_path, other_form) in zip(theirs, absent, strict=True):
                told = [
                    await _answer(gustav, route, at, said, names)
                    for at, said, names in (
                        (path, form, (record, matter, export)),
                        (other_path, other_form, ("gate/987654", NEITHER, NEITHER)),
                    )
                ]
                assert told[0] == told[1], name(route)
                assert not [each for each in SECRETS if each in told[0][1]], name(route)
    # What he tried changed nothing.
    looks = await site.accesses()
    assert not [each for each in looks if each.actor == "gustav" and each.act.startswith("review-re")]
    assert [
        each for each in looks if each.actor == "gustav" and each.result_count and each.act == "show"
    ] == []


async def _answer(
    visitor: Visitor, route: Route, path: str, form: Mapping[str, str], names: tuple[str, ...]
) -> tuple[int, str]:
    """Return an answer without what differs from one request to the next, and without what was asked for."""
    await visitor.log_in("gustav")
    sent = await (visitor.post(path, form) if route.method == "POST" else visitor.ask("GET", path, {}))
    text = (await sent.text("utf-8", errors="replace")) + sent.headers.get("Location", "")
    for each in names:
        text = text.replace(each, "ID").replace(each.replace("/", "%2F"), "ID")
    for own in (
        HOST,
        "copper from:alice@metals.example",
        "zinc-secret",
        "alice@metals.example",
        BOB,
        "rule/off-channel",
        "rule%2Foff-channel",
        visitor.csrf,
    ):
        text = text.replace(own, "ASKED").replace(own.replace("@", "%40"), "ASKED")
    text = re.sub(r"audit/\d+|M-\d{4}-\w+|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|/exports/[\w-]+", "N", text)
    text = re.sub(r'"challenge": *"[^"]+"|"ceremony": *"[^"]+"', "N", text)
    # His own matters and exports are more each time.
    text = re.sub(r"(?s)<(table|div id=.exports.).*</(table|div)>", "OWN", text)
    return sent.status, text


@pytest.mark.parametrize("route", GUARDED, ids=name)
async def test_who_has_not_the_role_is_refused_before_anything_is_looked_at(site: Site, route: Route) -> None:
    who = {EVERYBODY: (), LOOKERS: ("oscar",), REVIEWERS: ("oscar", "greta")}[route.roles]
    async with open_console(site) as visitor:
        for auditor in who:
            await visitor.log_in(auditor)
            path = fill(route.path, {"log": "gate", "number": "1", "id": "1"})
            if route.method == "POST":
                status = (await visitor.post(path, {"record": site.id_of(0)})).status
            else:
                status, _ = await visitor.get(path)
            assert status == 403
    assert {each.act for each in await site.accesses()} <= {"console-login"}


def test_each_section_is_for_one_of_the_known_sets_of_roles() -> None:
    assert {route.roles for route in ROUTES} <= {EVERYBODY, LOOKERS, REVIEWERS}
    assert Role.OVERSEER not in LOOKERS | REVIEWERS
    assert all(route.path.startswith(("/login", "/static")) for route in ROUTES if route.is_public)
    assert len({name(route) for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", GUARDED, ids=name)
async def test_another_host_name_and_another_site_get_nothing(site: Site, route: Route) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        before = len(await site.accesses())
        path = fill(route.path, {"log": "gate", "number": "1", "id": "1"})
        elsewhere: tuple[dict[str, str], ...] = (
            {"Host": "evil.example"},
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        )
        for headers in elsewhere:
            answer = await visitor.ask(
                route.method, path, headers, {"csrf": visitor.csrf} if route.method == "POST" else None
            )
            assert answer.status in (403, 421), headers
            assert answer.headers.get("Location") is None
        assert len(await site.accesses()) == before
