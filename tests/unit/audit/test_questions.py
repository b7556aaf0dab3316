"""Questions of a compliance officer, each answered as the seeded generator of weeks of talk knows it.

What is true is counted in what the generator told, not in the index: by who wrote what to whom, and who was there.
"""

import asyncio
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.archive.record import Delivery, Event, RecordKind, Submission
from components.audit.access import name_actor
from components.audit.conversation.read import Whole, read_conversation
from components.audit.export.export import Wanted, export
from components.audit.history import Wanted as WantedLooks
from components.audit.history import find_history
from components.audit.index.facets import Dimension
from components.audit.mark import Mark
from components.audit.sample import SampleWanted, draw_sample
from components.audit.search import Page, find_ids, search
from components.audit.tally import count_by, report_terms
from components.process.progress import ignore_progress
from components.rules.recorded_directory import DETAIL, write_listed
from components.settings.history import HistorySettings
from components.site.history.words import SCENES
from policy.directory.directory import parse_directory
from tests.support.audit_site import Site, make_site
from tests.support.history import PEOPLE, ROOMS, Told, make_history

pytestmark = pytest.mark.slow

ALICE, BOB, CHEN = (person.jid for person in PEOPLE[:3])
DEALS = ROOMS[0]
SHOWN = (Mark.MESSAGE, Mark.CORRECTION, Mark.RETRACTION, Mark.REACTION)

TOLD = list(make_history(1_000, restart_after=450, has_files=True))
CARRIED = {told.record.epoch: told.record.through for told in TOLD if isinstance(told.record, Delivery)}
"""Up to which number all of a life of the server was carried out: what is behind it nobody is known to have seen."""

Says = Callable[[Told], bool]


class Asked:
    """A site with made-up talk in its logs, and the truth about each record by its id."""

    def __init__(self, site: Site, ids: list[str]) -> None:
        self.settings = site.settings
        self.told = TOLD
        self.ids = dict(enumerate(ids))

    async def find(self, query: str) -> list[str]:
        """Return the ids of what a query finds, in the order of the logs."""
        return list(await find_ids(self.settings, query, ignore_progress))

    def true(self, says: Says) -> list[str]:
        """Return the ids of what was said so, in the order of the logs; there is some."""
        ids = self.name(each.number for each in self.told if says(each))
        assert ids
        return ids

    def name(self, numbers: Iterable[int]) -> list[str]:
        return [self.ids[number] for number in sorted(numbers)]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return asyncio.run(make_asked(tmp_path_factory.mktemp("site")))


async def make_asked(folder: Path) -> Asked:
    """Make a site: what the first life of the server recorded is in a log of its own, as in a demonstration."""
    own = {"log": "archive/history.db", "log_origin": "made-up", "log_key_file": "keys/log-history.key"}
    site = await make_site(folder, history=own)
    log = site.settings.require(HistorySettings).log_settings(site.settings.folder)
    first = len(list(takewhile(lambda told: epoch_of(told) == epoch_of(TOLD[0]), TOLD)))
    _, *indexes = await site.record_in(log, list_people(), *(each.record for each in TOLD[:first]))
    await site.record(*(each.record for each in TOLD[first:]))
    ids = [f"history/{index}" for index in indexes]
    return Asked(site, [*ids, *(site.id_of(number) for number in range(len(TOLD) - first))])


def list_people() -> Event:
    """The directory, as it is when all begins."""
    desks = sorted({each.desk for each in PEOPLE})
    people = "".join(
        f'[[enterprise.metals.person]]\njid = "{each.jid}"\nname = "{each.name}"\ndesk = "{each.desk}"\n'
        'roles = ["trader"]\n'
        for each in PEOPLE
    )
    text = (
        'gate = "gate.example"\n[enterprise.metals]\nname = "Metals"\n'
        'sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]\n'
        + "".join(f'[[enterprise.metals.desk]]\nid = "{desk}"\nname = "Desk of {desk}"\n' for desk in desks)
        + people
    )
    lines = write_listed(parse_directory(text), None)
    return Event(RecordKind.RULES, "in-force", ((DETAIL, lines),), TOLD[0].at_ns - 1)


def epoch_of(told: Told) -> str:
    assert isinstance(told.record, Submission | Delivery)
    return told.record.epoch


def action_of(told: Told) -> str:
    return told.record.action if isinstance(told.record, Submission) else ""


def is_said(told: Told) -> bool:
    return told.mark is Mark.MESSAGE


def is_between(told: Told, one: str, other: str) -> bool:
    return {told.sender, told.to} == {one, other}


