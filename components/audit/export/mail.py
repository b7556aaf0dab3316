"""Internet messages (RFC 5322) with the same bytes each time: addresses of JIDs, ids, boundaries."""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from components.audit.export.format import About, Part
from components.audit.export.message import call_jid
from components.audit.export.text import clean_xml, one_line

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_OF_NO_ADDRESS = "jid.invalid"  # RFC 6761, 6.4: no such domain can be
_MOST_ADDRESSES = 500
_ENCODED = "=?"
"""What an encoded word begins with: "=?utf-8?q?...?=" (RFC 2047, 2)."""


def make_mail(part: Part, about: About, at: datetime, subject: str) -> EmailMessage:
    """Return a message without content, from the first to the other people of a conversation.

    In-Reply-To and References lead to the conversation's file before this one.
    """
    mail = EmailMessage(policy=SMTP)
    people = (
        [address_of(jid, part.shelf.names.get(jid, "")) for jid in part.shelf.people] if part.shelf else []
    )
    mail["From"] = people[:1] or [address_of("")]
    if people[1:]:
        mail["To"] = people[1 : _MOST_ADDRESSES + 1]
    mail["Subject"] = header_text(subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = _message_id(part, about, part.number)
    if part.number:
        before = _message_id(part, about, part.number - 1)
        first = _message_id(part, about, 0)
        mail["In-Reply-To"] = before
        mail["References"] = " ".join(dict.fromkeys((first, before)))
    return mail


def address_of(jid: str, name: str = "") -> Address:
    """Return a JID as a mail address; one that no mail client takes is shown by name, at an address that cannot be.

    `name` is whose it is, if that is known.
    """
    is_address = _ADDRESS.fullmatch(jid) and ".." not in jid and _ENCODED not in jid
    if is_address and not re.search(r"(^|\.)(\.|@)|@\.|\.$", jid):
        return Address(header_text(name) or jid, addr_spec=jid)
    return _no_address(jid, name)


def header_text(text: str) -> str:
    """Return a text for a header: one line, without control characters, and nothing that reads as an encoded word.

    Whoever reads a mail would decode that (RFC 2047), ends of lines in it, too.
    """
    return one_line(clean_xml(text))[:900].replace(_ENCODED, "= ?")


def seal_boundaries(mail: EmailMessage, seed: str) -> bytes:
    """Return a message's bytes; its boundaries are made of a seed, and occur in no encoded content."""
    for number, each in enumerate(mail.walk()):
        if each.is_multipart():
            each.set_boundary(f"=_steelyard_{sha256(f'{seed}/{number}'.encode()).hexdigest()[:32]}")
    return mail.as_bytes()


def _no_address(jid: str, name: str) -> Address:
    shown = header_text(call_jid(name, jid)) or "the line"
    return Address(shown, f"x{sha256(jid.encode(errors='replace')).hexdigest()[:16]}", _OF_NO_ADDRESS)


def _message_id(part: Part, about: About, number: int) -> str:
    shelf = part.shelf.number if part.shelf else 0
    host = about.site if re.fullmatch("[A-Za-z0-9.-]+", about.site) else "steelyard.invalid"
    return f"<export.{about.id.replace('/', '.')}.{shelf}.{number}@{host}>"
