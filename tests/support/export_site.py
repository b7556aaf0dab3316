"""A site whose records make work for exports: edits, retractions, reactions, receipts, rooms, files, hostile texts."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from components.archive.record import Delivery, Submission
from components.audit.export.export import ExportResult, Wanted, export, resume
from components.audit.export.formats import FORMATS
from tests.support.audit_site import REFUSAL, Site, make_site

# Printed pages need fonts, which are installed with the other programs of the tests.
FORMAT_NAMES = [pytest.param(name, marks=[pytest.mark.programs] if name == "pdf" else []) for name in FORMATS]

ALICE, BOB, CAROL = "alice@metals.example", "bob@metals.example", "carol@metals.example"
ROOM = "copper@rooms.metals.example"

# What breaks exports: formulas, markup, directions, combining and supplementary characters, blanks, length.
HOSTILE = (
    "=HYPERLINK('http://x')",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "＝1+1",
    " \u200b=1+1",
    "'quoted",
    "see;=1+1;\n=2+2\t@x;'quoted ;-) ; -1",
    "<script>alert(1)</script>&amp;]]>",
    "\u202eevil.exe\u202c \u2066left open",
    "مرحبا بالعالم نبيع النحاس",
    "שלום עולם",
    "铜价上涨 구리 銅",
    "e\u0301 👩‍👩‍👧‍👦 👍🏽 🇩🇪 \U0001f9ff",
    "line one\nline two\n\n  indented\ttab",
    'a "quoted", comma; semicolon\nFrom escaped',
    "x" * 40_000,
    ".",
    "{{7*7}} ${jndi:ldap://x} %00",
)
NICK = "<b>Nick</b> =1+1"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(200)).decode()


def text_of_cell(cell: str) -> str:
    """Take away from a cell of CSV what keeps spreadsheets from computing it, as docs/export.md says."""
    return re.sub(r"(?<=[;\t\r\n])'", "", cell.removeprefix("'"))


@dataclass(frozen=True, slots=True)
class Said:
    """What the scene's numbers are, for tests that look for them."""

    site: Site
    original: int = 0
    correction: int = 1
    second_correction: int = 2
    foreign_correction: int = 3
    retracted: int = 4
    retraction: int = 5
    reactions: tuple[int, ...] = (6, 7)
    receipt: int = 8
    marker: int = 9
    reply: int = 10
    refused: int = 11
    held: int = 12
    amended: int = 13
    in_room: int = 14
    joined: int = 15
    left: int = 16
    picture: int = 17
    first_hostile: int = 18


def stanza(sender: str, to: str, inner: str, **attributes: str) -> bytes:
    named = "".join(f" {name.rstrip('_')}='{value}'" for name, value in attributes.items())
    kind = attributes.pop("element", "message")
    return f"<{kind} xmlns='jabber:client' from='{sender}/desk' to='{to}'{named}>{inner}</{kind}>".encode()


def body(text: str) -> str:
    return f"<body>{escape(text)}</body>"


async def make_scene(folder: Path) -> Said:
    """Record the scene; each message a minute after the one before, the corrections a day later."""
    site = await make_site(folder)
    day = 86_400
    presence = "<x xmlns='http://jabber.org/protocol/muc'/>"
    said: list[Submission] = [
        site.submit(stanza(ALICE, BOB, body("Selling copper at 9,412"), id="m1", type="chat")),
        site.submit(stanza(ALICE, BOB, body("Selling copper at 9,421") + _correct("m1"), id="c1"), at_s=60),
        site.submit(stanza(ALICE, BOB, body("Selling copper at 9,400") + _correct("m1"), id="c2"), at_s=day),
        site.submit(stanza(BOB, ALICE, body("Selling nothing") + _correct("m1"), id="c3"), at_s=120),
        site.submit(stanza(ALICE, BOB, body("Delete this"), id="m2"), at_s=180),
        site.submit(
            stanza(ALICE, BOB, "<retract xmlns='urn:xmpp:message-retract:1' id='m2'/>", id="r1"), at_s=200
        ),
        site.submit(stanza(BOB, ALICE, _react("m1", "👍", "🎉"), id="e1"), at_s=210),
        site.submit(stanza(BOB, ALICE, _react("m1", "👎"), id="e2"), at_s=220),
        site.submit(stanza(BOB, ALICE, "<received xmlns='urn:xmpp:receipts' id='m1'/>", id="t1"), at_s=230),
        site.submit(
            stanza(BOB, ALICE, "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>", id="t2"), at_s=240
        ),
        site.submit(
            stanza(BOB, ALICE, body("Taken") + f"<reply xmlns='urn:xmpp:reply:0' to='{ALICE}' id='m1'/>"),
            at_s=250,
        ),
        site.submit(
            stanza(ALICE, "eve@other.example", body("Outside")), action="refuse", error=REFUSAL, at_s=260
        ),
        site.submit(stanza(ALICE, BOB, body("Wait for it")), action="hold", rules=("words",), at_s=270),
        site.submit(
            stanza(ALICE, BOB, body("Call me at 555"), id="a1"), action="amend", rules=("phone",), at_s=280
        )._replace(amended=stanza(ALICE, BOB, body("Call me at ***"), id="a1")),
        site.submit(stanza(CAROL, ROOM, body("To the room"), type="groupchat", id="g1"), at_s=290),
        site.submit(
            stanza(CAROL, f"{ROOM}/{escape(NICK)}", presence).replace(b"message", b"presence", 1)[:-10]
            + b"</presence>",
            at_s=285,
        ),
        site.submit(
            b"<presence xmlns='jabber:client' type='unavailable' "
            + f"from='{CAROL}/desk' to='{ROOM}/carol'/>".encode(),
            at_s=300,
        ),
        site.submit(
            stanza(
                ALICE,
                BOB,
                body("See the picture")
                + f"<data xmlns='urn:xmpp:bob' cid='sha1+8f35fef1@bob.xmpp.org' type='image/png'>{PICTURE}</data>",
            ),
            at_s=310,
        ),
        *(
            site.submit(stanza(ALICE, BOB, body(text)), at_s=400 + number)
            for number, text in enumerate(HOSTILE)
        ),
    ]
    await site.record(*said, Delivery("e1", len(said) - 1, ()))
    return Said(site)


def _correct(id_: str) -> str:
    return f"<replace xmlns='urn:xmpp:message-correct:0' id='{id_}'/>"


def _react(id_: str, *emojis: str) -> str:
    reactions = "".join(f"<reaction>{emoji}</reaction>" for emoji in emojis)
    return f"<reactions xmlns='urn:xmpp:reactions:0' id='{id_}'>{reactions}</reactions>"


async def export_to(
    site: Site, folder: Path, format_: str, query: str = "*", **wanted: object
) -> ExportResult:
    return await export(
        site.settings,
        Wanted(query, format_, **wanted),  # type: ignore[arg-type]
        folder,
        ignore,
    )


async def resume_to(site: Site, folder: Path) -> ExportResult:
    return await resume(site.settings, folder, ignore)


def ignore(_done: int, _total: int) -> None:
    """Ignore progress."""
