"""Made-up conversations to search: always the same ones, in a real log, and beside it in plain FTS5."""

import random
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import uvloop

from components.archive.record import Delivery, RecordKind, Submission, encode_delivery, encode_submission
from components.archive.writer import DEFAULT_CLASS, Entry
from tests.bench.archive_log import open_log

SEED = 20261129
PEOPLE = 500
BEGIN_NS = 1_780_000_000_000_000_000
_STEP_NS = 2_000_000_000
_WORDS = 30_000
_BATCH = 100
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
_CJK = "铜价上涨买入卖出明天市场交易内部消息合同公司银行客户报告会议价格"


def make_words() -> list[str]:
    """Make the words that people use, the commonest first."""
    chance = random.Random(SEED)
    found: dict[str, None] = {}
    while len(found) < _WORDS:
        length = min(12, 2 + int(chance.expovariate(0.25)))
        found["".join(chance.choices(_LETTERS, range(26, 0, -1), k=length))] = None
    return list(found)


def make_texts(words: list[str], chance: random.Random) -> Iterator[str]:
    """Make what people say: 2 to 14 words, the commoner the more often; one in twenty in Chinese."""
    weights = [1 / (rank + 3) for rank in range(len(words))]
    while True:
        drawn = iter(chance.choices(words, weights, k=10_000))
        for _ in range(900):
            if chance.random() < 0.05:
                yield "".join(chance.choices(_CJK, k=chance.randint(4, 16)))
            else:
                yield " ".join(islice(drawn, chance.randint(2, 14)))


def make_submissions(count: int, first: int = 0, at_ns: int | None = None) -> Iterator[Submission]:
    """Make messages: 500 people of two enterprises, each with a few others; one in fifty is refused by a rule."""
    chance = random.Random(SEED + first)
    texts = make_texts(make_words(), chance)
    for number in range(first, first + count):
        sender = int(chance.paretovariate(1.1)) % PEOPLE
        to, firm = (sender + 2 * chance.randint(1, 8)) % PEOPLE, ("metals", "grain")[sender % 2]
        body = (
            f"<message xmlns='jabber:client' from='p{sender}@{firm}.example/desk' to='p{to}@{firm}.example'"
            f" type='chat' id='m{number}'><body>{next(texts)}</body></message>"
        )
        is_refused = chance.random() < 0.02
        yield Submission(
            RecordKind.STANZA, "9f2c1a7b", number, "c2s", "c7",
            BEGIN_NS + number * _STEP_NS if at_ns is None else at_ns,
            "refuse" if is_refused else "release", ("lexicon-1",) if is_refused else (), None, body.encode(),
        )  # fmt: skip


def write_log(path: Path, count: int) -> None:
    """Write a log of so many messages."""
    uvloop.run(_write_log(path, count))


async def _write_log(path: Path, count: int) -> None:
    made = make_submissions(count)
    async with open_log(path) as writer:
        while batch := list(islice(made, _BATCH)):
            entries = [Entry(RecordKind.STANZA, encode_submission(each), DEFAULT_CLASS) for each in batch]
            carried_out = Delivery("9f2c1a7b", batch[-1].seq, ())
            entries.append(Entry(RecordKind.DELIVERY, encode_delivery(carried_out), DEFAULT_CLASS))
            await writer.append(entries)
            writer.integrate()


def fill_plain(path: Path, count: int) -> None:
    """Put the same texts into FTS5 of Python's own SQLite, as its defaults have it, with the texts kept."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE VIRTUAL TABLE message USING fts5 (text)")
    made = make_submissions(count)
    while batch := list(islice(made, 5000)):
        database.execute("BEGIN")
        rows = [(each.seq, read_text(each)) for each in batch]
        database.executemany("INSERT INTO message (rowid, text) VALUES (?, ?)", rows)
        database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def read_text(submission: Submission) -> str:
    """Return the text of a message made here; characters of Chinese apart, as an index of words needs them."""
    text = submission.body.decode().partition("<body>")[2].partition("</body>")[0]
    return text if text.isascii() else " ".join(text)
