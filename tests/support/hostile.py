"""Hostile messages, drawn by chance: whatever XML can hold and exports may break on."""

from dataclasses import dataclass
from random import Random
from xml.sax.saxutils import escape, quoteattr

from components.archive.record import Delivery, Submission
from tests.support.audit_site import REFUSAL, Site

_FRAGMENTS = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "＝1",
    "'",
    '"',
    '""",\n"',
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\n\n\n",
    "\x7f\x85\x9f",
    "\u2028\u2029",
    "\ufeff",
    "\u200b\u200d\u2060",
    "\u202eevil.exe\u202c",
    "\u2066\u2067open",
    "مرحبا بالعالم",
    "שלום",
    "铜价上涨，",
    "구리",
    "e\u0301\u0323\u0336",
    "Z" + "\u0351" * 40,
    "👩‍👩‍👧‍👦",
    "👍🏽🇩🇪",
    "☺\ufe0f",
    "\U0001f9ff\U000e0041",
    "हिन्दी ไทย น้ำ",
    "\ufffd\ufdfd",
    "\ue000\U0010fffd",
    "From the desk",
    "\nFrom nobody Mon Jan 1 00:00:00 2026\n",
    "\r\nBcc: thief@evil.example\r\n\r\nbody",
    "\n.\n",
    "--=_steelyard_",
    "=?utf-8?q?=41?=",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</p></article><h1>",
    "javascript:alert(1)",
    "]]>",
    "<![CDATA[",
    "&amp;&lt;&#65;&nbsp;",
    "<?xml version='1.0'?>",
    "<!-- ",
    "-->",
    "(\\) %PDF endstream endobj <</S/JavaScript>> Tj ET",
    "{nb} {{nb}} {{7*7}} ${jndi:ldap://x}",
    "%00%0a%s%n",
    "../../etc/passwd",
    "C:\\con\\nul",
    "[gate/1]",
    "a" * 300,
    "铜" * 300,
    "و" * 300,
)
_LONGEST = 65_536
_T = "@metals.example"
_PEOPLE = (
    f"alice{_T}",
    f"bob{_T}",
    f"{'铜' * 80}{_T}",
    f"{'a' * 255}{_T}",
    f"o'neil<b>&amp;\u202ex{_T}",
    f'"q" =1{_T}',
    "nobody\r\nBcc: thief@evil.example",
    f"..{_T}",
    f"{'é' * 127}@{'m' * 60}.example",
)
_ROOM = "copper@rooms.metals.example"


@dataclass(frozen=True, slots=True)
class Uttered:
    """A message as it was sent: `text` is its body; `is_read` says whether it is XML at all."""

    sender: str
    to: str
    text: str
    nick: str = ""
    is_delivered: bool = True
    is_read: bool = True


def draw_text(random: Random) -> str:
    """Draw what somebody writes to break an export."""
    text = "".join(random.choice(_FRAGMENTS) for _ in range(random.randint(1, 5)))
    if random.random() < 0.1:
        text += "".join(chr(random.randint(0x20, 0xD7FF)) for _ in range(20))
    if random.random() < 0.03:
        text = (text * _LONGEST)[:_LONGEST]
    return text


async def record_hostile(site: Site, random: Random, count: int) -> list[Uttered]:
    """Record so many messages, some minutes apart; some are refused, some are no XML."""
    uttered = [_draw(random) for _ in range(count)]
    said = [_submit(site, each, number) for number, each in enumerate(uttered)]
    await site.record(*said, Delivery("e1", len(said) - 1, ()))
    return uttered


def _draw(random: Random) -> Uttered:
    sender, to = random.choice(_PEOPLE), random.choice(_PEOPLE)
    text = draw_text(random)
    drawn = random.random()
    if drawn < 0.2:
        return Uttered(sender, f"{_ROOM}/{draw_text(random)[:100]}", text)
    return Uttered(sender, to, text, is_delivered=drawn < 0.9, is_read=drawn < 0.95 or drawn > 0.99)


def _submit(site: Site, said: Uttered, number: int) -> Submission:
    text = escape(said.text, {"\r": "&#13;"})
    kind = "groupchat" if said.to.startswith(_ROOM) else "chat"
    body = (
        f"<message xmlns='jabber:client' from={_attribute(f'{said.sender}/=desk')} to={_attribute(said.to)}"
        f" id='m{number}' type='{kind}'><subject>{escape(said.text[:30].strip())}</subject>"
        f"<thread>{text[:0]}=t{number}</thread><body>{text}</body></message>"
    ).encode()
    if not said.is_read:
        # Half a pair, as an entity and as bytes: neither is XML or UTF-8.
        body = body.replace(b"<body>", b"<body>&#xD800;\xed\xa0\x80")
    refused = {} if said.is_delivered else {"action": "refuse", "error": REFUSAL}
    return site.submit(body, at_s=number * 97, **refused)  # type: ignore[arg-type]


def _attribute(value: str) -> str:
    return quoteattr(value, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
