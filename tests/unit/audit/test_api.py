"""docs/api.md: each example runs, in order, against a small site, and prints what the page says."""

import ast
import asyncio
import contextlib
import inspect
import io
import re
from pathlib import Path
from typing import Any

import pytest

import components.audit
from components.archive.record import Delivery
from components.audit import Archive, api, open_archive
from components.audit.api import QueryError, SiteError, Whole
from tests.support.audit_site import REFUSAL, Site, make_site
from tests.support.auditors import become, make_audited_site

PAGE = (Path(__file__).parents[3] / "docs/api.md").read_text()
ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
GUS = "gus@grain.example/desk"


def blocks() -> list[tuple[str, str]]:
    """Each example of the page with what it prints."""
    found = re.findall(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", PAGE, re.MULTILINE | re.DOTALL)
    return [(code, printed) for code, printed in found]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    return asyncio.run(make_small_site(tmp_path / "var"))


async def make_small_site(folder: Path) -> Site:
    site = await make_site(folder)
    correction = (
        f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}' id='c1'><body>Copper at 9,421?</body>"
        "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>"
    )
    receipt = (
        f"<message xmlns='jabber:client' from='{BOB}' to='{ALICE}'>"
        "<received xmlns='urn:xmpp:receipts' id='m1'/></message>"
    )
    first = f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}' id='m1'><body>Copper at 9,412?</body></message>"
    await site.record(
        site.submit(first.encode()),
        site.say(BOB, ALICE, "Taken. The side letter follows", at_s=60),
        site.submit(correction.encode(), at_s=120),
        site.say(ALICE, "eve@other.example", "Call me", action="refuse", error=REFUSAL, at_s=180),
        site.say(BOB, "carol@metals.example", "Lunch?", at_s=240),
        site.submit(receipt.encode(), at_s=300),
        Delivery("e1", 5, ()),
    )
    return site


def run(code: str, names: dict[str, Any]) -> str:
    """Run an example; return what it prints."""
    compiled = compile(code, "docs/api.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if compiled.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(compiled, names))
        else:
            exec(compiled, names)
    return printed.getvalue()


@pytest.mark.slow
def test_every_example_prints_what_the_page_says(site: Site) -> None:
    names: dict[str, Any] = {}
    examples = blocks()
    assert len(examples) > 7
    for code, printed in examples:
        assert run(code, names) == printed, code


def test_the_page_names_all_that_is_public() -> None:
    spans = {name for span in re.findall(r"`([^`\n]+)`", PAGE) for name in re.findall(r"\w+", span)}
    values = {"ConversationView", "ExportResult", "ProofFile", "RecordDetail", "SearchResult"}
    assert set(api.__all__) - spans == set()
    assert values <= set(api.__all__)
    for name in components.audit.__all__:
        assert getattr(components.audit, name) is getattr(api, name)
        assert f"| `{name}" in PAGE
    looks = [name for name, _ in inspect.getmembers(Archive, inspect.isfunction) if not name.startswith("_")]
    assert looks == ["export", "find", "prove", "read", "search", "show"]
    for name in looks:
        called = inspect.signature(getattr(Archive, name)).parameters
        assert f"| `Archive.{name}({', '.join(list(called)[1:])})`" in PAGE


def test_what_is_said_of_values_is_there(site: Site) -> None:
    archive = open_archive(site.path)
    values = {
        "SearchResult": asyncio.run(archive.search("*")),
        "ConversationView": asyncio.run(archive.read(Whole(("alice", "bob")))),
        "RecordDetail": asyncio.run(archive.show("gate/1")),
        "ProofFile": asyncio.run(archive.prove("gate/1")),
    }
    for name, value in values.items():
        assert type(value).__name__ == name
        [row] = [line for line in PAGE.splitlines() if line.startswith("| `Archive.") and f"`{name}`" in line]
        for field in re.findall(r"`([a-z_]+)`", row.split(f"`{name}`")[1]):
            assert hasattr(value, field), field


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'opens'"):
        components.audit.opens  # noqa: B018 - to ask for it is what is tried


def test_each_look_is_recorded_with_its_purpose(site: Site) -> None:
    archive = open_archive(site.path, reason="the weekly look")

    async def look() -> None:
        await archive.search("copper")
        await archive.read(Whole(("alice", "bob")))
        await archive.show("gate/1")
        await archive.prove("gate/1")
        await open_archive(site.path, reason="another").show("gate/2")

    asyncio.run(look())
    accesses = asyncio.run(site.accesses())
    assert [each.act for each in accesses] == ["search", "read", "show", "proof", "show"]
    assert [each.reason for each in accesses] == ["the weekly look"] * 4 + ["another"]


def test_a_matter_that_is_not_there_shows_nothing(site: Site) -> None:
    archive = open_archive(site.path, matter="nobody-opened-it")
    for look in (archive.search("*"), archive.show("gate/1"), archive.read(Whole(("alice", "bob")))):
        with pytest.raises(SiteError):
            asyncio.run(look)
    assert asyncio.run(site.accesses()) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_all_pages_are_the_whole_result(site: Site, limit: int) -> None:
    async def find() -> list[str]:
        return [record.id async for record in open_archive(site.path).find("*", limit)]

    assert asyncio.run(find()) == [site.id_of(number) for number in (5, 4, 3, 2, 1, 0)]


def test_nothing_found_is_an_empty_result(site: Site) -> None:
    result = asyncio.run(open_archive(site.path).search("aluminium"))
    assert (result.matched, result.records, result.next_before) == (0, (), "")


@pytest.mark.parametrize(("query", "position"), [("copper (", 7), ("verdict:denied", 8), ('"open', 0)])
def test_a_mistake_is_at_its_place(site: Site, query: str, position: int) -> None:
    with pytest.raises(QueryError) as raised:
        asyncio.run(open_archive(site.path).search(query))
    assert raised.value.position == position
    assert asyncio.run(site.accesses()) == []


def test_an_auditor_of_one_enterprise_finds_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = asyncio.run(make_audited_site(tmp_path))
    asyncio.run(site.record(site.say(ALICE, BOB, "copper"), site.say(GUS, GUS, "copper")))
    become(monkeypatch, "erin")
    archive = open_archive(site.path)
    found = asyncio.run(archive.search("copper"))
    assert [record.id for record in found.records] == [site.id_of(0)]
    with pytest.raises(SiteError, match="among what erin may see"):
        asyncio.run(archive.show(site.id_of(1)))
    with pytest.raises(SiteError, match="gus"):
        asyncio.run(archive.read(Whole((GUS.partition("/")[0],))))


@pytest.mark.parametrize("user", ["otto", "mallory"])
def test_who_is_no_auditor_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    site = asyncio.run(make_audited_site(tmp_path))
    become(monkeypatch, user)
    with pytest.raises(SiteError):
        open_archive(site.path)
