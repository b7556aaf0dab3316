"""To which words a near spelling is widened: those that are in any text, as far as an auditor may know it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from components.audit.index.database import Connection
from components.audit.index.logs import IndexedLog
from components.audit.query import tree
from components.audit.query.arabic import forms_of
from components.audit.query.compile import Where, compile_query
from components.audit.query.ids import OWN_WORDS
from components.audit.query.matching import match_spellings

_LONGEST_LISTED = 500  # PostgreSQL's list of words has no longer ones
_LAST = "\U0010ffff"  # sorts after every character of a word
MAX_SPELLINGS = 1_000
"""A word is widened to so many others, the nearest."""

_WORD_TABLES = ("word", "content_word")
# Of the words of texts; the index's own, of which there are as many as records, are not gone through.
_NEAR_LENGTH = """
SELECT term FROM (
    SELECT term FROM {words} WHERE term <= ? UNION ALL SELECT term FROM {words} WHERE term >= ?
) AS near WHERE length(term) BETWEEN ? AND ?
"""
# The log of looks stands behind all others.
_FIRST_WITH = "SELECT word.rowid FROM word WHERE word MATCH ? ORDER BY word.rowid LIMIT 1"
_FILE_WITH = "SELECT content_word.rowid FROM content_word WHERE content_word MATCH ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class Widened:
    """To which folded words a near spelling was widened; `is_cut`: there are more."""

    spelling: tree.Spelling
    words: tuple[str, ...]
    is_cut: bool = False


def widen(
    db: Connection, spellings: Sequence[tree.Spelling], inside: Where | None, logs: Sequence[IndexedLog]
) -> tuple[Widened, ...]:
    """Widen near spellings; with a scope `inside`, to words of its texts alone."""
    words = _read_words(db, [each for each in spellings if each.apart])
    return tuple(_widen(db, each, words, inside, logs) for each in spellings)


def _widen(
    db: Connection,
    spelling: tree.Spelling,
    words: Collection[str],
    inside: Where | None,
    logs: Sequence[IndexedLog],
) -> Widened:
    near: Iterable[str] = _find_near(db, spelling, words)
    if inside is not None:
        near = (word for word in near if _is_said_inside(db, word, inside))
    elif IndexedLog.AUDIT not in logs:
        # What auditors looked for is nobody's to read here.
        near = (word for word in near if _is_said(db, word))
    found = tuple(islice(near, MAX_SPELLINGS + 1))
    return Widened(spelling, found[:MAX_SPELLINGS], len(found) > MAX_SPELLINGS)


def _read_words(db: Connection, spellings: Sequence[tree.Spelling]) -> set[str]:
    """Return the words of all texts that are about as long as some: they are gone through once for all of these."""
    if not spellings:
        return set()
    least = min(len(each.word) - each.apart for each in spellings)
    most = max(len(each.word) + each.apart for each in spellings)
    return {
        word
        for table in _WORD_TABLES
        for (word,) in db.execute(
            _NEAR_LENGTH.format(words=db.name_vocabulary(table)), (*OWN_WORDS, least, most)
        )
    }


def _find_near(db: Connection, spelling: tree.Spelling, words: Collection[str]) -> list[str]:
    """Return those of the words of all texts that a near spelling finds, the nearest first."""
    if not spelling.apart:
        return [form for form in forms_of(spelling.word) if is_in_texts(db, form)]
    # Few searches need it, and each would wait while it is imported.
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import extract_iter

    near = extract_iter(spelling.word, words, scorer=OSA.distance, score_cutoff=spelling.apart)
    return [word for _, word in sorted((apart, word) for word, apart, _ in near)]


def _is_said(db: Connection, word: str) -> bool:
    """Return whether a word is in a text of another log than that of looks, or in a file."""
    match = match_spellings([word])
    first = db.execute(_FIRST_WITH, (match,)).fetchone()
    if first is not None and int(str(first[0])) < IndexedLog.AUDIT.place(0):
        return True
    return db.execute(_FILE_WITH, (match,)).fetchone() is not None


def _is_said_inside(db: Connection, word: str, inside: Where) -> bool:
    where = compile_query(tree.Words((word,)))
    return has(db, where.sql, where.parameters, inside)


def is_in_texts(db: Connection, word: str) -> bool:
    """Return whether a folded word is in any text or file."""
    return any(
        db.execute(f"SELECT 1 FROM {db.name_vocabulary(table)} WHERE term = ?", (word,)).fetchone()  # noqa: S608
        for table in _WORD_TABLES
    )


def find_absent(db: Connection, words: Iterable[tuple[str, Sequence[str]]]) -> frozenset[str]:
    """Return which folded words, each with one of its endings, are in no text or file."""
    absent = set[str]()
    for word, endings in words:
        spelt = {each for ending in endings if len(each := f"{word}{ending}") <= _LONGEST_LISTED}
        if len(spelt) == 1:
            absent.update(each for each in spelt if not is_in_texts(db, each))
        else:  # of hundreds of endings, a few are in texts
            absent |= spelt.difference(_read_beginning(db, word))
    return frozenset(absent)


def _read_beginning(db: Connection, begin: str) -> Iterator[str]:
    for table in _WORD_TABLES:
        sql = f"SELECT term FROM {db.name_vocabulary(table)} WHERE term >= ? AND term <= ?"  # noqa: S608 - constant
        yield from (word for (word,) in db.execute(sql, (begin, begin + _LAST)))


def has(db: Connection, condition: str, values: tuple[str | int | None, ...], inside: Where) -> bool:
    """Return whether there is a record that meets a condition within a scope."""
    sql = f"SELECT 1 FROM entry WHERE {condition} AND {inside.sql} LIMIT 1"  # noqa: S608 - constant
    return db.execute(sql, (*values, *inside.parameters)).fetchone() is not None
