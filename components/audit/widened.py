"""To which words a near spelling is widened: those that are in any text, as far as an auditor may know it."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.audit.index.database import Connection
from components.audit.index.logs import IndexedLog
from components.audit.query import tree
from components.audit.query.arabic import forms_of
from components.audit.query.compile import Where, compile_query
from components.audit.query.ids import OWN_WORDS
from components.audit.query.matching import match_spellings

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
    db: Connection, spelling: tree.Spelling, inside: Where | None, logs: Sequence[IndexedLog]
) -> Widened:
    """Widen a near spelling; with a scope `inside`, to words of its texts alone."""
    found = _find_near(db, spelling)
    if inside is not None:
        found = [word for word in found if _is_said_inside(db, word, inside)]
    elif IndexedLog.AUDIT not in logs:
        # What auditors looked for is nobody's to read here.
        found = [word for word in found if _is_said(db, word)]
    return Widened(spelling, tuple(found[:MAX_SPELLINGS]), len(found) > MAX_SPELLINGS)


def _find_near(db: Connection, spelling: tree.Spelling) -> list[str]:
    """Return the words of all texts that a near spelling finds, the nearest first."""
    if not spelling.apart:
        return [form for form in forms_of(spelling.word) if is_in_texts(db, form)]
    words = {
        word
        for table in _WORD_TABLES
        for (word,) in db.execute(
            _NEAR_LENGTH.format(words=db.name_vocabulary(table)),
            (*OWN_WORDS, len(spelling.word) - spelling.apart, len(spelling.word) + spelling.apart),
        )
    }
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


def has(db: Connection, condition: str, values: tuple[str | int | None, ...], inside: Where) -> bool:
    """Return whether there is a record that meets a condition within a scope."""
    sql = f"SELECT 1 FROM entry WHERE {condition} AND {inside.sql} LIMIT 1"  # noqa: S608 - constant
    return db.execute(sql, (*values, *inside.parameters)).fetchone() is not None
