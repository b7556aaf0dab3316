"""Whatever is wrong with a query is told at its place, in each language of the console."""

import pytest

from components.audit.console.languages import DEFAULT, NAMES
from components.audit.console.render import Texts
from components.audit.query.error import QueryError
from components.audit.query.faults import TEXTS
from components.audit.query.limits import (
    MAX_CHARACTERS,
    MAX_NESTING,
    MAX_PATTERNS,
    MAX_SIMILAR,
    MAX_SPELLINGS_ASKED,
    MAX_TERMS,
)
from components.audit.query.parser import parse_query
from tests.support.audit_site import T0_NS

WRONG = {
    "long": ("x" * (MAX_CHARACTERS + 1), MAX_CHARACTERS),
    "unicode": ("copper \ud800", 7),
    "quote": ('copper "price', 7),
    "terms": ("x: " + "a " * MAX_TERMS, 2 * MAX_TERMS + 1),
    "nesting": ("(" * (MAX_NESTING + 1) + "x", MAX_NESTING),
    "unopened": ("copper)", 6),
    "nothing": ("()", 0),
    "unclosed": ("tin (copper", 4),
    "follow": ("copper AND", 10),
    "empty": ("copper ()", 8),
    "option": ("copper --limit", 8),
    "negations": ("NOT NOT copper", 4),
    "near.chain": ("a w/5 b w/5 c", 8),
    "operator": ("AND copper", 0),
    "near.far": ("a w/99 b", 2),
    "near.sides": ("a w/5 from:b", 2),
    "spellings": (" ".join(f"word{n}~" for n in range(MAX_SPELLINGS_ASKED + 1)), 150),
    "patterns": (" ".join(f"/{n:02}/" for n in range(MAX_PATTERNS + 1)), 100),
    "pictures": (" ".join(f"similar:gate/{n:02}" for n in range(MAX_SIMILAR + 1)), 320),
    "property": ("tin verdikt:refuse", 4),
    "value": ("tin from: bob", 4),
    "star": ("co*er", 0),
    "no_letter": ("tin ...", 4),
    "resource": ("from:alice@metals.example/desk", 5),
    "address.whole": ("from:ali*", 5),
    "address": ("from:a@b@c", 5),
    "listed": ("desk:ba*", 5),
    "person": ("seen-by:@metals.example", 8),
    "one_of.is": ("is:editet", 3),
    "one_of.verdict": ("verdict:refuze", 8),
    "one_of.kind": ("kind:mesage", 5),
    "one_of.has": ("has:fil", 4),
    "one_of.type": ("type:chatt", 5),
    "size": ("size:large", 5),
    "size.negative": ("size<0", 5),
    "rule": ("rule:a*b", 5),
    "hash": ("hash:xyz", 5),
    "similar": ("similar:this", 8),
    "time": ("after:soon", 6),
    "time.years": ("after:2999-01-01", 6),
    "range": ("date:..", 5),
    "range.backwards": ("date:2026-02-01..2026-01-01", 5),
    "spelling": ("x~", 0),
    "spelling.far": ("copper~9", 0),
    "pattern.long": (f"/{'x' * 2000}/", 0),
    "pattern": ("/(/", 0),
}
"""By the name of each fault: a query that has it, and the character at which it is."""


def fault_of(query: str) -> QueryError:
    with pytest.raises(QueryError) as raised:
        parse_query(query, T0_NS)
    return raised.value


@pytest.mark.parametrize("key", WRONG)
def test_each_fault_is_found_at_its_place_and_told_in_each_language(key: str) -> None:
    query, position = WRONG[key]
    error = fault_of(query)
    assert (error.key, error.position) == (key, position)
    told = {language: Texts(language).fault(error) for language in NAMES}
    assert told[DEFAULT] == error.message
    assert len(set(told.values())) == len(NAMES)
    for text in told.values():
        assert "{" not in text
        assert all(str(value) in text for value in error.values.values())


def test_all_faults_are_tried() -> None:
    assert WRONG.keys() == TEXTS.keys() - {"maybe"}


def test_what_somebody_may_have_meant_is_asked_in_each_language() -> None:
    near, far = fault_of("verdikt:refuse"), fault_of("qqq:refuse")
    for language in NAMES:
        texts = Texts(language)
        assert texts("query.maybe", maybe="verdict:") in texts.fault(near)
        assert texts("query.maybe", maybe="") not in texts.fault(far)
