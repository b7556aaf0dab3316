"""What waits for a review, read again and again: each time the same as when it is read anew."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.archive.record import Event, RecordKind
from components.audit.index.forget import forget
from components.audit.index.index import Index
from components.audit.indexed import (
    catch_up_logs,
    find_index_file,
    find_indexed,
    open_indexed,
    open_site_index,
)
from components.audit.review.flagged import Flagged
from components.audit.review.flagged_reader import FlaggedReader
from components.audit.review.rules import load_directory
from components.audit.review.then import Then
from components.process.progress import ignore_progress
from components.rules.recorded_directory import DETAIL, write_listed
from policy.directory.directory import parse_directory
from tests.support.audit_site import T0_NS, Site, make_site
from tests.support.console_site import DIRECTORY, make_console_site

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
NOBODY: Any = {"silent": SimpleNamespace(reviewers=0)}


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_console_site(tmp_path)


@asynccontextmanager
async def up_to_date(site: Site) -> AsyncIterator[Index]:
    async with open_indexed(site.settings) as logs:
        with open_site_index(site.settings) as index:
            await catch_up_logs(site.settings, index, logs, ignore_progress)
            yield index


async def read(
    site: Site, reader: FlaggedReader, added: Sequence[str] = (), rules: Any = NOBODY
) -> Mapping[str, tuple[Flagged, Then]]:
    names = {which: log.name for which, log in find_indexed(site.settings).items()}
    async with up_to_date(site) as index:
        return reader.read(index, names, rules, added, lambda: load_directory(site.settings))


async def read_both(
    site: Site, reader: FlaggedReader, added: Sequence[str] = (), rules: Any = NOBODY
) -> list[tuple[str, tuple[str, ...]]]:
    """Read with a reader that knows what was before, and anew; return the ids, with the rules that matched."""
    again, anew = await read(site, reader, added, rules), await read(site, FlaggedReader(), added, rules)
    assert list(again.items()) == list(anew.items())
    return [(id_, flagged.rules) for id_, (flagged, _) in again.items()]


def flag(site: Site, *rules: str, at_s: float = 0, action: str = "release", text: str = "copper") -> Any:
    return site.say(ALICE, BOB, text, at_s=at_s, action=action, rules=rules)


async def test_what_is_new_comes_to_what_is_known_in_the_order_of_its_time(site: Site) -> None:
    reader = FlaggedReader()
    assert await read_both(site, reader) == []
    await site.record(flag(site, "off-channel", at_s=9), flag(site), flag(site, "silent"))
    assert await read_both(site, reader) == [(site.id_of(0), ("off-channel",))]
    await site.record(flag(site, "bribe", "off-channel", at_s=3), flag(site, "file-held", action="hold"))
    expected = [
        (site.id_of(4), ("file-held",)),
        (site.id_of(3), ("bribe", "off-channel")),
        (site.id_of(0), ("off-channel",)),
    ]
    assert await read_both(site, reader) == expected
    assert await read_both(site, reader) == expected


async def test_nothing_is_read_again_that_was_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.record(*(flag(site, "off-channel", at_s=at_s) for at_s in range(5)))
    reader, seen = FlaggedReader(), list[int]()
    await read(site, reader)
    view = FlaggedReader.read.__globals__["find_then"]

    def count(*given: Any) -> Any:
        seen.append(len(given[-1]))
        return view(*given)

    monkeypatch.setitem(FlaggedReader.read.__globals__, "find_then", count)
    await read(site, reader)
    await site.record(flag(site, "off-channel", at_s=7))
    assert len(await read(site, reader)) == 6
    assert seen == [0, 1]


async def test_what_is_added_is_an_item_while_it_is_asked_for(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(flag(site), flag(site, "silent"), flag(site, "file-held"), flag(site, "off-channel"))
    added = [*(site.id_of(number) for number in range(4)), "gate/9999", "audit/0", "nonsense"]
    items = [(site.id_of(number), rules) for number, rules in enumerate(((), (), ("file-held",)))]
    flagged = (site.id_of(3), ("off-channel",))
    # A file that the line itself held is none of a rule's matches, and nobody can make it one.
    wanted = [*items[:2], flagged]
    assert await read_both(site, reader, added) == wanted
    assert await read_both(site, reader) == [flagged]
    assert await read_both(site, reader, added[:1]) == [items[0], flagged]
    # Added before it is there, and found when it is.
    later = [f"gate/{site.places[-1] + more}" for more in range(1, 9)]
    assert await read_both(site, reader, later) == [flagged]
    await site.record(flag(site, at_s=4), flag(site, at_s=5))
    assert await read_both(site, reader, later) == [flagged, (site.id_of(4), ()), (site.id_of(5), ())]


async def test_a_rule_that_nobody_reviews_any_more_is_gone_and_back_again(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(flag(site, "off-channel"), flag(site, "silent", at_s=1))
    assert len(await read_both(site, reader)) == 1
    assert len(await read_both(site, reader, rules={})) == 2
    none: Any = {"off-channel": SimpleNamespace(reviewers=0), **NOBODY}
    assert await read_both(site, reader, rules=none) == []
    assert len(await read_both(site, reader)) == 1


async def test_topics_that_were_told_later_are_marked(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(flag(site), flag(site, "off-channel", at_s=1))
    await read_both(site, reader)
    async with up_to_date(site) as index:
        first = index.topics_marked("rules one")
        index.mark_topics("rules one", [("football", place) for place in site.places], first + 99)
    assert await read_both(site, reader) == [
        (site.id_of(0), ("football",)),
        (site.id_of(1), ("football", "off-channel")),
    ]
    async with up_to_date(site) as index:
        index.topics_marked("rules two")
    assert await read_both(site, reader) == [(site.id_of(1), ("off-channel",))]


async def test_what_is_destroyed_waits_no_more(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(flag(site, "off-channel"), flag(site, "off-channel", at_s=1))
    await read_both(site, reader)
    for gone in (0, 1):
        async with up_to_date(site) as index:
            with index.change() as db:
                forget(db, [site.places[gone]])
        assert len(await read_both(site, reader)) == 1 - gone


async def test_whose_it_was_is_judged_anew_when_the_log_tells_more(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(flag(site, "off-channel", at_s=50))
    ((_, before),) = (await read(site, reader)).values()
    assert (before.desk, before.parties.enterprises) == ("metals", frozenset({"metals"}))
    moved = parse_directory(
        DIRECTORY.replace('"Alice Adler", desk = "metals"', '"Alice Adler", desk = "options"')
    )
    await site.record(Event(RecordKind.RULES, "in-force", ((DETAIL, write_listed(moved)),), T0_NS + 10**9))
    ((_, after),) = (await read(site, reader)).values()
    assert after.desk == "options"
    await read_both(site, reader)


async def test_without_a_recorded_directory_it_is_that_of_today(tmp_path: Path) -> None:
    site = await make_site(tmp_path)
    directory = site.settings.gate.directory_file
    directory.write_text(DIRECTORY)
    await site.record(flag(site, "off-channel"))
    reader = FlaggedReader()
    ((_, before),) = (await read(site, reader)).values()
    directory.write_text(
        DIRECTORY.replace('"Alice Adler", desk = "metals"', '"Alice Adler", desk = "options"')
    )
    ((_, after),) = (await read(site, reader)).values()
    assert (before.desk, after.desk) == ("metals", "options")


async def test_an_index_that_was_made_anew_is_read_anew(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(flag(site, "off-channel"), flag(site, "bribe", at_s=1))
    wanted = await read_both(site, reader)
    find_index_file(site.settings).unlink()
    assert await read_both(site, reader) == wanted
    async with up_to_date(site) as index:
        # As of another log: the places are the same, and what stands there is not.
        with index.change() as db:
            db.execute("UPDATE entry SET received_at_ns = received_at_ns + 5")
    assert [id_ for id_, _ in await read_both(site, reader)] == [id_ for id_, _ in wanted]


async def test_what_fails_is_read_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FlaggedReader()
    await site.record(flag(site, "off-channel"))
    await read_both(site, reader)
    await site.record(flag(site, "bribe", at_s=1))

    def fail(*_: object) -> None:
        raise OSError("of a disk")

    with monkeypatch.context() as patch:
        patch.setitem(FlaggedReader.read.__globals__, "find_then", fail)
        with pytest.raises(OSError, match="of a disk"):
            await read(site, reader)
    assert [rules for _, rules in await read_both(site, reader)] == [("off-channel",), ("bribe",)]


async def test_what_has_not_changed_is_not_put_together_again(site: Site) -> None:
    reader = FlaggedReader()
    await site.record(site.say(ALICE, BOB, "a tip", rules=("tips",)))
    first = await read(site, reader)
    assert list(first) == [site.id_of(0)]
    await site.record(site.say(ALICE, BOB, "nothing", at_s=1))
    assert await read(site, reader) is first
    await site.record(site.say(ALICE, BOB, "another tip", at_s=2, rules=("tips",)))
    assert list(await read(site, reader)) == [site.id_of(0), site.id_of(2)]
    assert list(first) == [site.id_of(0)]
    # What somebody is about to put into a queue is there for that look alone.
    assert site.id_of(1) in await read(site, reader, [site.id_of(1)])
    assert site.id_of(1) not in await read(site, reader)
