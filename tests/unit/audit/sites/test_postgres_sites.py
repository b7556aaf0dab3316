"""Two sites whose logs and indexes are in PostgreSQL, read on one machine of auditors' own: as one archive."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.audit.access import name_actor
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.review.desk import Wanted
from components.audit.search import Page
from components.audit.sites.desks import Reviewing, act_at_each, list_at_each, merge_items
from components.audit.sites.named import SiteFault
from components.audit.sites.search import search_sites
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from policy.supervision.act import ActKind
from tests.support.audit_site import make_site
from tests.support.audit_sites import ALICE, BOB, LONDON, SHANGHAI, Cities, name_sites, tables_of
from tests.support.postgres import PostgresServer
from tests.support.review_cities import DIRECTORY, POLICY

pytestmark = [pytest.mark.slow, pytest.mark.programs]


async def make_in_database(root: Path, server: PostgresServer) -> Cities:
    """Each site in a database of its own, with the auditors' log and the index beside the gate's."""
    sites = []
    for city in (SHANGHAI, LONDON):
        (root / city).mkdir()
        (root / city / "directory.toml").write_text(DIRECTORY)
        (root / city / "policy.toml").write_text(POLICY)
        url, tables = server.make_database(), tables_of(city)
        tables["gate"] |= {"log": f"{url}#gate", "policy": "policy.toml"}
        tables["audit"] |= {"log": f"{url}#audit", "index_store": f"{url}#index", "own_machine": True}
        sites.append(await make_site(root / city, **tables))
    return Cities(name_sites(sites[0], london=sites[1].path), sites[1])


def sign_nothing(_settings: SiteFile, auditor: Auditor) -> Author:
    return Author(auditor)


async def test_they_are_searched_and_reviewed_as_one(tmp_path: Path, postgres_server: PostgresServer) -> None:
    cities = await make_in_database(tmp_path, postgres_server)
    crossed = await cities.send(ALICE, BOB, "copper at 9410", at_s=1)
    there = cities.london
    await there.record(there.say(BOB, f"carol@{LONDON}", "a tip", at_s=2, rules=("tips",)))
    alone = f"london:{there.id_of(-1)}"

    found = await search_sites(cities.settings, "copper OR tip", Page(9), ignore_progress)
    assert [(hit.record.id, [each.id for each in hit.others]) for hit in found.hits] == [
        (crossed[0], [crossed[1]]),
        (alone, []),
    ]
    assert (found.matched, found.doubles, found.is_complete) == (2, 1, True)

    (done,) = await act_at_each(cities.settings, ActKind.CLAIM, [alone], sign_nothing, Reviewing())
    assert done.item == alone and done.record.startswith("london:audit/")
    listed = await list_at_each(cities.settings, Wanted(), Reviewing())
    (item,) = merge_items(listed)
    assert (item.id, item.item.status.holder, listed.is_complete) == (alone, name_actor(), True)

    # With the database of one away, it is named, and the other is there.
    gone = replace_database(there.path)
    listed = await list_at_each(cities.settings, Wanted(), Reviewing())
    assert [at.name for at in listed.sites] == ["shanghai"]
    (fault,) = listed.faults
    assert (fault.name, gone in fault.reason) == ("london", True), fault
    assert replace(fault, reason="") == SiteFault("london", "")


def replace_database(path: Path) -> str:
    """Have a site name a database that is not there; return its name."""
    text = path.read_text()
    name = text.partition("#gate")[0].rpartition("/")[2]
    path.write_text(text.replace(f"/{name}#", "/nowhere#"))
    return "nowhere"
