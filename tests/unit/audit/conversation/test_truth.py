"""A reader shows exactly what the seeded generator knows to be true: edits, retractions, presence, by pair and room."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.record import Submission
from components.audit.conversation.item import Fate, Item, ItemKind
from components.audit.conversation.read import ConversationView, Whole, read_conversation
from components.audit.marks import Mark
from tests.support.audit_site import Site, make_site
from tests.support.history import PEOPLE, ROOMS, Told, make_history

pytestmark = pytest.mark.slow

TURNS = 1_500
PAIR = (PEOPLE[0].jid, PEOPLE[1].jid)


class Known:
    """A site with made-up talk in its log, and the truth about each record by its id."""

    def __init__(self, site: Site, told: list[Told]) -> None:
        self.site = site
        self.told = told
        self.ids = {each.number: site.id_of(each.number) for each in told}
        self.by_id = {self.ids[each.number]: each for each in told}

    def read(self, *parties: str) -> list[Item]:
        """All items, page by page, from the newest on back."""
        items: list[Item] = []
        view = self.page(Whole(parties, 100))
        while True:
            items = [*view.items, *items]
            if not view.more_before:
                return items
            view = self.page(Whole(parties, 100, before=view.more_before))

    def page(self, what: Whole) -> ConversationView:
        return asyncio.run(read_conversation(self.site.settings, what, lambda done, total: None))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    folder: Path = tmp_path_factory.mktemp("site")
    site = asyncio.run(make_site(folder))
    told = list(make_history(TURNS, restart_after=700, has_files=True))
    asyncio.run(site.record(*(each.record for each in told)))
    yield Known(site, told)


@pytest.mark.parametrize("parties", [PAIR, (ROOMS[0],)])
def test_everything_said_is_there_once_and_in_order(known: Known, parties: tuple[str, ...]) -> None:
    items = known.read(*parties)
    said = [item.record for item in items if item.kind is ItemKind.MESSAGE]
    true = [
        known.ids[each.number] for each in known.told if each.mark is Mark.MESSAGE and among(each, parties)
    ]
    assert said == true
    assert len(said) > 50
    assert [item.versions[0].text for item in items if item.kind is ItemKind.MESSAGE] == [
        known.by_id[record].text for record in said
    ]


@pytest.mark.parametrize("parties", [PAIR, (ROOMS[0],)])
def test_every_edit_is_a_version_of_its_message_and_nothing_else_is(
    known: Known, parties: tuple[str, ...]
) -> None:
    found = {
        (version.record, item.record, version.text)
        for item in known.read(*parties)
        for version in item.versions[1:]
    }
    own = [each for each in known.told if each.mark is Mark.CORRECTION and among(each, parties)]
    true = {(known.ids[each.number], known.ids[each.target], each.text) for each in own if each.is_valid}
    assert found == true
    assert true
    for each in own:
        if not each.is_valid:
            items = [item for item in known.read(*parties) if item.record == known.ids[each.number]]
            assert [item.kind for item in items] == [ItemKind.CORRECTION]
            assert any("somebody else" in remark for remark in items[0].remarks)


@pytest.mark.parametrize("parties", [PAIR, (ROOMS[0],)])
def test_every_retraction_is_told_with_what_was_retracted(known: Known, parties: tuple[str, ...]) -> None:
    found = {
        (item.retraction.record, item.record) for item in known.read(*parties) if item.retraction is not None
    }
    true = {
        (known.ids[each.number], known.ids[each.target])
        for each in known.told
        if each.mark is Mark.RETRACTION and among(each, parties)
    }
    assert found == true
    assert true


def test_receipts_and_markers_are_told(known: Known) -> None:
    found = {
        (item.record, each.how, each.act.by.jid.partition("/")[0])
        for item in known.read(*PAIR)
        for each in item.acknowledgements
    }
    hows = {Mark.RECEIPT: "received", Mark.MARKER: "displayed"}
    true = {
        (known.ids[each.target], hows[each.mark], each.sender)
        for each in known.told
        if each.mark in hows and among(each, PAIR)
    }
    assert found == true


@pytest.mark.parametrize("parties", [PAIR, (ROOMS[0],)])
def test_reactions_are_those_that_a_person_made_last(known: Known, parties: tuple[str, ...]) -> None:
    found = {
        (item.record, reaction.emoji, act.by.jid.partition("/")[0])
        for item in known.read(*parties)
        for reaction in item.reactions
        for act in reaction.acts
    }
    last: dict[tuple[int, str], tuple[str, ...]] = {}
    for each in known.told:
        if each.mark is Mark.REACTION and among(each, parties):
            last[each.target, each.sender] = each.emojis
    true = {(known.ids[number], emoji, who) for (number, who), some in last.items() for emoji in some}
    assert found == true


def test_who_was_in_the_room_is_told_of_each_message(known: Known) -> None:
    items = [item for item in known.read(ROOMS[0]) if item.kind is ItemKind.MESSAGE]
    for item in items:
        present = {party.jid.partition("/")[0] for party in item.audience}
        if not item.fate.reached_nobody:
            assert present == set(known.by_id[item.record].present)
    moves = [item for item in known.read(ROOMS[0]) if item.kind in (ItemKind.JOIN, ItemKind.LEAVE)]
    true = [
        known.ids[each.number]
        for each in known.told
        if each.mark in (Mark.JOIN, Mark.LEAVE)
        and each.to == ROOMS[0]
        and isinstance(each.record, Submission)
        and each.record.way == "c2s"
    ]
    assert [item.record for item in moves] == true


def test_files_are_told_with_the_message_that_has_them(known: Known) -> None:
    items = [item for parties in (PAIR, (ROOMS[0],)) for item in known.read(*parties)]
    found = {item.record for item in items if item.files}
    true = {
        known.ids[each.number]
        for each in known.told
        if each.file and (among(each, PAIR) or among(each, (ROOMS[0],)))
    }
    assert found == true
    assert true


def test_what_was_refused_or_held_is_told_with_the_reason(known: Known) -> None:
    items = [item for parties in (PAIR, (ROOMS[0],), (ROOMS[1],)) for item in known.read(*parties)]
    fates = {item.fate: item for item in items}
    assert "Prices are told in the deals room only." in fates[Fate.REFUSED].why
    assert fates[Fate.HELD].why == "review-prices"
    assert fates[Fate.HELD].audience == ()


def test_replies_tell_what_they_answer(known: Known) -> None:
    items = {item.record: item for item in known.read(ROOMS[0])}
    replies = [
        each for each in known.told if each.mark is Mark.MESSAGE and each.target >= 0 and each.to == ROOMS[0]
    ]
    assert replies
    for each in replies:
        item = items[known.ids[each.number]]
        assert item.about is not None
        assert item.about.record == known.ids[each.target]
        assert item.about.text == known.told[each.target].text
        assert item.remarks == ()


def among(told: Told, parties: tuple[str, ...]) -> bool:
    """Whether something was said among just these."""
    return told.to == parties[0] if len(parties) == 1 else {told.sender, told.to} == set(parties)
