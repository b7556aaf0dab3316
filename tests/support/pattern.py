"""XML patterns of the transcripts: what must come, and how it differs (tests/conformance/README.md)."""

import re
from collections.abc import Iterator

from lxml import etree

from tests.support.stream import Element, show

_STREAM = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>%s</stream:stream>"
)
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def parse_stanzas(xml: str) -> list[Element]:
    """Parse what may stand on a client's stream; raises `etree.XMLSyntaxError`."""
    return list(etree.fromstring(_STREAM % xml))


def find_placeholders(xml: str) -> Iterator[str]:
    """Yield the names between braces: `any`, `=captured`, `alice`."""
    return (match[1] for match in _PLACEHOLDER.finditer(xml))


def fill_in(xml: str, values: dict[str, str]) -> str:
    """Put in the values that there are; `{any}` and captures stay."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), xml)


def find_difference(pattern: Element, element: Element, values: dict[str, str]) -> str:
    """Return how an element differs from a pattern, or nothing; what it captures goes to `values`."""
    where = etree.QName(element).localname
    if pattern.tag != element.tag:
        return f"<{element.tag}> instead of <{pattern.tag}>"
    for name in dict.fromkeys((*pattern.keys(), *element.keys())):
        wanted, found = pattern.get(name), element.get(name)
        if name == _XML_LANG and wanted is None:
            continue
        if wanted is None or found is None or not _matches(wanted, found, values):
            return f"<{where}> has {name!s}={found!r} instead of {wanted!r}"
    if not len(pattern) and not len(element) and not _matches(_text_of(pattern), element.text or "", values):
        return f"<{where}> has the text {element.text!r} instead of {pattern.text!r}"
    return _find_difference_of_children(pattern, element, values)


def _text_of(pattern: Element) -> str:
    """Return the text of a pattern: none, where there are only lines that another version of the server has."""
    text = pattern.text or ""
    return "" if "\n" in text and text.isspace() else text


def _find_difference_of_children(pattern: Element, element: Element, values: dict[str, str]) -> str:
    left = list(element)
    for wanted in pattern.iterchildren(etree.Element):
        reasons = []
        for child in left:
            captured = dict(values)
            reason = find_difference(wanted, child, captured)
            if not reason:
                values.update(captured)
                left.remove(child)
                break
            if child.tag == wanted.tag:
                reasons.append(reason)
        else:
            return "; ".join(reasons) or f"there is no <{wanted.tag}>"
    if left and not pattern.xpath("processing-instruction('more')"):
        return f"there is also {show(left[0])}"
    return ""


def _matches(wanted: str, found: str, values: dict[str, str]) -> bool:
    names: list[str] = []
    parts = []
    for part in re.split(r"(\{[^{}]+\})", wanted):
        name = part[1:-1]
        if not _PLACEHOLDER.fullmatch(part):
            parts.append(re.escape(part))
        elif name == "any":
            parts.append(".+")
        elif name.startswith("="):
            names.append(name[1:])
            parts.append("(.+)")
        else:
            parts.append(re.escape(values.get(name, part)))
    match = re.fullmatch("".join(parts), found, re.DOTALL)
    if match:
        values.update(zip(names, match.groups(), strict=True))
    return match is not None
