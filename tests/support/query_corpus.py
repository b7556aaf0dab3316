"""A seeded corpus of the gate's log in several languages, and an index of it: no server, no log, no keys."""

import random
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from xml.sax.saxutils import escape

from components.archive.log.leaf import Leaf
from components.archive.opener import OpenedRecord, RecordOpener
from components.archive.reader import StoredRecord
from components.archive.record import (
    Delivery,
    Event,
    Record,
    RecordKind,
    Submission,
    encode_delivery,
    encode_event,
    encode_submission,
)
from components.audit.index.index import Index, IndexPlace
from components.audit.index.logs import IndexedLog
from components.audit.index.rows import Rows
from components.audit.index.schema import make_tables
from components.rules.recorded_directory import DETAIL, write_listed
from policy.content.fold import FOLD_VERSION
from policy.directory.directory import parse_directory

T0_NS = 1_795_464_245_000_000_000
STEP_NS = 1_700_000_000_000

_LATIN = """
copper coper Copper price tin insider 1nsider Zürich Zuerich straße Müller mueller e\u0301te\u0301 résumé don't
3.14 t.i.n go\u200bld \u202eegnahcxe ＧＯＬＤ w/5 NEAR a b
"""
_OTHERS = """
сору рынок 铜价 上涨 广州 廣州 内部消息 かいぎ 会議 내부자가 내부자거래 거래를 구리는 سعر النحاس مُحَمَّد זהב שָׁלוֹם
हिन्दी ทองคำ 👍🏽 🚀
والنحاس نحاسهم للنحاس نجاس بصفقته صفقة
"""
WORDS = tuple((_LATIN + _OTHERS).split())
PEOPLE = (
    "alice@metals.example",
    "bob@metals.example",
    "carol@metals.example",
    "eve@grain.example",
    "x@strange.example",
)
ROOMS = ("desk@rooms.metals.example", "floor@rooms.grain.example")
IDS = ("m1", "m2", "m3", "m4")

_PERSON = '  {{ jid = "{jid}", name = "{name}", desk = "{desk}", roles = ["trader"] }},\n'
_DIRECTORY = """
gate = "gate.example"
[enterprise.metals]
name = "{firm}"
sites = [{{ domain = "metals.example", rooms = "rooms.metals.example" }}]
desk = [{{ id = "base", name = "Base metals" }}, {{ id = "precious", name = "{desk}" }}]
person = [
{people}]
room = [{{ jid = "desk@rooms.metals.example", name = "Morgenrunde Zürich" }}]
[enterprise.grain]
name = "Grain Brothers"
sites = [{{ domain = "grain.example", rooms = "rooms.grain.example" }}]
desk = [{{ id = "floor", name = "Trading floor" }}]
person = [{{ jid = "eve@grain.example", name = "Eve Evans", desk = "floor", roles = ["trader"] }}]
"""


@dataclass
class Corpus:
    """Records with their places, in the log's order; it stands in for an opened log, too."""

    records: list[tuple[int, Record]] = field(default_factory=list)

    async def fetch(
        self, position: int, count: int, wanted: Container[int] | None = None
    ) -> list[OpenedRecord]:
        """As `RecordOpener.fetch` does."""
        there = range(position, position + count)
        return [
            open_made(place, record)
            for place, record in self.records
            if place in there and (wanted is None or place in wanted)
        ]


def make_corpus(seed: int, count: int = 120) -> Corpus:
    """Make up a log."""
    chance = random.Random(seed)
    corpus = Corpus()
    directories = [_make_directory(random.Random(f"{seed} {number}")) for number in range(3)]
    at_ns, seq, epoch, directory = T0_NS, 0, 1, ""
    for place in range(1, count + 1):
        at_ns += chance.randrange(0, STEP_NS)
        kind = chance.random()
        if place == count // 9 or (directory and kind < 0.02):
            after = chance.choice(directories)
            corpus.records.append((place, _list(after, directory if chance.random() < 0.7 else "", at_ns)))
            directory = after
        elif kind < 0.1:
            through = max(0, seq - chance.randrange(0, 3))
            bounced = tuple(
                {chance.randrange(max(0, seq - 6), seq + 1) for _ in range(chance.randrange(0, 2))}
            )
            corpus.records.append((place, Delivery(f"e{epoch}", through, bounced)))
        else:
            epoch += chance.random() < 0.01
            seq += 1
            corpus.records.append((place, _submit(chance, f"e{epoch}", seq, at_ns)))
    return corpus


@contextmanager
def open_corpus(corpus: Corpus, into: IndexPlace, batch: int = 50) -> Iterator[Index]:
    """Index a corpus, some records at a time, as a search does."""
    with Index(into) as index:
        with index.change() as db:
            make_tables(index._db, FOLD_VERSION, "")
            db.execute("INSERT INTO state VALUES (0, 'gate', ?, ?)", (len(corpus.records) + 1, b""))
            for start in range(0, len(corpus.records), batch):
                rows = Rows(IndexedLog.GATE, None)
                for place, record in corpus.records[start : start + batch]:
                    rows.add(open_made(place, record))
                rows.insert(db)
        yield index


