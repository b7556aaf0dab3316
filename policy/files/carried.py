"""Files that a stanza carries in itself, beside every upload, and what it says of files that lie elsewhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import re2

from policy.files.encoded import decode_base64, find_encoded, read_field
from policy.files.media_type import UNTYPED
from policy.files.name import clean_name


class Carrier(StrEnum):
    """How a stanza carries a file."""

    BITS_OF_BINARY = "bits-of-binary"
    """XEP-0231."""
    AVATAR = "avatar"
    """XEP-0084."""
    VCARD = "vcard"
    """A photo, logo, sound or key of XEP-0054 (0153 shows it) or XEP-0292."""
    THUMBNAIL = "thumbnail"
    """XEP-0264, as a `data:` URI; one with a `cid:` is a bit of binary of its own."""
    STICKER = "sticker"
    """XEP-0449."""
    DATA_URI = "data-uri"
    """RFC 2397, in any text or attribute."""
    BASE64 = "base64"
    """RFC 4648, in any text."""
    SHARED = "shared"
    """It lies elsewhere, and the stanza describes it: XEP-0447 and 0446, or 0385."""
    LINK = "link"
    """It lies elsewhere, and the stanza names only its address: XEP-0066."""


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file of a stanza.

    `content` is None where the file lies elsewhere: then `name`, `media_type`, `size_bytes` (0: not said) and `sha256`
    (empty: not said) are what the stanza says of it, and `url` is where. Otherwise size and hash are its content's.
    `description` is what its sender says of it in words.

    Some clients describe a file first, and say where it is in a message that they attach to the first (XEP-0367): both
    have the same `share`, the id of this file among those shared, and `attached_to` is the id of the first message, or
    in a room the id that the room gave it. `message` is the id of the message that describes it; of one that
    `is_attached`, the stanza says the address alone.
    """

    carrier: Carrier
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    content: bytes | None = field(default=None, repr=False)
    url: str = ""
    description: str = ""
    share: str = ""
    message: str = ""
    attached_to: str = ""
    is_attached: bool = False


_VCARD_TEMP = "{vcard-temp}"
_VCARD_4 = "{urn:ietf:params:xml:ns:vcard-4.0}"
_THUMBNAIL = "}thumbnail"
_STICKERS = "{urn:xmpp:stickers:0}"
_DESCRIBING = ("{urn:xmpp:sfs:0}", _STICKERS)
# XEP-0446, 2; and what XEP-0385 takes from XEP-0234.
_METADATA = ("{urn:xmpp:file:metadata:0}", "{urn:xmpp:jingle:apps:file-transfer:")
_URL_DATA = "{http://jabber.org/protocol/url-data}url-data"
_REFERENCE = "{urn:xmpp:reference:0}reference"
_HASH = "{urn:xmpp:hashes:2}hash"
_SHARING = "{urn:xmpp:sfs:0}"
_ATTACHED = "{urn:xmpp:message-attaching:1}"

# Most stanzas carry nothing, and to parse each takes long. Without any of these there is none: the namespaces, a
# `data:` URI, Base64, and a reference or a section of characters, in which these might hide.
# RE2 looks for all of these at once, which `re` takes five times as long for.
_ANY_BYTES = re2.Options()
_ANY_BYTES.encoding = re2.Options.Encoding.LATIN1
_ANY_BYTES.case_sensitive = False
MAY_CARRY = (
    rb"urn:xmpp:(?:bob|avatar|sfs|sims|stickers)|vcard-temp|jabber:x:oob|data:|&#|<[!?]|[A-Za-z0-9+/_-]{40}"
)
_MAY_CARRY = re2.compile(MAY_CARRY, _ANY_BYTES)
# Elements in a text, between which these might be parted.
_MIXED = re.compile(rb">\s*[^<\s][^<]*<[^/]|(?:/>|</[^<>]*>)\s*[^<\s]")

_Parents = Mapping[ET.Element, ET.Element]


def find_carried(stanza: bytes) -> tuple[CarriedFile, ...]:
    """Return the files of a recorded stanza, each once, in its order: those in it, and those that it speaks of.

    What describes a file and what only links to it, by the same address, is one file. A stanza that is no well-formed
    XML is taken as a text.
    """
    return _find(stanza) if _MAY_CARRY.search(stanza) or _MIXED.search(stanza) else ()


def _find(stanza: bytes) -> tuple[CarriedFile, ...]:
    root = _parse(stanza)
    if root is None:
        return tuple(_in_text(stanza.decode(errors="replace"), Carrier.DATA_URI))
    parents = {child: parent for parent in root.iter() for child in parent}
    found = [each for element in root.iter() for each in _carried_by(element, parents)]
    return tuple(dict.fromkeys(_join_links(found)))


def _parse(stanza: bytes) -> ET.Element | None:
    parser = ET.XMLParser()  # noqa: S314 - inside an element there is no document type, and so no entity
    try:
        parser.feed("<stream xmlns='jabber:client'>")
        parser.feed(stanza)
        parser.feed("</stream>")
        root: ET.Element = parser.close()
    except ET.ParseError:
        return None
    return root


def _join_links(found: list[CarriedFile]) -> Iterator[CarriedFile]:
    described = {each.url for each in found if each.url and each.carrier is not Carrier.LINK}
    return (each for each in found if each.carrier is not Carrier.LINK or each.url not in described)


