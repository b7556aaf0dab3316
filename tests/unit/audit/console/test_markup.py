"""Nothing that anybody wrote becomes markup, on any page that shows it; and catalogues speak their own language."""

import re
from collections.abc import AsyncIterator, Iterator
from html import escape
from pathlib import Path

import pytest
from lxml import etree

from components.audit.console.languages import NAMES, load_catalogue
from components.audit.review import held as held_messages
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, make_console_site, open_console
from tests.support.held_gate import HoldingGate, hold

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example", "bob@metals.example"
ATTACKS = (
    "<script>window.hit=1</script>",
    "\"><img src=x onerror=hit()>",
    "' onfocus=hit() autofocus x='",
    "</textarea></title></select><svg onload=hit()>",
    "{{ 7*7 }}{% include 'x' %}",
    "<a href='javascript:hit()'>copper</a>",
    "<div hx-post='/logout' hx-trigger='load'>",
    "<!-- --><base href='https://evil.example/'>",
)  # fmt: skip
_EVENTS = re.compile(r"on[a-z]+")
# htmx's, where the console itself says so.
_OWN_HX = {"body": {"hx-headers"}, "div": {"hx-get", "hx-trigger", "hx-swap"}}
_FORBIDDEN = ("img", "iframe", "object", "embed", "base", "style", "template")


def find_markup(page: str) -> Iterator[str]:
    """Yield what is on a page that no template of the console says."""
    for element in etree.HTML(page).iter():
        if not isinstance(element.tag, str):
            continue
        names = set(map(str, element.attrib))
        if element.tag in _FORBIDDEN or (
            element.tag == "script" and not element.get("src", "").startswith("/static/")
        ):
            yield f"<{element.tag}>"
        yield from (name for name in names if _EVENTS.fullmatch(name) or name == "style")
        yield from (
            each
            for each in names
            if each.startswith(("hx-", "data-hx-")) and each not in _OWN_HX.get(element.tag, set())
        )
        addresses = [
            value
            for name in ("href", "src", "action", "formaction")
            if (value := element.get(name)) is not None
        ]
        yield from (value for value in addresses if not re.match(r"[/#](?![/\\])", value))


def test_what_finds_markup_finds_it() -> None:
    for attack in ATTACKS:
        found = list(find_markup(f"<p>{attack}<input value='{attack}'></p>"))
        assert bool(found) == ("{{" not in attack), attack


def stanza(attack: str) -> bytes:
    said = escape(attack, quote=True)
    return (
        f"<message xmlns='jabber:client' from='{ALICE}/{said}' to='{BOB}/{said}' id='{said}'>"
        f"<body>copper {said}</body><subject>{said}</subject><thread>{said}</thread>"
        f"<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
        f"<p>{said}</p><img src='{said}' alt='{said}'/></body></html>"
        f"<nick xmlns='http://jabber.org/protocol/nick'>{said}</nick>"
        f"<reactions xmlns='urn:xmpp:reactions:0' id='{said}'><reaction>{said}</reaction></reactions>"
        f"<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>"
        f"<file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><name>{said}</name><desc>{said}</desc></file>"
        f"</media-sharing></reference></message>"
    ).encode()


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_console_site(tmp_path)
    stanzas = [
        site.submit(stanza(each), at_s=n, action="hold", rules=(each,)) for n, each in enumerate(ATTACKS)
    ]
    statuses = [
        site.submit(
            f"<presence xmlns='jabber:client' from='{ALICE}/{escape(each, quote=True)}'"
            f" to='room@rooms.metals.example/{escape(each, quote=True)}'><status>copper {escape(each)}</status>"
            "</presence>".encode(),
            at_s=100 + number,
        )
        for number, each in enumerate(ATTACKS)
    ]
    await site.record(*stanzas, *statuses)
    held = [hold(site, number, f"{ALICE}/{each}", BOB) for number, each in enumerate(ATTACKS)]
    monkeypatch.setattr(held_messages, "_ask", HoldingGate(held).answer)
    return site


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        yield visitor


