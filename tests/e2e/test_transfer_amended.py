"""A picture goes from one person to another without where it was taken, and the archive holds it with that."""

from hashlib import sha256
from pathlib import Path

import aiohttp

from tests.e2e.test_transfer import ALICE, BOB, DIRECTORY, Loopback, fetch, send_link, upload, wait_for_events
from tests.support.certificates import CertificateAuthority
from tests.support.file_pictures import make_exif, make_png
from tests.support.stream import Element, message
from tests.support.transfer_site import TransferSite

PLACE = make_exif(gps=True, orientation=6) + b"SECRET PLACE"
PICTURE = make_png(3, 2, (b"eXIf", PLACE))
TEXT = "Your picture is delivered without where it was taken."
POLICY = f"""
[[rule]]
id = "places"
kind = "file"
action = "amend"
text = "{TEXT}"
marks = ["location"]
must_match = [{{ marks = ["location"] }}]
"""


def is_notice(stanza: Element) -> bool:
    return TEXT in (stanza.findtext("{jabber:client}body") or "")


async def test_a_picture_arrives_without_its_place(tmp_path: Path, authority: CertificateAuthority) -> None:
    site = TransferSite(tmp_path, (ALICE, BOB), DIRECTORY, authority)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    site.gate.replace_setting("[gate]", f'[gate]\npolicy = "{policy}"')
    connector = aiohttp.TCPConnector(ssl=site.tls, resolver=Loopback())
    async with site, aiohttp.ClientSession(connector=connector) as http:
        alice, bob = await site.login(ALICE), await site.login(BOB)
        url = await upload(alice, http, PICTURE)
        send_link(alice, BOB, url)
        await bob.expect(message(url))
        await alice.expect(is_notice)
        status, seen = await fetch(http, url)
        assert (status, b"SECRET" in seen, b"GPS" in seen) == (200, False, False)
        details = dict((await wait_for_events(site, 2))[0].details)
    assert details["content_sha256"] == sha256(PICTURE).hexdigest()
    assert details["delivered_sha256"] == sha256(seen).hexdigest()
    assert (details["action"], details["rules"]) == ("release", "places")
