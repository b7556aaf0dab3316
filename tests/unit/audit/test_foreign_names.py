"""An auditor of one enterprise is not told by a search who a stranger of another one is."""

from pathlib import Path

import pytest

from components.archive.record import Event, RecordKind
from components.audit.auditor import find_auditor
from components.audit.search import Page, search
from components.process.progress import ignore_progress
from components.rules.recorded_directory import DETAIL, write_listed
from policy.directory.directory import parse_directory
from tests.support.audit_site import REFUSAL, T0_NS, Site
from tests.support.console_site import DIRECTORY, make_console_site

ALICE, GEORGE = "alice@metals.example", "george@grain.example"
ROOM = "desk@rooms.metals.example"
ROOMS = DIRECTORY.replace(
    'name = "Metals AG"', 'name = "Metals AG"\nroom = [{ jid = "desk@rooms.metals.example", name = "Deals" }]'
)
MOVED = ROOMS.replace('"Alice Adler", desk = "metals"', '"Alice Adler", desk = "options"')

STRANGE = (
    "desk:metals",
    'desk:"base metals"',
    "desk:options",
    "enterprise:metals",
    'enterprise:"metals ag"',
    "site:metals.example",
    "person:adler",
    'person:"Alice Adler"',
    "room:deals",
    "(desk:metals OR desk:options) person:adler",
)
"""What the directory alone knows of those to whom George wrote."""


async def make_talk(folder: Path, *directories: str) -> Site:
    """George writes to Alice and to a room of the other enterprise, and is refused."""
    site = await make_console_site(folder)
    for number, text in enumerate(directories):
        listed = write_listed(parse_directory(text))
        await site.record(Event(RecordKind.RULES, "in-force", ((DETAIL, listed),), T0_NS - 10**8 + number))
    await site.record(
        *(
            site.say(f"{GEORGE}/desk", to, "hello", at_s=at_s, action="refuse", error=REFUSAL)
            for at_s, to in enumerate((ALICE, ROOM), 1)
        )
    )
    return site


async def count(site: Site, auditor: str, query: str) -> int:
    who = find_auditor(site.settings, auditor)
    return (await search(site.settings, query, Page(10), ignore_progress, who)).matched


@pytest.mark.slow
@pytest.mark.parametrize(
    ("directories", "elsewhere"),
    [((ROOMS,), {"desk:options"}), ((ROOMS, MOVED), {"desk:metals", 'desk:"base metals"'})],
    ids=["always so", "changed"],
)
async def test_who_a_stranger_is_is_found_by_nothing_but_their_address(
    tmp_path: Path, directories: tuple[str, ...], elsewhere: set[str]
) -> None:
    site = await make_talk(tmp_path, *directories)
    assert {query for query in STRANGE if not await count(site, "anna", query)} == elsewhere
    assert {query: await count(site, "greta", query) for query in STRANGE} == dict.fromkeys(STRANGE, 0)
    # Turned round, it tells as little.
    assert await count(site, "greta", "kind:message -desk:metals -person:adler") == 2
    # What is written there is theirs to know, and so is who their own people are.
    own = {
        f"to:{ALICE}": 1,
        "person:alice": 1,
        f"room:{ROOM}": 1,
        "enterprise:grain": 2,
        'person:"george green"': 2,
    }
    assert {query: await count(site, "greta", query) for query in own} == own
