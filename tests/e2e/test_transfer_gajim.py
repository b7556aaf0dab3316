"""Gajim sends a file and fetches what comes, with its own check of the certificate, by what the system trusts."""

import json

import pytest

from tests.e2e.test_transfer import ALICE, BOB
from tests.e2e.test_transfer_clients import BODY, OOB_URL, PICTURE, Desk, desk, with_link
from tests.support.certificates import CertificateAuthority
from tests.support.gajim import Gajim
from tests.support.machine import make_machine
from tests.support.transfer_site import FILES

__all__ = ["desk"]

pytestmark = pytest.mark.slow


async def test_gajim_sends_and_fetches(desk: Desk) -> None:
    address, watcher = desk.site.prosody.address, await desk.site.login(BOB)
    async with Gajim(desk.root / "bob", BOB, address, desk.machine) as bob:
        sender = Gajim(desk.root / "alice", ALICE, address, desk.machine, to=BOB, path=desk.picture)
        async with sender:
            got = await watcher.expect(with_link)
            assert got.findtext(OOB_URL) == got.findtext(BODY)
            told = json.loads(await bob.read("message"))
            assert told == {"body": got.findtext(BODY), "url": got.findtext(BODY)}
            assert await bob.read("file") == PICTURE.content


async def test_gajim_takes_no_files_where_the_system_does_not_trust_the_site(
    desk: Desk, authority: CertificateAuthority
) -> None:
    """Its files' host shows a certificate of an authority that this machine does not know."""
    stranger = CertificateAuthority(desk.root / "stranger")
    certificates = stranger.issue(desk.root / "theirs", (FILES,))
    for ending in ("crt", "key"):
        there = desk.root / "site" / "certs" / f"{FILES}.{ending}"
        there.write_bytes((certificates / there.name).read_bytes())
    await desk.site.transfer.kill9()
    await desk.site.transfer.start()
    machine = make_machine(desk.root / "other machine", desk.authority, [FILES])
    address = desk.site.prosody.address
    async with Gajim(desk.root / "alice", ALICE, address, machine, to=BOB, path=desk.picture) as alice:
        assert b"tls-verification-failed" in await alice.read("error")