async def test_nothing_that_traders_write_becomes_markup(site: Site, visitor: Visitor) -> None:
    numbers = range(2 * len(ATTACKS))
    paths = ["/search?q=copper", "/search?q=kind:presence", "/review?state=", "/held", "/overview"]
    paths += [f"/record/{site.id_of(number)}" for number in numbers]
    paths += [f"/conversation/{site.id_of(number)}?q=copper" for number in range(len(ATTACKS))]
    for path in paths:
        status, page = await visitor.get(path)
        assert status == 200, path
        assert list(find_markup(page)) == [], path
        assert "hit" in page, path


@pytest.mark.parametrize("attack", ATTACKS)
async def test_nothing_that_is_asked_or_noted_becomes_markup(
    site: Site, visitor: Visitor, attack: str
) -> None:
    answers = []
    for name in ("q", "before", "queue", "state", "with", "seen_by", "at"):
        for path in ("/search", f"/conversation/{site.id_of(0)}", "/conversation", "/review", "/exports"):
            response = await visitor.client.get(
                path,
                params={"q": "copper", name: attack},
                headers={"Host": visitor.origin.removeprefix("https://"), "Cookie": _cookie(visitor)},
                allow_redirects=False,
            )
            answers.append(response)
    matter = (await visitor.post("/matters", {"title": attack})).headers["Location"]
    forms = {
        "/purpose": {"reason": attack},
        "/matters/exhibits": {"matter": matter.rpartition("/")[2], "record": site.id_of(0), "note": attack},
        f"{matter}/note": {"text": attack},
        f"{matter}/custodian": {"jid": ALICE, "reason": attack},
        "/review": {"act": "note", "record": site.id_of(0), "note": attack},
        "/held": {"act": "refuse", "record": attack, "reason": attack},
        "/exports": {"query": f'"{attack.replace(chr(34), "")}"', "format": "jsonl", "reason": attack},
        "/preferences": {"zone": attack, "language": attack, "theme": attack},
    }
    for path, fields in forms.items():
        answers.append(await visitor.post(path, fields))
    for path in (matter, "/matters", "/review?state=", "/exports", "/account", "/search?q=kind:look"):
        answers.append(await visitor.ask("GET", path, {}))
    for answer in answers:
        if page := await answer.text("utf-8", errors="replace"):
            assert list(find_markup(page)) == [], answer.url
        assert "\n" not in answer.headers.get("Location", "") and "evil" not in answer.headers.get(
            "Location", ""
        )


def _cookie(visitor: Visitor) -> str:
    return "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())


@pytest.mark.parametrize("language", [each for each in NAMES if each != "en"])
def test_no_catalogue_speaks_english(language: str) -> None:
    english, texts = load_catalogue("en"), load_catalogue(language)
    words = {
        key
        for key, text in english.items()
        if len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{\w+\}", "", text))) > 2
    }
    assert len(words) > 60
    # A query is the same in every language.
    words -= {"search.example"}
    assert [key for key in words if texts[key] == english[key]] == []
    if language in ("zh", "ko"):
        script = "[\u4e00-\u9fff]" if language == "zh" else "[\uac00-\ud7a3]"
        unwritten = {key for key in words if not re.search(script, texts[key])}
        assert unwritten == set()


@pytest.mark.parametrize("language", NAMES)
async def test_each_page_is_whole_in_each_language(visitor: Visitor, site: Site, language: str) -> None:
    await visitor.post("/preferences", {"language": language})
    matter = (await visitor.post("/matters", {"title": "x"})).headers["Location"]
    for path in (
        "/search", "/search?q=copper", f"/record/{site.id_of(0)}", f"/conversation/{site.id_of(0)}", "/review",
        "/held", "/matters", matter, "/exports", "/overview", "/account",
    ):  # fmt: skip
        status, page = await visitor.get(path)
        assert status == 200, path
        assert f'<html lang="{language}"' in page
        headings = [each for each in etree.HTML(page).iter("h1", "h2", "th", "label", "button") if each.text]
        english = {
            text
            for key, text in load_catalogue("en").items()
            if text not in load_catalogue(language).values()
        }
        assert not {str(each.text).strip() for each in headings} & english, path
