"""Two sites' archives on one machine, each a copy that a real follower keeps: searched and exported as one."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.archive.reader import LogReader
from components.archive.record import Submission
from components.audit.access import name_actor
from components.audit.auditor import find_auditor
from components.audit.author import open_author
from components.audit.conversation.part import Whole
from components.audit.export.export import Wanted
from components.audit.looks import LookFilter, read_looks
from components.audit.matter.acts import open_matter
from components.audit.matter.exhibits import add_exhibit, make_chronology
from components.audit.review.desk import Wanted as WantedItems
from components.audit.sample import SampleWanted
from components.audit.search import Page
from components.audit.sites.desks import Reviewing, list_at_each, merge_items
from components.audit.sites.export import Asking, export_sites
from components.audit.sites.named import find_behind
from components.audit.sites.read import Look, read_sites
from components.audit.sites.sample import sample_sites
from components.audit.sites.search import SitesResult, search_sites
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from components.verifier.sites import verify_any_export
from tests.e2e.test_auditors_feed_processes import Part
from tests.support.audit_sites import ALICE, BOB, LONDON, SHANGHAI, message, receipt, tables_of
from tests.support.machines import FedSite, make_fed_site, say
from tests.support.process import wait_until
from tests.support.site import run_steelyard

pytestmark = [pytest.mark.programs, pytest.mark.slow]

ASKING = Asking(ignore_progress)


@dataclass
class Copies:
    """Both sites, with what follows each on Erin's machine."""

    shanghai: FedSite
    london: FedSite
    followers: dict[str, Part]

    @property
    def settings(self) -> SiteFile:
        """Erin's, who works from the copy of Shanghai."""
        return SiteFile(self.shanghai.root / "erin/site.toml")

    async def search(self, query: str) -> SitesResult:
        return await search_sites(self.settings, query, Page(50), ignore_progress)

    def folder(self, name: str) -> Path:
        """A folder of Erin's that is not there yet."""
        return self.shanghai.root.parent / name

    async def have_all(self, **sizes: int) -> bool:
        """Wait until each copy has so many records of the gate."""
        return await wait_until(lambda: all(self._has(name, size) for name, size in sizes.items()))

    def _has(self, name: str, size: int) -> bool:
        status = self.followers[name].status()
        return status.get("state") == "following" and status.get("logs", {}).get("gate", 0) >= size


async def make_one(root: Path, city: str) -> FedSite:
    tables = {name: table for name, table in tables_of(city).items() if name != "audit"}
    return await make_fed_site(root, **tables)


def name_feed(fed: FedSite, port: int) -> None:
    """Have Erin's machine follow this port; she is whoever runs the tests."""
    file = fed.root / "erin/site.toml"
    text = file.read_text().replace("localhost:5290", f"localhost:{port}")
    file.write_text(text.replace('id = "erin"\n', f'id = "erin"\nuser = "{name_actor()}"\n'))


@pytest.fixture
async def copies(tmp_path: Path) -> AsyncIterator[Copies]:
    sites = {name: await make_one(tmp_path / name, f"{name}.example") for name in ("shanghai", "london")}
    file = tmp_path / "shanghai/erin/site.toml"
    file.write_text(
        f'{file.read_text()}\n[[audit.sites]]\nname = "london"\nsite = "{tmp_path}/london/erin/site.toml"\n'
    )
    followers = {}
    async with AsyncExitStack() as stack:
        for name, fed in sites.items():
            _server, port = await stack.enter_async_context(fed.serve())
            name_feed(fed, port)
            followers[name] = Part("follow", fed.root / "erin", bool)
            await stack.enter_async_context(followers[name])
        yield Copies(sites["shanghai"], sites["london"], followers)


def arrived(seq: int, sender: str, to: str, text: str, record: str) -> Submission:
    """A message from Shanghai, as London's gate records it."""
    body = message(sender, to, text, receipt(SHANGHAI, record))
    return say(seq, sender, to, text, "release")._replace(way="s2s", body=body)