def as_logs(corpus: Corpus) -> dict[IndexedLog, RecordOpener]:
    """Return the corpus as the gate's log, of which only `fetch` is there."""
    return {IndexedLog.GATE: cast(RecordOpener, corpus)}


def open_made(place: int, record: Record) -> OpenedRecord:
    """Return a record as it is read from a log, with this number in it."""
    kind, payload = _encode(record)
    leaf = Leaf(1, kind, cast(Any, place), T0_NS, cast(Any, 1), 0, place, len(payload), bytes(16), bytes(32))
    return OpenedRecord(StoredRecord(cast(Any, place), leaf, payload), payload)


def _encode(record: Record) -> tuple[RecordKind, bytes]:
    match record:
        case Submission():
            return record.kind, encode_submission(record)
        case Delivery():
            return RecordKind.DELIVERY, encode_delivery(record)
        case Event():
            return record.kind, encode_event(record)
    raise TypeError(record)


def _make_directory(chance: random.Random) -> str:
    people = [("alice", chance.choice(["Alice Müller", "Alice Arden"])), ("bob", "Bob Baker")]
    people += [("carol", "Carol Castle")] * chance.randrange(0, 2)
    lines = [
        _PERSON.format(jid=f"{local}@metals.example", name=name, desk=chance.choice(["base", "precious"]))
        for local, name in people
    ]
    firm, desk = chance.choice(["Metals AG", "Metall Zürich"]), chance.choice(["Edelmetalle", "Precious"])
    return _DIRECTORY.format(firm=firm, desk=desk, people="".join(lines))


def _list(after: str, before: str, at_ns: int) -> Event:
    lines = write_listed(parse_directory(after), parse_directory(before) if before else None)
    return Event(RecordKind.RULES, "changed" if before else "in-force", ((DETAIL, lines),), at_ns)


def _submit(chance: random.Random, epoch: str, seq: int, at_ns: int) -> Submission:
    sender = f"{chance.choice(PEOPLE)}/{chance.choice(['desk', 'phone'])}"
    action = chance.choices(["release", "amend", "hold", "refuse"], [12, 1, 1, 2])[0]
    rules = ("rate",) if action == "refuse" else ()
    kind, xml = _write(chance, sender)
    return Submission(kind, epoch, seq, "c2s", "c7", at_ns, action, rules, None, xml.encode())


def _write(chance: random.Random, sender: str) -> tuple[RecordKind, str]:
    what = chance.random()
    if what < 0.04:
        return RecordKind.SESSION, f"<{chance.choice(['unbind', 'bind'])} jid='{sender}'/>"
    room = chance.choice(ROOMS)
    if what < 0.2:
        leaves = chance.random() < 0.4
        nick = chance.choice([sender.split("@", maxsplit=1)[0], "Nick"])
        join = "" if leaves else "<x xmlns='http://jabber.org/protocol/muc'/>"
        kind = " type='unavailable'" if leaves else ""
        return (
            RecordKind.STANZA,
            f"<presence xmlns='jabber:client' from='{sender}' to='{room}/{nick}'{kind}>{join}</presence>",
        )
    if what < 0.24:
        return (
            RecordKind.STANZA,
            f"<iq xmlns='jabber:client' from='{sender}' type='get' id='{chance.choice(IDS)}'/>",
        )
    in_room = chance.random() < 0.4
    to = room if in_room else chance.choice(PEOPLE)
    kind = "groupchat" if in_room else chance.choice(["chat", "chat", "chat", "normal", ""])
    type_ = f" type='{kind}'" if kind else ""
    id_ = f" id='{chance.choice(IDS)}'" if chance.random() < 0.7 else ""
    inside = _say(chance)
    return (
        RecordKind.STANZA,
        f"<message xmlns='jabber:client' from='{sender}' to='{to}'{type_}{id_}>{inside}</message>",
    )


def _say(chance: random.Random) -> str:
    target = chance.choice(IDS)
    body = f"<body>{escape(_make_text(chance))}</body>"
    more = chance.choice(
        [
            "",
            "",
            f"<thread>t{chance.randrange(3)}</thread>",
            f"<origin-id xmlns='urn:xmpp:sid:0' id='o{target}'/>",
        ]
    )
    return (
        more
        + chance.choices(
            [
                body,
                f"<replace xmlns='urn:xmpp:message-correct:0' id='{target}'/>{body}",
                f"<retract xmlns='urn:xmpp:message-retract:1' id='{chance.choice(['', 'o'])}{target}'/>",
                f"<reactions xmlns='urn:xmpp:reactions:0' id='{target}'><reaction>👍</reaction></reactions>",
                f"<received xmlns='urn:xmpp:receipts' id='{target}'/>",
                f"{body}<displayed xmlns='urn:xmpp:chat-markers:0' id='{target}'/>",
                "<active xmlns='http://jabber.org/protocol/chatstates'/>",
            ],
            [12, 2, 2, 1, 1, 1, 1],
        )[0]
    )


def _make_text(chance: random.Random) -> str:
    words: Sequence[str] = chance.choices(WORDS, k=chance.randrange(1, 9))
    return chance.choice([" ", " ", " ", ", ", "\n"]).join(words)