def are_with(told: Told, who: str) -> bool:
    return who in (told.sender, told.to)


def went_out(told: Told) -> bool:
    record = told.record
    return (
        isinstance(record, Submission)
        and record.action == "release"
        and record.seq <= CARRIED.get(record.epoch, -1)
    )


def body_of(told: Told) -> str:
    """Return what the stanza says, what it quotes included."""
    assert isinstance(told.record, Submission)
    return (ET.fromstring(told.record.body).findtext("{jabber:client}body") or "").casefold()


def at_desk(jid: str, desk: str) -> bool:
    return any(each.jid == jid and each.desk == desk for each in PEOPLE)


def words_of(told: Told) -> set[str]:
    """Return the words that a text has, folded: without marks and case, divided by all that is no letter or digit."""
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", body_of(told)) if not unicodedata.combining(each)
    )
    return set(re.findall(r"[^\W_]+", plain))


def says_nearly(told: Told, word: str, most: int) -> bool:
    return is_said(told) and any(count_faults(word, each) <= most for each in words_of(told))


def count_faults(one: str, other: str) -> int:
    """Count how many letters were put in, left out, written for another, or changed places with their neighbour."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, there in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != there))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], there):
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


QUESTIONS: Mapping[str, tuple[str, Says]] = {
    "what did Alice see in the room": (
        f"seen-by:{ALICE} room:{DEALS} is:message",
        lambda told: (
            is_said(told)
            and told.to == DEALS
            and (told.sender == ALICE or (ALICE in told.present and went_out(told)))
        ),
    ),
    "what did Bob say to Alice, or she to him": (
        "with:alice AND with:bob is:message",
        lambda told: is_said(told) and is_between(told, ALICE, BOB),
    ),
    "what was refused, and by this rule": (
        "verdict:refuse rule:prices",
        lambda told: action_of(told) == "refuse",
    ),
    "what waited for a reviewer": ("is:held", lambda told: action_of(told) == "hold"),
    "what did people send as a file": (
        "has:file file:positions* is:message",
        lambda told: told.file.startswith("positions"),
    ),
    "who agreed to talk elsewhere": (
        '"ok, WhatsApp in five" OR "private number"',
        lambda told: (
            told.planted == "off-channel"
            and told.language == "en"
            and ("WhatsApp in five" in told.text or "private number" in told.text)
        ),
    ),
    "who wrote of it in other languages": (
        '红包 OR "noch weiß es niemand" OR 카카오톡 OR "тысяч никто"',
        lambda told: any(
            words in told.text for words in ("红包", "noch weiß es niemand", "카카오톡", "тысяч никто")
        ),
    ),
    "what did people acknowledge": ("is:receipt", lambda told: told.mark is Mark.RECEIPT),
    "what did they show to have read": ("is:marker", lambda told: told.mark is Mark.MARKER),
    "how did they react": ("is:reaction", lambda told: told.mark is Mark.REACTION),
    "who came into the room": (
        f"is:join to:{DEALS}",
        lambda told: (
            told.mark is Mark.JOIN
            and told.to == DEALS
            and isinstance(told.record, Submission)
            and told.record.way == "c2s"
        ),
    ),
    "what did the options desk say, or hear": (
        "desk:options is:message",
        lambda told: is_said(told) and (at_desk(told.sender, "options") or at_desk(told.to, "options")),
    ),
    "what did one desk tell the other": (
        'desk:"desk of metals" AND desk:options is:message',
        lambda told: (
            is_said(told)
            and any(at_desk(who, "metals") for who in (told.sender, told.to))
            and any(at_desk(who, "options") for who in (told.sender, told.to))
        ),
    ),
    "who wrote whatsapp, or nearly so": (
        "whatsapp~ is:message",
        lambda told: says_nearly(told, "whatsapp", 2),
    ),
    "who promised it, however it is spelled": (
        "guarantee~ is:message",
        lambda told: says_nearly(told, "guarantee", 2),
    ),
    "who wrote it with one letter wrong": (
        "premuim~1 is:message",
        lambda told: says_nearly(told, "premuim", 1),
    ),
    "who wrote a short word, or nearly so": ("agree~ is:message", lambda told: says_nearly(told, "agree", 1)),
    "who wrote nearly so in German": ("kupferr~1 is:message", lambda told: says_nearly(told, "kupferr", 1)),
    "who left it": (f"is:leave room:{DEALS}", lambda told: told.mark is Mark.LEAVE and told.to == DEALS),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_finds_what_was_said_so_and_nothing_else(asked: Asked, question: str) -> None:
    query, says = QUESTIONS[question]
    assert await asked.find(query) == asked.true(says)


@pytest.mark.parametrize("mark, query", [(Mark.CORRECTION, "is:edited"), (Mark.RETRACTION, "is:retracted")])
async def test_what_was_changed_later_is_found_and_what_others_tried_to_change_is_not(
    asked: Asked, mark: Mark, query: str
) -> None:
    changed = {each.target for each in asked.told if each.mark is mark and each.is_valid}
    assert changed
    assert await asked.find(query) == asked.name(changed)


async def test_who_was_in_the_room_at_a_time(asked: Asked) -> None:
    present, times = dict[int, frozenset[str]](), list[int]()
    inside, epoch = frozenset[str](), ""
    for each in asked.told:
        if isinstance(each.record, Submission) and each.record.epoch != epoch:
            inside, epoch = frozenset(), each.record.epoch
        if each.to == DEALS:
            inside = each.present
            times.append(each.at_ns)
        present[each.at_ns] = inside
    for at_ns in times[:: len(times) // 5]:
        view = await read_conversation(asked.settings, Whole((DEALS,)), ignore_progress, at_ns=at_ns)
        assert {party.jid.partition("/")[0] for party in view.present} == present[at_ns]


async def test_what_stood_around_a_hit(asked: Asked) -> None:
    query = " OR ".join(f'"{scene.said[0]}"' for scene in SCENES)
    result = await search(asked.settings, query, Page(), ignore_progress, context=3)
    numbers = {id_: number for number, id_ in asked.ids.items()}
    assert {view.id.partition("/")[0] for view in result.records} == {"history", "gate"}
    for view in result.records:
        number = numbers[view.id]
        shown = [each.number for each in asked.told if is_said_beside(each, asked.told[number])]
        at = shown.index(number)
        around = result.around[view.id]
        assert [each.id for each in around.before] == asked.name(shown[max(0, at - 3) : at])
        assert [each.id for each in around.after] == asked.name(shown[at + 1 : at + 4])


def is_said_beside(told: Told, hit: Told) -> bool:
    is_there = told.to == hit.to if hit.to in ROOMS else is_between(told, hit.sender, hit.to)
    return is_there and told.mark in SHOWN


async def test_how_much_each_wrote_each_day(asked: Asked) -> None:
    by = (Dimension.PERSON, Dimension.DAY)
    tally = await count_by(asked.settings, "is:message", by, ignore_progress)
    true = Counter((each.sender, name_day(each.at_ns)) for each in asked.told if is_said(each))
    assert {each.values: each.entries for each in tally.counted} == true
    assert tally.matched == true.total()


def name_day(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // 10**9, UTC):%Y-%m-%d}"


async def test_a_list_of_terms_has_the_hits_of_each(asked: Asked) -> None:
    terms = ("kupfer", "premium", "agreed", "红包", "nobody said this")
    lines = ["# what is looked for", "", *terms]
    report = await report_terms(asked.settings, "is:message", lines, ignore_progress)
    hits = [sum(is_said(each) and term in body_of(each) for each in asked.told) for term in terms]
    assert [(each.line, each.hits) for each in report.terms] == list(enumerate(hits, 3))
    assert all(hits[:4])
    assert hits[4] == 0


async def test_a_custodian_is_handed_over_whole(asked: Asked, tmp_path: Path) -> None:
    result = await export(asked.settings, Wanted("with:chen", "jsonl"), tmp_path / "out", ignore_progress)
    lines = (tmp_path / "out" / "export.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == asked.true(lambda told: are_with(told, CHEN))
    assert result.counts.exported == len(lines)


async def test_a_sample_is_of_what_was_asked_and_by_its_seed(asked: Asked) -> None:
    sample = await draw_sample(
        asked.settings, SampleWanted("from:bob is:message", 20, "may"), ignore_progress
    )
    ids = asked.true(lambda told: is_said(told) and told.sender == BOB)
    ranked = sorted(ids, key=lambda id_: sha256(f"may\n{id_}".encode()).digest())
    assert {view.id for view in sample.records} == set(ranked[:20])
    assert (sample.matched, sample.eligible) == (len(ids), len(ids))


async def test_who_searched_for_what_before(asked: Asked) -> None:
    for query in ("gift", "from:alice insider"):
        await search(asked.settings, query, Page(), ignore_progress)
    history = await find_history(asked.settings, WantedLooks(act="search"), Page(2), ignore_progress)
    looks = [each.access for each in history.looks]
    assert [(each.actor, each.query) for each in looks] == [
        (name_actor(), '"gift"'),
        (name_actor(), 'from:"alice" AND "insider"'),
    ]
