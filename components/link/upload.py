"""A client's side of HTTP File Upload (XEP-0363): it finds the service, and asks for slots."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from components.link.client import RequestError, TraderClient

XMLNS_UPLOAD = "urn:xmpp:http:upload:0"
XMLNS_OOB = "jabber:x:oob"  # XEP-0066
_XMLNS_INFO = "http://jabber.org/protocol/disco#info"
_XMLNS_ITEMS = "http://jabber.org/protocol/disco#items"


@dataclass(frozen=True, slots=True)
class UploadSlot:
    """Where a file is put, with these headers, and the link by which it is fetched."""

    put_url: str
    headers: dict[str, str]
    get_url: str


async def find_upload_service(client: TraderClient) -> str:
    """Return the address of the service that the client's server offers (XEP-0363, 3); raises RequestError."""
    domain = client.jid.partition("@")[2]
    items = await client.ask(domain, ET.Element(f"{{{_XMLNS_ITEMS}}}query"))
    for item in items.iter(f"{{{_XMLNS_ITEMS}}}item"):
        service = item.get("jid", "")
        info = await client.ask(service, ET.Element(f"{{{_XMLNS_INFO}}}query"))
        if any(feature.get("var") == XMLNS_UPLOAD for feature in info.iter(f"{{{_XMLNS_INFO}}}feature")):
            return service
    raise RequestError("item-not-found", f"{domain} has no service that takes files")


async def request_slot(
    client: TraderClient, service: str, name: str, size_bytes: int, media_type: str
) -> UploadSlot:
    """Ask for a slot (XEP-0363, 4); raises RequestError."""
    asked = {"filename": name, "size": str(size_bytes), "content-type": media_type}
    slot = await client.ask(service, ET.Element(f"{{{XMLNS_UPLOAD}}}request", asked))
    put, get = (slot.find(f"{{{XMLNS_UPLOAD}}}{each}") for each in ("put", "get"))
    if put is None or get is None:
        raise RequestError("undefined-condition", "the answer is no slot")
    headers = {each.get("name", ""): each.text or "" for each in put}
    return UploadSlot(put.get("url", ""), headers, get.get("url", ""))


def link_element(url: str) -> ET.Element:
    """Return what makes a message's body, the same link, the link to a file (XEP-0066, 4)."""
    element = ET.Element(f"{{{XMLNS_OOB}}}x")
    ET.SubElement(element, f"{{{XMLNS_OOB}}}url").text = url
    return element
