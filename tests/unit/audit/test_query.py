"""The query language: what a text means, and what is said of one that means nothing."""

import pytest

from components.audit.query.error import QueryError
from components.audit.query.parser import MAX_CHARACTERS, MAX_NESTING, MAX_TERMS, parse_query
from components.audit.query.tree import (
    And,
    Bound,
    ByRule,
    Everything,
    FileHash,
    FileName,
    FileType,
    HasFile,
    Moment,
    Node,
    Not,
    OfKind,
    Or,
    Party,
    SearchKind,
    Side,
    SimilarTo,
    Verdict,
    Words,
    format_query,
    words_sought,
)
from policy.decision import Action

NOW_S = 1_795_464_245  # 2026-11-23T20:04:05Z
DAY_S = 86_400
MIDNIGHT_S = 1_795_392_000  # 2026-11-23T00:00:00Z

A, B, C = Words(("a",)), Words(("b",)), Words(("c",))
ALICE = Party(Side.FROM, "alice", "")
BOB = Party(Side.FROM, "bob", "")


def parse(text: str) -> Node:
    return parse_query(text, NOW_S * 10**9 + 123_456_789)


def after(at_s: float) -> Moment:
    return Moment(Bound.AFTER, int(at_s * 10**6) * 1000)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        # Words: folded, as a phrase where punctuation is inside.
        ("gold", Words(("gold",))),
        ("GOLD", Words(("gold",))),
        ("  gold\t\n", Words(("gold",))),
        ("Zürich", Or((Words(("zurich",)), Words(("zuerich",))))),
        ("Zu\u0308rich", Or((Words(("zurich",)), Words(("zuerich",))))),
        ("STRASSE", Words(("strasse",))),
        ("straße", Words(("strasse",))),
        ("ＧＯＬＤ", Words(("gold",))),
        ("go\u200bld", Words(("gold",))),
        ("go\u00adld", Words(("gold",))),
        ("don't", Words(("don", "t"))),
        ("3.14", Words(("3", "14"))),
        ("10:30", Words(("10", "30"))),
        ("well-known", Words(("well", "known"))),
        ("C++", Words(("c",))),
        ("$100", Words(("100",))),
        ("金价", Words(("金", "价"))),
        ("金 价", And((Words(("金",)), Words(("价",))))),
        ("おはよう", Words(("お", "は", "よ", "う"))),
        ("が", Words(("が",))),
        ("금값", Words(("금값",))),
        ("ทอง", Words(("ท", "อ", "ง"))),
        ("שָׁלוֹם", Words(("שלום",))),
        ("مُحَمَّد", Words(("محمد",))),
        ("हिन्दी", Words(("हिन्दी",))),
        ("👍🏽", Words(("👍",))),
        ("buy🚀now", Words(("buy", "🚀", "now"))),
        ("❤️", Words(("❤",))),
        ("*", Everything()),
        # Phrases and prefixes.
        ('"spot price"', Words(("spot", "price"))),
        ("“spot price”", Words(("spot", "price"))),
        ("„spot price“", Words(("spot", "price"))),
        ('"spot, price!"', Words(("spot", "price"))),
        ('"OR"', Words(("or",))),
        ('"from:alice"', Words(("from", "alice"))),
        ("fut*", Words(("fut",), prefix=True)),
        ('"gold fut*"', Words(("gold", "fut"), prefix=True)),
        ('"gold fut"*', Words(("gold", "fut"), prefix=True)),
        ('"gold fut* "', Words(("gold", "fut"), prefix=True)),
        # Operators: upper case; NOT, then side by side, then AND, then OR.
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a and b", And((A, Words(("and",)), B))),
        ("a OR b", Or((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("a AND b OR c", Or((And((A, B)), C))),
        ("a b AND c", And((And((A, B)), C))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("((a))", A),
        ("NOT a", Not(A)),
        ("-a", Not(A)),
        ("a -b", And((A, Not(B)))),
        ("a NOT b", And((A, Not(B)))),
        ("a-b", Words(("a", "b"))),
        ("-(a b)", Not(And((A, B)))),
        ("NOT (NOT a)", Not(Not(A))),
        ('-"a b"', Not(Words(("a", "b")))),
        ("ANDROID ORE NOTE", And((Words(("android",)), Words(("ore",)), Words(("note",))))),
        ("a(b)", And((A, B))),
        ("a　b", And((A, B))),
        # Parties.
        ("from:alice", ALICE),
        ("FROM:Alice", ALICE),
        ('from:"alice"', ALICE),
        ("from:alice@metals.example", Party(Side.FROM, "alice", "metals.example")),
        ("from:Weiß@Metals.example", Party(Side.FROM, "weiss", "metals.example")),
        ("from:Weiß", Party(Side.FROM, "weiss", "")),
        ("to:@grain.example", Party(Side.TO, "", "grain.example")),
        ("to:metals.example", Party(Side.TO, "metals.example", "")),
        ("with:bob@Grain.Example", Party(Side.WITH, "bob", "grain.example")),
        (r"with:o\27hara@metals.example", Party(Side.WITH, r"o\27hara", "metals.example")),
        ("-from:alice", Not(ALICE)),
        # The same property side by side: any of them. With AND: all of them. Bounds of time: both.
        ("from:alice from:bob", Or((ALICE, BOB))),
        ("from:alice a from:bob", And((Or((ALICE, BOB)), A))),
        ("from:alice AND from:bob", And((ALICE, BOB))),
        ("from:alice to:bob", And((ALICE, Party(Side.TO, "bob", "")))),
        ("-from:alice -from:bob", And((Not(ALICE), Not(BOB)))),
        ("kind:iq kind:message", Or((OfKind(SearchKind.IQ), OfKind(SearchKind.MESSAGE)))),
        ("after:2026-11-23 after:2026-11-24", And((after(MIDNIGHT_S), after(MIDNIGHT_S + DAY_S)))),
        # Times.
        ("after:2026-11-23", after(MIDNIGHT_S)),
        ("before:2026-11-23", Moment(Bound.BEFORE, MIDNIGHT_S * 10**9)),
        ("after:2026-11-23T20:04", after(NOW_S - 5)),
        ("after:2026-11-23T20:04:05", after(NOW_S)),
        ("after:2026-11-23t20:04:05z", after(NOW_S)),
        ("after:2026-11-23T21:04:05+01:00", after(NOW_S)),
        ("after:2026-11-23T20:04:05.25", after(NOW_S + 0.25)),
        ("after:1970-01-01", after(0)),
        ("after:30s", after(NOW_S - 30)),
        ("after:2h", after(NOW_S - 7200)),
        ("after:7D", after(NOW_S - 7 * DAY_S)),
        ("before:1w", Moment(Bound.BEFORE, (NOW_S - 7 * DAY_S) * 10**9)),
        # The rest.
        ("verdict:refuse", Verdict(Action.REFUSE)),
        ("verdict:Refused", Verdict(Action.REFUSE)),
        ("verdict:released", Verdict(Action.RELEASE)),
        ("verdict:amended", Verdict(Action.AMEND)),
        ("verdict:held", Verdict(Action.HOLD)),
        ("verdict:would-refuse", ByRule("would-refuse", False)),
        ("verdict:Would-Hold", ByRule("would-hold", False)),
        ("verdict:would", ByRule("would-", True)),
        ("kind:session", OfKind(SearchKind.SESSION)),
        # Files.
        ("has:FILE", HasFile()),
        ("file:Report", FileName(("report",))),
        ("file:annual.rep*", FileName(("annual", "rep"), True)),
        ('file:"annual report"', FileName(("annual", "report"))),
        ("file:a file:b", Or((FileName(("a",)), FileName(("b",))))),
        (
            "file:Zürich file:b",
            Or((Or((FileName(("zurich",)), FileName(("zuerich",)))), FileName(("b",)))),
        ),
        ("type:Image/*", FileType("image/", True)),
        ("type:application/pdf", FileType("application/pdf")),
        ("hash:0123ABCD", FileHash("0123abcd")),
        ("similar:transfer/12", SimilarTo("transfer", 12)),
        ("rule:payload.omemo", ByRule("payload.omemo")),
        ("rule:Payload*", ByRule("payload", prefix=True)),
    ],
)
def test_a_query_means(text: str, node: Node) -> None:
    assert parse(text) == node
    assert parse_query(format_query(node), now_ns=0) == node


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "nothing to search for"),
        ("from:\udcff", 5, "not Unicode text"),
        ("  ", 0, "nothing to search for"),
        ("()", 0, "nothing to search for"),
        ("AND", 0, "nothing to search for"),
        ("a ()", 3, "nothing between these parentheses"),
        ("a AND", 5, "must follow AND"),
        ("a OR  ", 4, "must follow OR"),
        ("a NOT", 5, "must follow NOT"),
        ("AND a", 0, "AND must stand between two terms"),
        ("a OR OR b", 5, "OR must stand between two terms"),
        ("a OR AND b", 5, "AND must stand between two terms"),
        ("(a OR) b", 5, "must follow OR"),
        ("NOT NOT a", 4, "one negation is enough"),
        ("--a", 1, "one negation is enough"),
        ("NOT -a", 4, "one negation is enough"),
        ("-AND a", 1, "AND must stand between two terms"),
        ("(a", 0, "never closed"),
        ("(a (b)", 0, "never closed"),
        ("a)", 1, 'no "(" was opened'),
        ('a "b', 2, "quote that opens here is never closed"),
        ('from:"alice', 5, "quote that opens here is never closed"),
        ("-", 0, "no letter or digit"),
        ("a !!! b", 2, "no letter or digit"),
        ('""', 0, "no letter or digit"),
        ("a*b", 0, "only at the end of a word"),
        ("*a", 0, "only at the end of a word"),
        ("a **", 2, "only at the end of a word"),
        ('"a *"', 0, "only at the end of a word"),
        ('"a*"*', 0, "only at the end of a word"),
        ("subject:gold", 0, "there is no property subject:"),
        ("https://metals.example", 0, "there is no property https:"),
        ("from: alice", 0, "put the value right after from: without a blank"),
        ("a to:", 2, "put the value right after to:"),
        ('to:" "', 0, "put the value right after to:"),
        ("from:(a OR b)", 0, "put the value right after from:"),
        ("from:alice@metals.example/phone", 5, "leave out the resource: from:alice@metals.example"),
        ("from:al*", 5, "matched whole"),
        ("from:alice@", 5, "an address looks like"),
        ("from:a@b@c", 5, "an address looks like"),
        ("after:lastweek", 6, "a time is a date"),
        ("after:2026-13-01", 6, "a time is a date"),
        ("after:2026-02-30", 6, "a time is a date"),
        ("after:2026-11-23T25:00", 6, "a time is a date"),
        ("after:2026-11-23T10:00+99:00", 6, "a time is a date"),
        ("after:23.11.2026", 6, "a time is a date"),
        ("after:２０２６-11-23", 6, "a time is a date"),
        ("after:2 h", 6, "a time is a date"),
        ("after:999999999w", 6, "a time is a date"),
        ("after:3000w", 6, "between 1970 and 2261"),
        ("after:1969-12-31", 6, "between 1970 and 2261"),
        ("before:2262-01-01", 7, "between 1970 and 2261"),
        ("verdict:maybe", 8, "a verdict is one of release, amend, hold, refuse"),
        ("kind:chat", 5, "a kind is one of message, presence, iq, session"),
        ("has:link", 4, "has one of file, text"),
        ("file:a*b", 5, "only at the end of a word"),
        ("file:...", 5, "no letter or digit"),
        ("type:image", 5, "media type"),
        ("type:*", 5, "media type"),
        ("hash:0123abc", 5, "first 8 to 64"),
        ("hash:copper12", 5, "hexadecimal"),
        ("similar:12", 8, "name the record of a picture"),
        ("similar:transfer/x", 8, "name the record of a picture"),
        ("rule:*", 5, "a rule is its whole id"),
        ("rule:a*b", 5, "a rule is its whole id"),
        ("x" * (MAX_CHARACTERS + 1), MAX_CHARACTERS, "at most"),
        ("x " * (MAX_TERMS + 1), 2 * MAX_TERMS, "terms: split it"),
        ("(" * (MAX_NESTING + 1) + "x" + ")" * (MAX_NESTING + 1), MAX_NESTING, "deep"),
    ],
)
def test_a_query_is_refused(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.position == position
    assert caught.value.query == text


def test_a_query_of_the_greatest_size_is_parsed() -> None:
    nested = "(" * MAX_NESTING + "x y" + ")" * MAX_NESTING
    assert parse(nested) == And((Words(("x",)), Words(("y",))))
    many = parse(" OR ".join(["x"] * MAX_TERMS))
    assert isinstance(many, Or)
    assert len(many.nodes) == MAX_TERMS


def test_what_is_negated_is_not_sought() -> None:
    assert words_sought(parse("a (b OR -c) NOT (a d) from:x")) == (A, B)
