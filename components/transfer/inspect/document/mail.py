"""Mails with what is attached to them (RFC 5322, RFC 2045), and pages kept with all their parts (RFC 2557)."""

import email
import email.policy
import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from components.transfer.inspect.item import Data, Item
from policy.files.facts import FileMark

_MOST_MAIL_BYTES = 64 << 20
_MAIL_HEADERS = re.compile(
    rb"(?:[A-Za-z-]{2,40}:[^\r\n]{0,998}\r?\n(?:[ \t][^\r\n]{0,998}\r?\n){0,50}){2,}", re.DOTALL
)
_MAIL_NAMES = re.compile(
    rb"^(?:mime-version|received|return-path|content-type|message-id):", re.IGNORECASE | re.MULTILINE
)


def is_mail(data: Data) -> bool:
    """Return whether a text is a mail, or a page with all its parts that is kept as one (RFC 5322, RFC 2557)."""
    head = _MAIL_HEADERS.match(data[:16384])
    return head is not None and _MAIL_NAMES.search(head.group()) is not None


def look_into_mail(item: Item) -> None:
    """Look into all parts of a mail that have another type than plain text; raises TooMuch."""
    if len(item.data) > _MOST_MAIL_BYTES:
        item.marks.add(FileMark.UNSCANNABLE)
        return
    parsed = email.message_from_bytes(item.data[:], policy=email.policy.compat32)
    for part in parsed.walk():
        item.work.budget.check_time()
        if not part.is_multipart():
            _look_at_part(item, part)


def _name_of(part: Message) -> str:
    name = str(part.get_filename("") or "")
    try:
        # RFC 2047, 5 forbids it in a parameter, and programs for mail decode it there, too.
        return str(make_header(decode_header(name)))
    except (HeaderParseError, ValueError, LookupError):
        return name


def _look_at_part(item: Item, part: Message) -> None:
    name = _name_of(part)
    if part.get_content_type() == "text/plain" and not name:
        return
    if name or part.get_content_maintype() not in ("text", "multipart"):
        item.marks.add(FileMark.ARCHIVE)
        item.note_name(name)
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError):
        item.marks.add(FileMark.UNSCANNABLE)
        return
    if isinstance(content, bytes) and content:
        item.look_at(name, (content,))