def _carried_by(element: ET.Element, parents: _Parents) -> Iterator[CarriedFile]:
    """Yield the files of one element, without its children's."""
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    parent = parents.get(element)
    match element.tag:
        case "{urn:xmpp:bob}data":
            yield from _decoded(Carrier.BITS_OF_BINARY, text, element.get("cid", ""), element.get("type", ""))
        case "{urn:xmpp:avatar:data}data":
            yield from _decoded(Carrier.AVATAR, text, "avatar", "")
        case "{vcard-temp}BINVAL" if parent is not None:
            kind = (parent.findtext(f"{_VCARD_TEMP}TYPE") or "").strip()
            yield from _decoded(Carrier.VCARD, text, parent.tag.rpartition("}")[2].lower(), kind)
        case "{urn:xmpp:avatar:metadata}info" if element.get("url"):
            size = _number(element.get("bytes"))
            yield _elsewhere(Carrier.AVATAR, element.get("url", ""), "avatar", element.get("type", ""), size)
        case "{jabber:x:oob}url" if text.strip():
            yield _elsewhere(Carrier.LINK, text.strip())
        case "{urn:xmpp:sfs:0}file-sharing" | "{urn:xmpp:sims:1}media-sharing" | "{urn:xmpp:stickers:0}item":
            yield from _described(element, parents)
        case "{urn:xmpp:sfs:0}sources" if parent is None or not parent.tag.startswith(_DESCRIBING):
            yield from _attached(element, parent)
        case _:
            yield from _in_text(text, _carrier_of(element, parent))
    for value in element.attrib.values():
        yield from _in_text(value, _carrier_of(element, parent))


def _carrier_of(element: ET.Element, parent: ET.Element | None) -> Carrier:
    """Return what a `data:` URI in this element is."""
    if element.tag.endswith(_THUMBNAIL):
        return Carrier.THUMBNAIL
    if element.tag.startswith(_VCARD_4) or (parent is not None and parent.tag.startswith(_VCARD_4)):
        return Carrier.VCARD
    return Carrier.DATA_URI


def _decoded(carrier: Carrier, text: str, name: str, media_type: str) -> Iterator[CarriedFile]:
    said, content = read_field(text)
    if content:
        yield _with_content(carrier, name, media_type or said or UNTYPED, content)


def _in_text(text: str, carrier: Carrier) -> Iterator[CarriedFile]:
    for each in find_encoded(text):
        kind = carrier if each.is_uri else Carrier.BASE64
        if each.content:
            yield _with_content(kind, each.name, each.media_type, each.content)


def _with_content(carrier: Carrier, name: str, media_type: str, content: bytes) -> CarriedFile:
    digest = sha256(content).digest()
    return CarriedFile(carrier, _clean(name), media_type.strip().lower(), len(content), digest, content)


def _described(sharing: ET.Element, parents: _Parents) -> Iterator[CarriedFile]:
    """Yield the file that an element describes: its metadata, and the first of its sources, if it has any."""
    described = next((each for each in sharing.iter() if _is_metadata(each)), None)
    urls = _urls(sharing)
    if described is None and not urls:
        return
    message = parents.get(sharing)
    is_sticker = sharing.tag.startswith(_STICKERS) or _has_sticker(message)
    file = _elsewhere(Carrier.STICKER if is_sticker else Carrier.SHARED, urls[0] if urls else "")
    if described is not None:
        said = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in described}
        file = replace(
            file,
            name=_clean(said.get("name", "")) or file.name,
            media_type=said.get("media-type", "").lower() or UNTYPED,
            size_bytes=_number(said.get("size")),
            sha256=_hash_of(described),
            description=said.get("desc", ""),
            share=_id(sharing, _SHARING),
            message=message.get("id", "") if message is not None else "",
        )
    yield file


def _attached(sources: ET.Element, message: ET.Element | None) -> Iterator[CarriedFile]:
    """Yield the file whose address is attached to an earlier message, which described it (XEP-0447, 3.2; XEP-0367)."""
    to = message.find(f"{_ATTACHED}attach-to") if message is not None else None
    for url in _urls(sources)[:1]:
        file = _elsewhere(Carrier.SHARED, url)
        attached_to = _id(to, _ATTACHED) if to is not None else ""
        yield replace(file, share=_id(sources, _SHARING), attached_to=attached_to, is_attached=True)


def _id(element: ET.Element, namespace: str) -> str:
    return element.get("id") or element.get(f"{namespace}id") or ""


def _is_metadata(element: ET.Element) -> bool:
    return element.tag.startswith(_METADATA) and element.tag.endswith("}file")


def _has_sticker(message: ET.Element | None) -> bool:
    return message is not None and message.find(f"{_STICKERS}sticker") is not None


def _urls(sharing: ET.Element) -> list[str]:
    targets = (each.get("target", "") for each in sharing.iter(_URL_DATA))
    references = (each.get("uri", "") for each in sharing.iter(_REFERENCE))
    return [url for url in (*targets, *references) if url]


def _hash_of(described: ET.Element) -> bytes:
    """Return the SHA-256 that metadata says (XEP-0300, 2), or nothing."""
    for each in described.iter(_HASH):
        if each.get("algo") == "sha-256" and len(digest := decode_base64(each.text or "")) == 32:
            return digest
    return b""


def _elsewhere(
    carrier: Carrier, url: str, name: str = "", media_type: str = "", size_bytes: int = 0
) -> CarriedFile:
    name = name or _name_in(url)
    return CarriedFile(carrier, _clean(name), media_type.lower() or UNTYPED, size_bytes, b"", url=url)


def _name_in(url: str) -> str:
    try:
        return unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # no address at all
        return ""


def _clean(name: str) -> str:
    return clean_name(name) if name else ""


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0
