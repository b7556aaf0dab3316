"""A recorded stanza as a tree, with its first child of each name at hand."""

from dataclasses import dataclass

from lxml import etree

# A stanza is small, and no entity is resolved in it, so that a deep one may be read, too.
_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
)
_STREAMS = frozenset({"", "jabber:client", "jabber:server", "jabber:component:accept"})
_NOT_OF_STANZAS = b"<!DOCTYPE"


@dataclass(frozen=True, slots=True)
class StanzaTree:
    """A stanza: `first` has its first child of each name, `{namespace}local`; its own namespace is left out of names.

    So a body is `body`, in a stream of whatever kind.
    """

    root: etree._Element
    name: str
    first: dict[str, etree._Element]

    def get(self, attribute: str) -> str:
        """Return an attribute, or an empty text."""
        return self.root.get(attribute) or ""

    def text(self, name: str) -> str:
        """Return the text of the first child of this name, or an empty one."""
        return text_of(self.first.get(name))


def read_tree(body: bytes) -> StanzaTree | None:
    """Read a stanza; None for what is no stanza of ours. Raises etree.XMLSyntaxError if it is not well-formed."""
    if _NOT_OF_STANZAS in body:
        return None
    root = etree.fromstring(body, _PARSER)
    own, brace, name = str(root.tag).rpartition("}")
    if own.removeprefix("{") not in _STREAMS:
        return None
    own += brace
    first: dict[str, etree._Element] = {}
    for child in root:
        first.setdefault(str(child.tag).removeprefix(own), child)
    return StanzaTree(root, name, first)


def id_of(element: etree._Element | None) -> str:
    """Return an element's `id`, or an empty text."""
    return "" if element is None else element.get("id") or ""


def text_of(element: etree._Element | None) -> str:
    """Return an element's text without blanks around it, or an empty one."""
    return "" if element is None else "".join(map(str, element.itertext())).strip()


def split_address(jid: str | None) -> tuple[str, str]:
    """Split a JID, as it stands there, into the bare JID and the resource."""
    bare, _, resource = (jid or "").partition("/")
    return bare, resource
