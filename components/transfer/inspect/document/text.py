"""Texts that another program takes for more: tables with commands in a cell, and documents written as one XML file."""

import re

from components.transfer.inspect.document.markup import single_bytes
from components.transfer.inspect.item import Item
from policy.files.facts import FileMark

_LOOKED_AT_BYTES = 16 << 20
# A cell that Excel takes for a call of another program, also behind a function: its name, a topic, an item.
_CALL = re.compile(
    rb"(?m)(?:^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?|[,;\t])\"?[ \t]{0,20}[=+@-]"
    rb"(?:[A-Za-z]{1,20}\([^\r\n,;\"]{0,200}\)[ ]{0,9}[*+/&^-][ ]{0,9})?[A-Za-z]{2,20}\|[^\r\n!]{0,255}!"
)
_OFFICE = re.compile(rb"<\?mso-application\b|schemas\.microsoft\.com/office/2006/xmlPackage")
_OFFICE_MACROS = re.compile(
    rb"macrosPresent\s*=\s*[\"'](?:yes|on|1|true)|editdata\.mso|vbaProject|oleObject|<w:binData\b",
    re.IGNORECASE,
)


def look_into_text(item: Item) -> None:
    """Mark a text that runs something when Office opens it."""
    source = single_bytes(item.data[:_LOOKED_AT_BYTES])
    if _CALL.search(source) or (_OFFICE.search(source[:4096]) and _OFFICE_MACROS.search(source)):
        item.marks.add(FileMark.MACROS)
