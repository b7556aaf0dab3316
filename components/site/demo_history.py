"""A demonstration's weeks of made-up talk: in a log of its own, which says so (docs/decisions/0210)."""

import time
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from random import Random

from components.archive.conversation import ConversationHash
from components.archive.durable import PRIVATE_FOLDER, make_folder
from components.archive.keys import load_conversation_key, load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.record import (
    Delivery,
    Event,
    RecordKind,
    Submission,
    encode_delivery,
    encode_event,
    encode_submission,
)
from components.archive.store.open import log_file, open_store
from components.archive.writer import Entry
from components.settings.history import HistorySettings
from components.settings.site import SiteFile
from components.site.history.plan import NS_PER_S, Plan
from components.site.history.talk import make_talk
from components.site.history.told import Speaker, Told
from policy.directory.directory import Directory, parse_directory
from policy.directory.enterprise import Enterprise, Person, Role

MADE_UP = "made-up"
"""The name of the first record of such a log, and what the session and epoch of each of its records begin with."""

_SEED = 14
_WEEKS = 5
_TURNS = 4_000
_OFFICE_STEP_S = 265.0
_ENTRIES_AT_ONCE = 500
_LANGUAGES = ("de", "zh", "ko", "ar", "ru")
_TALKS = 6  # people of each firm


def history_table() -> str:
    """Write the `[history]` table of a demonstration's site.toml."""
    return (
        "\n[history]                              # weeks of made-up talk, so that there is something to find:\n"
        'log = "archive/history.db"             # nobody said it on this line, so it has a log of its own\n'
        'log_origin = "steelyard.example/made-up-history"\n'
        'log_key_file = "keys/log-history.key"\n'
    )


async def make_history(settings: SiteFile) -> int:
    """Fill the log of made-up talk of a demonstration, if it is empty; return how many records it got.

    Killed in the middle, it is left with a part of it: the next start begins no second one.
    """
    history = settings.find(HistorySettings)
    if history is None or (log := history.log_settings(settings.folder)).is_begun:
        return 0
    directory = parse_directory(settings.gate.directory_file.read_text())
    hashes = ConversationHash(load_conversation_key(settings.archive.conversation_key_file))
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    now_ns = time.time_ns()
    if (file := log_file(log.store)) is not None:
        make_folder(file.parent, PRIVATE_FOLDER)
    writer = await open_log_writer(await open_store(log.store), log.key_file, log.origin, recipients)
    count = 0
    try:
        await writer.append([_announce(now_ns)])
        entries = (_enter(told, hashes) for told in make_up(directory, now_ns))
        while some := list(islice(entries, _ENTRIES_AT_ONCE)):
            await writer.append(some)
            count += len(some)
    finally:
        await writer.close()
    return count


def make_up(directory: Directory, now_ns: int) -> Iterator[Told]:
    """Yield the talk of some weeks until a time among the people of each enterprise, one to one and in its rooms."""
    begin_ns = now_ns - _WEEKS * 7 * 86_400 * NS_PER_S
    until_ns = now_ns - 3600 * NS_PER_S
    talks = [
        make_talk(_plan(firm, number, begin_ns, until_ns))
        for number, firm in enumerate(sorted(directory.enterprises, key=lambda firm: -len(firm.people)))
        if len(_choose(firm)) > 1
    ]
    return merge(*talks, key=lambda told: told.at_ns)


def _choose(firm: Enterprise) -> list[Person]:
    """Return who talks: traders first, and no auditors."""
    people = (person for person in firm.people if Role.AUDITOR not in person.roles)
    return sorted(people, key=lambda person: (Role.TRADER not in person.roles, person.jid))[:_TALKS]


def _plan(firm: Enterprise, number: int, begin_ns: int, until_ns: int) -> Plan:
    """Plan an enterprise's talk: the first person writes English, the others one more language each."""
    languages = ("en", *Random(_SEED + number).sample(_LANGUAGES, len(_LANGUAGES)))  # noqa: S311
    speakers = [
        Speaker(person.jid, person.name, person.desk or "", language, firm.id)
        for person, language in zip(_choose(firm), languages, strict=False)
    ]
    return Plan(
        _SEED + number,
        speakers,
        [room.jid for room in firm.rooms],
        _TURNS // (1 + number),
        begin_ns,
        _OFFICE_STEP_S * (1 + number),
        until_ns=until_ns,
        epoch=f"{MADE_UP}-{firm.id}",
        session=f"{MADE_UP}-",
        is_office=True,
        has_files=True,
    )


def _announce(now_ns: int) -> Entry:
    """Return the first record: what follows was made up, by what and when."""
    details: Iterable[tuple[str, str | int]] = (
        ("by", "steelyard up --demo"),
        ("seed", _SEED),
        ("what", "what follows was made up for a demonstration: nobody said it on this line"),
    )
    event = Event(RecordKind.RULES, MADE_UP, tuple(sorted(details)), now_ns)
    return Entry(RecordKind.RULES, encode_event(event))


def _enter(told: Told, hashes: ConversationHash) -> Entry:
    match told.record:
        case Submission() as submission:
            room = told.to if told.present else ""
            known = hashes.of_room(room) if room else hashes.of_people(told.sender, told.to)
            payload = encode_submission(submission)
            return (
                Entry(submission.kind, payload, conversation=known)
                if told.to
                else Entry(submission.kind, payload)
            )
        case Delivery() as delivery:
            return Entry(RecordKind.DELIVERY, encode_delivery(delivery))
        case Event() as event:
            return Entry(event.kind, encode_event(event))