async def test_copies_of_two_sites_are_one_archive_and_one_that_is_behind_is_named(copies: Copies) -> None:
    shanghai, london = copies.shanghai, copies.london
    (sent,) = await shanghai.append(say(1, ALICE, BOB, "copper at 9410", "release"))
    (there,) = await london.append(arrived(1, ALICE, BOB, "copper at 9410", f"gate/{sent}"))
    (alone,) = await london.append(say(2, BOB, f"carol@{LONDON}", "copper here", "release"))
    assert await copies.have_all(shanghai=sent + 1, london=alone + 1)

    found = await copies.search("copper")
    assert [(hit.record.id, [each.id for each in hit.others]) for hit in found.hits] == [
        (f"shanghai:gate/{sent}", [f"london:gate/{there}"]),
        (f"london:gate/{alone}", []),
    ]
    assert (found.matched, found.doubles, found.is_complete) == (2, 1, True)
    # Under the checkpoints that the sites signed, which came with the records.
    shown = [each for hit in found.hits for each in (hit.record, *hit.others)]
    assert [(each.proof.fault, each.differs) for each in shown] == [("", False)] * 3
    # On the machine of the auditor, each look is in the log of that site's machine.
    assert [site.access_id.partition("/")[0] for site in found.sites] == ["audit-erin"] * 2

    await export_all(copies)
    await read_and_sample(copies, f"shanghai:gate/{sent}", f"london:gate/{there}", f"london:gate/{alone}")
    await review_in_london(copies, alone)
    await exhibit_of_london(copies, alone)

    # A copy that is not kept up is searched, and said to lack what came since.
    await copies.followers["london"].stop()
    assert await wait_until(lambda: bool(find_behind(london.machines["erin"])))
    await london.append(say(3, BOB, f"carol@{LONDON}", "copper again", "release"))
    found = await copies.search("copper")
    assert (found.matched, found.is_complete) == (2, False)
    assert [bool(site.behind) for site in found.sites] == [False, True]
    listed = await list_at_each(copies.settings, WantedItems(), Reviewing())
    assert [bool(site.behind) for site in listed.sites] == [False, True]
    with pytest.raises(SiteError, match="london: the feed is not followed now"):
        await export_sites(copies.settings, Wanted("copper", "jsonl"), copies.folder("refused"), ASKING)

    # And back again: it goes on where it was.
    await copies.followers["london"].start()
    assert await copies.have_all(shanghai=sent + 1, london=alone + 2)
    found = await copies.search("copper")
    assert (found.matched, found.is_complete) == (3, True)


async def export_all(copies: Copies) -> None:
    """One export, which whoever has the public keys of both sites checks alone."""
    folder = copies.folder("handed-over")
    exported = await export_sites(copies.settings, Wanted("copper", "jsonl"), folder, ASKING)
    assert [(each.name, each.exported) for each in exported.sites] == [("shanghai", 1), ("london", 2)]
    assert (exported.messages, exported.doubles, exported.is_complete) == (2, 1, True)
    names = ("log-gate", "log-audit-erin")
    keys = [fed.root / f"erin/keys/{name}.pub" for fed in (copies.shanghai, copies.london) for name in names]
    report = verify_any_export(folder, [key.read_text() for key in keys])
    assert (report.problems, report.messages, report.completed is not None) == ((), 2, True)


async def read_and_sample(copies: Copies, sent: str, there: str, alone: str) -> None:
    """What is read and drawn is of both sites, each message once."""
    parties = (ALICE.partition("/")[0], BOB.partition("/")[0])
    talk = await read_sites(copies.settings, Whole(parties), Look(ignore_progress))
    assert [(item.record, set(item.records)) for item in talk.view.items] == [(sent, {sent, there})]
    drawn = await sample_sites(copies.settings, SampleWanted("copper", 9, "seed"), ignore_progress)
    assert {each.id for each in drawn.records} == {sent, alone}
    assert (drawn.matched, drawn.is_complete) == (2, True)


async def review_in_london(copies: Copies, record: int) -> None:
    """Erin's act goes back to London's server, signed, and to no other; no server has the key that opens records."""
    london, shanghai = copies.london, copies.shanghai
    item, key = f"london:gate/{record}", london.key_of("erin")
    wanted = ("review", "add", item, "--queue", "mine", "--key", key)
    added = run_steelyard(*wanted, "--site", shanghai.root / "erin/site.toml", "--json")
    assert added.returncode == 0, added.stderr
    (act,) = json.loads(added.stdout)["acts"]
    assert act.startswith("london:audit-erin/")
    await arrive_in_london(copies, act)
    for fed in (london, shanghai):
        assert not list((fed.root / "server/keys").glob("auditor*.key"))
    listed = await list_at_each(copies.settings, WantedItems("mine"), Reviewing())
    assert ([each.id for each in merge_items(listed)], listed.is_complete) == ([item], True)


async def exhibit_of_london(copies: Copies, record: int) -> None:
    """A matter of Shanghai has a record of London, and that it was read goes back to London's server."""
    settings = copies.settings
    author = open_author(settings, find_auditor(settings), str(copies.shanghai.key_of("erin")))
    await open_matter(settings, author, "Copper", "M-7")
    matter = await add_exhibit(settings, author, "M-7", f"london:gate/{record}", "the offer", "")
    assert [each.record_id for each in matter.exhibits] == [f"london:gate/{record}"]
    wanted = LookFilter(matter="shanghai:M-7")
    (look,) = (await read_looks(copies.london.machines["erin"], wanted, ignore_progress)).looks
    assert look.access.act == "matter exhibit"
    await arrive_in_london(copies, look.id)
    shown = await make_chronology(settings, find_auditor(settings), "M-7")
    assert [entry.view.reading.text for entry in shown.entries if entry.view] == ["copper here"]
    assert shown.faults == ()


async def arrive_in_london(copies: Copies, record_id: str) -> None:
    """Wait until London has confirmed a record of Erin's log, and look for it there."""
    number, follower = int(record_id.rpartition("/")[2]), copies.followers["london"]
    # The follower says how much of Erin's log the site has confirmed.
    assert await wait_until(lambda: follower.status().get("sent", 0) > number), follower.status()
    (copy,) = copies.london.site.other_audit_logs[:1]
    reader = await LogReader.open(copy.store)
    assert await reader.size() > number
    await reader.close()
