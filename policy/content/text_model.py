"""The text model: every text of a stanza that any client shows. Rules, payload checks and the index all use it.

All character data is text, and so are the attributes that clients show, in known and in unknown namespaces, because
some client may show them. It leaves out only what surely nobody can read: names of protocols in a protocol's own
places, and Base64 of pictures and files. docs/policy.md, section 5.2, has the same as a table.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from enum import Enum, auto

from policy.facts import StanzaFacts

# Names of contacts, rooms and files, reasons, labels, descriptions of pictures; and what a client follows.
SHOWN_ATTRIBUTES = frozenset({"name", "nick", "reason", "title", "label", "desc", "alt", "summary"})
FOLLOWED_ATTRIBUTES = frozenset({"href", "src", "url", "uri", "target", "cite"})


class _Role(Enum):
    PLAIN = auto()  # text alone: whoever puts elements into it makes clients show different texts
    THREAD = auto()
    FLOWING = auto()  # markup within words
    BASE64 = auto()
    FORM_VALUE = auto()


_TEXT_ALONE = frozenset({_Role.PLAIN, _Role.THREAD})
_STREAMS = ("jabber:client", "jabber:server", "jabber:component:accept")
_ROLES = {
    # RFC 6121: 5.2.3, 5.2.4, 5.2.5, 4.7.2.1, 4.7.2.2
    **{
        f"{{{stream}}}{name}": _Role.PLAIN
        for stream in _STREAMS
        for name in ("body", "subject", "show", "status")
    },
    **{f"{{{stream}}}thread": _Role.THREAD for stream in _STREAMS},
    "{http://jabber.org/protocol/nick}nick": _Role.PLAIN,
    "{jabber:x:oob}url": _Role.PLAIN,
    "{jabber:x:oob}desc": _Role.PLAIN,
    "{http://www.w3.org/1999/xhtml}body": _Role.FLOWING,
    "{vcard-temp}BINVAL": _Role.BASE64,
    "{urn:ietf:params:xml:ns:vcard-4.0}uri": _Role.BASE64,
    "{urn:xmpp:avatar:data}data": _Role.BASE64,
    "{urn:xmpp:bob}data": _Role.BASE64,
    "{http://jabber.org/protocol/ibb}data": _Role.BASE64,
    "{jabber:x:data}value": _Role.FORM_VALUE,
}

# What forms have as FORM_TYPE (XEP-0068), as types of nodes and the like. Elsewhere, such a text is a link.
_PROTOCOL_NAME = re.compile(
    r"(?:http://jabber\.org/|urn:xmpp:|urn:ietf:params:|jabber:)[A-Za-z0-9:/._#-]{1,128}"
)
_DATA_URI = re.compile(r"\s*data:[a-z0-9.+-]+/[a-z0-9.+-]+;base64,", re.IGNORECASE)
# No picture and no piece of a file is shorter, and words look like Base64.
_BASE64_MIN_CHARACTERS = 64


def texts_of(facts: StanzaFacts) -> list[str]:
    """Return the texts that a stanza shows, and, as one, texts that elements split; without blank ones."""
    texts = [facts.text, facts.joined]
    if facts.kind == "presence":
        # The nickname by which one joins a room (XEP-0045, 7.2).
        texts.append(facts.to.partition("/")[2])
    # No matcher takes half a surrogate pair.
    return [
        text if text.isascii() else text.encode("utf-8", "replace").decode()
        for text in texts
        if text and not text.isspace()
    ]


class TextModel:
    """Takes a parser's events for the descendants of one stanza; its attributes then have the shown texts.

    `mixed` says that a text-only element has other elements inside. `followed` are the attributes that clients follow,
    `thread` is the stanza's own.
    """

    __slots__ = (
        "_around",
        "_first_run",
        "_goes_on",
        "_has_elements",
        "_has_text",
        "_joined",
        "_role",
        "_runs",
        "_shown",
        "followed",
        "mixed",
        "thread",
    )

    def __init__(self) -> None:
        self.mixed = False
        self.thread = ""
        self.followed: list[str] = []
        self._runs: list[str] = []
        self._joined: list[str] = []
        self._shown: list[str] = []
        self._goes_on = False
        # Of the element that is open: where its text begins, and what it has. At first that is the stanza itself.
        self._first_run = 0
        self._role: _Role | None = None
        self._has_text = False
        self._has_elements = False
        # The same of each around it; all of these have elements.
        self._around: list[tuple[int, _Role | None, bool]] = []

    def start(self, element: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element, `{namespace}local`."""
        self._goes_on = False
        role = self._role
        if role is not None and role in _TEXT_ALONE:
            self.mixed = True
        self._around.append((self._first_run, role, self._has_text))
        self._first_run = len(self._runs)
        self._role = _ROLES.get(element)
        self._has_text = self._has_elements = False
        if attributes:
            self._show(attributes)

    def text(self, text: str) -> None:
        """Take character data; pieces are joined to one text, so that nothing hides between them."""
        if self._goes_on:
            self._runs[-1] += text
        else:
            self._runs.append(text)
            self._goes_on = True
        if not self._has_text:
            self._has_text = not text.isspace()

    def end(self) -> None:
        """Take the end of the element that began last."""
        self._goes_on = False
        if self._role is not None or self._has_elements:
            self._close(self._role)
        self._first_run, self._role, self._has_text = self._around.pop()
        self._has_elements = True

    def _show(self, attributes: Mapping[str, str]) -> None:
        for name, value in attributes.items():
            if name in FOLLOWED_ATTRIBUTES:
                self.followed.append(value)
                self._shown.append(value)
            elif name in SHOWN_ATTRIBUTES:
                self._shown.append(value)
            elif name == "style":
                # A background is fetched like a picture.
                self.followed.append(value)

    def _close(self, role: _Role | None) -> None:
        """Decide whether the text of the ending element is shown."""
        runs = self._runs[self._first_run :]
        text = "".join(runs)
        if role is _Role.THREAD and len(self._around) == 1:
            self.thread = self.thread or text
        if role is _Role.FLOWING or (self._has_text and self._has_elements):
            if len(runs) > 1 and text not in self._joined[-1:]:
                self._joined.append(text)
        elif (role is _Role.BASE64 and _is_base64(text)) or (
            role is _Role.FORM_VALUE and _PROTOCOL_NAME.fullmatch(text)
        ):
            del self._runs[self._first_run :]

    def lines(self) -> str:
        """Return the text, a line for each piece of it."""
        return "\n".join((*self._runs, *self._shown)) if self._shown else "\n".join(self._runs)

    def joined(self) -> str:
        """Return texts that elements split, joined again, a line for each."""
        return "\n".join(self._joined)


def _is_base64(text: str) -> bool:
    encoded = "".join(_DATA_URI.sub("", text).split())
    if len(encoded) < _BASE64_MIN_CHARACTERS:
        return False
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
