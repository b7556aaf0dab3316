"""XEP-0227 with message archives (`urn:xmpp:pie:0#mam`): a file for each account, which XMPP servers import."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import quote

from lxml import etree

from components.audit.export.format import About, Format, Holdings, Part, Shelved
from components.audit.export.message import ExportMessage, Outcome
from components.audit.export.text import clean_unicode, escape_attribute
from components.audit.mark import Mark
from components.audit.stanza_tree import read_tree
from policy.address import bare

_CLIENT = "jabber:client"
# What a stanza's own elements are in elsewhere, or nowhere.
_ALSO_CLIENT = ("", "{jabber:server", "{jabber:component:accept")
_LONGEST_NAME = 200  # file systems take 255 bytes; a letter of an address may take nine
_EPOCH = datetime(1970, 1, 1)


class Xep0227(Format):
    """The format `xep0227`. A message is in the archives of both people; in a room, in that of the room's address."""

    name = "xep0227"
    cannot_carry = (
        "It has messages that were delivered, as they were delivered, and no other record: presence, requests, acts on"
        " the line, and what was refused, held or bounced. They are listed in exceptions.jsonl, and are in records/.",
        "XEP-0227 has no rooms: a room's messages are in a file of the room's address.",
        "Edits, retractions, reactions and receipts are messages of their own, as in any archive.",
        f"An account whose file's name would have more than {_LONGEST_NAME} bytes is in a file with a number.",
        "Files are links in it; the files lie beside it, in files/.",
        "It says nothing of people's names; their JIDs are in it.",
    )

    def shelves(self, message: ExportMessage) -> tuple[str, ...]:
        """See Format."""
        if message.kind != "message" or message.outcome in (Outcome.HELD, Outcome.NOT_DELIVERED):
            return ()
        if message.mark == Mark.OTHER and read_message(message) is None:
            return ()
        owners = (message.room,) if message.room else (message.sender_bare, bare(message.to))
        return tuple(each for each in dict.fromkeys(owners) if "@" in each)

    def name_part(self, part: Part) -> str:
        """See Format. The name is the one under which Prosody's own driver looks for an account's file."""
        if part.shelf is None:
            return ".xml"
        # A file that begins with a dot is hidden.
        name = re.sub(r"^\.", "%2E", quote(clean_unicode(part.shelf.name), safe="@ "))
        return f"{name if len(name) <= _LONGEST_NAME else f'account-{part.shelf.number:06}'}.xml"

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        account = part.shelf.name if part.shelf else ""
        user, _, host = account.rpartition("@")
        yield (
            "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>"
            f"<host jid={escape_attribute(host)}><user name={escape_attribute(user)}>"
            "<archive xmlns='urn:xmpp:pie:0#mam'>\n"
        ).encode()
        for each in entries:
            yield _write_result(each.entry.message)
        yield b"</archive></user></host></server-data>\n"


def read_message(message: ExportMessage) -> etree._Element | None:
    """Return a message as an element of `jabber:client`; None if the stanza is not well-formed."""
    try:
        tree = read_tree(message.stanza.encode())
    except (etree.XMLSyntaxError, UnicodeEncodeError):
        return None
    if tree is None or tree.name != "message":
        return None
    # Each message is written once for either side: looked at as a text, a name takes a tenth of the time.
    for element in tree.root.iter():
        namespace, _, name = str(element.tag).rpartition("}")
        if namespace in _ALSO_CLIENT:
            element.tag = f"{{{_CLIENT}}}{name}"
    return tree.root


def _write_result(message: ExportMessage) -> bytes:
    stanza = read_message(message)
    stamp = (_EPOCH + timedelta(microseconds=message.at_ns // 1000)).isoformat(timespec="microseconds")
    written = etree.tostring(stanza, encoding="utf-8", with_tail=False) if stanza is not None else b""
    head = (
        f"<result xmlns='urn:xmpp:mam:2' id={escape_attribute(message.record)}>"
        f"<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{stamp}Z'/>"
    )
    return head.encode() + written + b"</forwarded></result>\n"
