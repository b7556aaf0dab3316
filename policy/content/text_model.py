"""The text model: every text of a stanza that any client shows. Rules, payload checks and the index all use it.

All character data is text, and so are all attributes, in known namespaces and in unknown ones: somebody's client may
show them. Left out is only what is surely nothing to read: attributes by which protocols name things, names of
protocols where a form has them, and Base64 of pictures and files. docs/policy.md, section 5, has the same as a table.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

from policy.content.encoded import is_picture, read_data_uris, read_drawing, read_encoded
from policy.content.fallback import MOST_PARTS, Part, read_around, read_part
from policy.content.markup import undo_markup, undo_percent
from policy.content.namespaces import KNOWN
from policy.content.protocol_attributes import (
    DRAWN,
    FOLLOWED,
    FOLLOWED_IN_HTML,
    PROTOCOL_ATTRIBUTES,
    UNSEEN_IN_HTML,
)
from policy.content.protocol_words import (
    is_prose,
    name_of_file,
    words_of_name,
    words_of_prose,
    words_of_resource,
)
from policy.facts import StanzaFacts


class _Role(Enum):
    PLAIN = auto()  # text alone: whoever puts elements into it makes clients show different texts
    THREAD = auto()
    FLOWING = auto()  # markup within words
    BASE64 = auto()
    FILE_NAME = auto()
    SECRET = auto()  # where only a client and its server say it to one another, as `lines` is told
    FORM = auto()
    FORM_FIELD = auto()
    FORM_VALUE = auto()
    STANZA = auto()  # forwarded, in a carbon, from an archive; or what names who is answered
    FALLBACK = auto()  # which part of a text clients leave out
    NAMED = auto()  # whose elements are words: of moods, of activities


_PLAIN = _Role.PLAIN
_TEXT_ALONE = frozenset({_Role.PLAIN, _Role.THREAD})
_XHTML = "{http://www.w3.org/1999/xhtml}"
_HTML_TEXT = "body div p span a li td th h1 h2 h3 h4 h5 h6 blockquote pre b i em strong cite code q"
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
    # RFC 6121, 5 and 4: clients show who speaks in a room by the resource.
    **{f"{{{stream}}}{name}": _Role.STANZA for stream in _STREAMS for name in ("message", "presence")},
    "{urn:xmpp:reply:0}reply": _Role.STANZA,
    "{urn:xmpp:fallback:0}body": _Role.FALLBACK,
    "{urn:xmpp:fallback:0}subject": _Role.FALLBACK,
    "{http://jabber.org/protocol/mood}mood": _Role.NAMED,
    "{http://jabber.org/protocol/activity}activity": _Role.NAMED,
    # Clients show all of a person's reactions in one row.
    "{urn:xmpp:reactions:0}reactions": _Role.FLOWING,
    # Of HTML all that may have markup within words.
    **dict.fromkeys((f"{_XHTML}{name}" for name in _HTML_TEXT.split()), _Role.FLOWING),
    "{vcard-temp}BINVAL": _Role.BASE64,
    "{urn:ietf:params:xml:ns:vcard-4.0}uri": _Role.BASE64,
    "{urn:xmpp:avatar:data}data": _Role.BASE64,
    "{urn:xmpp:bob}data": _Role.BASE64,
    "{http://jabber.org/protocol/ibb}data": _Role.BASE64,
    "{urn:xmpp:file:metadata:0}name": _Role.FILE_NAME,
    "{urn:xmpp:http:upload}filename": _Role.FILE_NAME,
    "{jabber:iq:register}password": _Role.SECRET,
    "{jabber:iq:auth}password": _Role.SECRET,
    "{jabber:x:data}x": _Role.FORM,
    "{jabber:x:data}field": _Role.FORM_FIELD,
    "{jabber:x:data}value": _Role.FORM_VALUE,
}

# What forms have as FORM_TYPE (XEP-0068), as types of nodes and the like. Elsewhere, such a text is a link.
_PROTOCOL_NAME = re.compile(
    r"(?:http://jabber\.org/|urn:xmpp:|urn:ietf:params:|jabber:)[A-Za-z0-9:/._#-]{1,128}"
)
_NAME = re.compile(r"[!-~]{1,200}")
_ANY_NAMESPACE = "\x0c"


def texts_of(facts: StanzaFacts) -> list[str]:
    """Return the texts that a stanza shows, and, as one, texts that elements split; without blank ones."""
    texts = [facts.text, facts.joined]
    if "<" in facts.text or "&" in facts.text:
        texts.append(undo_markup(facts.text))
    if ";" in facts.text and ";base64," in facts.text.lower():
        texts += read_data_uris(facts.text)
    if "%" in facts.text:
        texts.append(undo_percent(facts.text))
    if facts.kind == "presence":
        # The nickname by which one joins a room (XEP-0045, 7.2), and what one calls one's device.
        texts += (facts.to.partition("/")[2], words_of_resource(facts.sender))
    elif facts.type != "groupchat" and is_prose(facts.sender.partition("/")[2]):
        # Nobody has to be present to write, and clients show from which device something came; rooms do not.
        texts.append(words_of_resource(facts.sender))
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
        "_is_form_shown",
        "_is_form_type",
        "_joined",
        "_parts",
        "_role",
        "_runs",
        "_secrets",
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
        self._secrets: list[str] = []
        self._parts: list[Part] = []
        self._goes_on = False
        self._is_form_shown = self._is_form_type = False
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
        role, inner = self._role, _ROLES.get(element)
        if role is not None:
            if role in _TEXT_ALONE:
                self.mixed = True
            elif role is _Role.NAMED and inner is None:
                inner = role
                self._shown.append(words_of_name(element))
        self._around.append((self._first_run, role, self._has_text))
        self._first_run = len(self._runs)
        self._role = inner
        self._has_text = self._has_elements = False
        if attributes:
            self._show(element, attributes)

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

    def _show(self, element: str, attributes: Mapping[str, str]) -> None:
        for name, value in attributes.items():
            if name in PROTOCOL_ATTRIBUTES:
                if is_prose(value) and name not in DRAWN:
                    self._shown.append(words_of_prose(name, value))
                continue
            self._shown.append(name_of_file(value) if name == "filename" else value)
            if name in FOLLOWED or name.rpartition(_ANY_NAMESPACE)[2] in FOLLOWED:
                self.followed.append(value)
        if self._role is not None or element.startswith(_XHTML):
            self._show_more(element, attributes)

    def _show_more(self, element: str, attributes: Mapping[str, str]) -> None:
        """Take the attributes that only some elements show."""
        if self._role is _Role.FORM_FIELD:
            var = attributes.get("var", "")
            # Clients show no hidden field, and of one that has no label the name.
            self._is_form_type = var == "FORM_TYPE" and attributes.get("type", "hidden") == "hidden"
            if self._is_form_shown and "label" not in attributes and not self._is_form_type:
                self._shown.append(words_of_name(var) if _PROTOCOL_NAME.fullmatch(var) else var)
        elif self._role is _Role.FORM:
            self._is_form_shown = attributes.get("type") in ("form", "result")
        elif self._role is _Role.FALLBACK:
            self._parts += read_part(attributes)
            self.mixed = self.mixed or len(self._parts) > MOST_PARTS
        elif self._role is _Role.STANZA:
            self._shown += (words_of_resource(attributes.get(name, "")) for name in ("from", "to"))
        elif element.startswith(_XHTML):
            for name, value in attributes.items():
                if name in FOLLOWED_IN_HTML:
                    self.followed.append(value)
                if name in PROTOCOL_ATTRIBUTES and name not in UNSEEN_IN_HTML:
                    self._shown.append(value)

    def _close(self, role: _Role | None) -> None:
        """Decide what becomes of the text of the element that ends."""
        if role is _PLAIN and not self._has_elements:
            return
        runs = self._runs[self._first_run :]
        text = "".join(runs)
        if role is _Role.THREAD and len(self._around) == 1:
            self.thread = self.thread or text
        if role is _Role.FLOWING or (self._has_text and self._has_elements):
            if len(runs) > 1 and text not in self._joined[-1:]:
                self._joined.append(text)
        elif role is _Role.BASE64:
            self._read_base64(text)
        elif role is _Role.FILE_NAME:
            self._runs[self._first_run :] = [name_of_file(text)]
        elif role is _Role.SECRET:
            self._secrets += runs
            del self._runs[self._first_run :]
        elif role is _Role.FORM_VALUE and self._names_protocol(text):
            self._runs[self._first_run :] = (
                [] if self._is_form_type or "#" not in text else [words_of_name(text)]
            )
        elif role is _Role.FORM_FIELD:
            self._is_form_type = False

    def _read_base64(self, text: str) -> None:
        """Take Base64: of a picture what is written in it, of a text this text, and all else as it stands."""
        if is_picture(text):
            self._runs[self._first_run :] = filter(None, [read_drawing(text)])
        elif read := read_encoded(text):
            self._runs.append(read)

    def _names_protocol(self, value: str) -> bool:
        if self._is_form_type:
            return _PROTOCOL_NAME.fullmatch(value) is not None
        return value in KNOWN or (value.partition("#")[0] in KNOWN and _NAME.fullmatch(value) is not None)

    def lines(self, *, with_secrets: bool) -> str:
        """Return the text, a line for each piece of it: with passwords where these are said to other people."""
        if with_secrets and self._secrets:
            return "\n".join((*self._runs, *self._shown, *self._secrets))
        return "\n".join((*self._runs, *self._shown)) if self._shown else "\n".join(self._runs)

    def joined(self) -> str:
        """Return texts that elements split, joined again, a line for each."""
        around = read_around(self._runs, self._parts[:MOST_PARTS]) if self._parts else []
        return "\n".join((*self._joined, *around))
