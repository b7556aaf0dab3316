"""The query language: what a text means, and what is said of one that means nothing."""

from datetime import UTC, datetime

import pytest

from components.audit.query.error import QueryError
from components.audit.query.limits import MAX_CHARACTERS, MAX_NESTING, MAX_TERMS
from components.audit.query.parser import parse_query
from components.audit.query.tree import (
    And,
    Bound,
    ByRule,
    Everything,
    FileHash,
    FileName,
    FileSize,
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
    Span,
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
        ("copper --size 5", 8, "there is none of this name"),
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
        ("x" * (MAX_CHARACTERS + 1), MAX_CHARACTERS, "at most 16,384 characters: give a part"),
        ('"off the books"~', 15, "those of one word"),
        ("copper ~2", 7, "those of one word"),
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


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("ɐ", '"ɐ" OR "a"'),
        ("Ɔ", '"ɔ" OR "c"'),  # small, it is an ɔ, which is a c upside down
        ("ɐ*", '"ɐ*" OR "a*"'),
        ('"ɐ b"', '"ɐ b" OR "q a"'),
        ("ɐ OR tin", '"ɐ" OR "a" OR "tin"'),
        ("(ɐ OR tin) Ɔ", '("ɐ" OR "a" OR "tin") AND ("ɔ" OR "c")'),
        ("-ɐ", 'NOT ("ɐ" OR "a")'),
        ("ɐ w/5 tin", '("ɐ" OR "a") w/5 ("tin")'),
        ("file:ɐ", 'file:"ɐ" OR file:"a"'),
        ("file:ɐ file:tin", 'file:"ɐ" OR file:"a" OR file:"tin"'),
        ("Zürich OR tin", '("zurich" OR "zuerich") OR "tin"'),
        ("tin OR tin", '"tin" OR "tin"'),
        ("価格", '"价格"'),
        ('"価格 copper"', '"价格 copper"'),
        # A short word of kana is not looked for as it sounds: with a blank in it, it would be.
        ("イン", '"イン"'),
        ("インド", '"インド" OR "いんど"'),
        ("价、格", '"价 。 格"'),
    ],
)
def test_a_query_that_is_written_anew_is_the_same_query(text: str, canonical: str) -> None:
    node = parse(text)
    assert format_query(node) == canonical
    assert parse_query(canonical, 0) == node


MOST = 2**63 - 1
SIZES = {
    "size:2000": (2000, 2000),
    "size:2000b": (2000, 2000),
    "size:10kb": (10_000, 10_000),
    "size:1.5MB": (1_500_000, 1_500_000),
    "size:1.005kb": (1_005, 1_005),  # as a float, one byte less
    "size:1.1gb": (1_100_000_000, 1_100_000_000),
    "size:0.29mb..": (290_000, None),
    "size:1.9..": (1, None),
    "size:10kb..1mb": (10_000, 1_000_000),
    "size:..1tb": (None, 10**12),
    "size:9999999tb..": (MOST, None),
    "size=1kb": (1_000, 1_000),
    "size<1kb": (None, 999),
    "size<=1kb": (None, 1_000),
    "size>1kb": (1_001, None),
    "size>=1kb": (1_000, None),
    "size<1": (None, 0),
    "size<=0": (None, 0),
    "size>0": (1, None),
    "size>9999999tb": (MOST, None),
    f"size>{MOST}": (MOST, None),
}


@pytest.mark.parametrize(("text", "bounds"), SIZES.items())
def test_sizes_are_counted_exactly_and_bounds_can_be_asked_again(
    text: str, bounds: tuple[int | None, int | None]
) -> None:
    node = parse(text)
    assert node == FileSize(*bounds)
    assert parse_query(format_query(node), 0) == node


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size<0", "no size is less than 0"),
        ("size:", "put the value right after size:"),
        ("size:-1", "a size is a number of bytes"),
        ("size:1mb..1kb", "a size is a number of bytes"),
        ("size:..", "a size is a number of bytes"),
        ("size:1pb", "a size is a number of bytes"),
        ("size:1e3", "a size is a number of bytes"),
        ("size>1kb..", "a size is a number of bytes"),
    ],
)
def test_what_is_no_size_is_told(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse(text)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


# What a day is to each comparison: its beginning, or its end.
DATES = {
    "date<2026-03-01": Moment(Bound.BEFORE, moment("2026-03-01")),
    "date<=2026-03-01": Moment(Bound.BEFORE, moment("2026-03-02")),
    "date>2026-03-01": Moment(Bound.AFTER, moment("2026-03-02")),
    "date>=2026-03-01": Moment(Bound.AFTER, moment("2026-03-01")),
    "date>2026-03-01T10:00": Moment(Bound.AFTER, moment("2026-03-01T10:01")),
    "date>2026-03-01T10:00:07": Moment(Bound.AFTER, moment("2026-03-01T10:00:08")),
    "date=2026-03-01": Span(moment("2026-03-01"), moment("2026-03-02")),
    "date:2026-03-01": Span(moment("2026-03-01"), moment("2026-03-02")),
    "date:2026-03-01T10:00": Span(moment("2026-03-01T10:00"), moment("2026-03-01T10:01")),
    "date:2026-03-01..2026-03-03": Span(moment("2026-03-01"), moment("2026-03-04")),
    "date:2026-03-01T10:00+01:00..": Span(moment("2026-03-01T09:00"), None),
    "date:..2026-03-01": Span(None, moment("2026-03-02")),
    "before:2026-03-01T10:00-05:00": Moment(Bound.BEFORE, moment("2026-03-01T15:00")),
    "date>2261-12-31": Moment(Bound.AFTER, moment("2262-01-01") - 1_000),
    "date<=2261-12-31": Moment(Bound.BEFORE, moment("2262-01-01") - 1_000),
}


@pytest.mark.parametrize(("text", "node"), DATES.items())
def test_a_date_stands_for_all_of_it_and_can_be_asked_again(text: str, node: Node) -> None:
    found = parse(text)
    assert found == node
    assert parse_query(format_query(found), 0) == found


@pytest.mark.parametrize(
    "text",
    ["date>2262-01-01", "after:1969-12-31", "date:2026-02-30", "date:2026-1-1", "date:10:00", "after:7y",
     "date:2026-03-02..2026-03-01", "date:..", "date:a..b", "before:99999w", "after:2026-03-01T25:00"],
)  # fmt: skip
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(
        QueryError, match=r"a time is a date|a time lies between|a range has|ends before it begins"
    ):
        parse(text)


def test_a_query_of_the_greatest_size_is_parsed() -> None:
    nested = "(" * MAX_NESTING + "x y" + ")" * MAX_NESTING
    assert parse(nested) == And((Words(("x",)), Words(("y",))))
    many = parse(" OR ".join(["x"] * MAX_TERMS))
    assert isinstance(many, Or)
    assert len(many.nodes) == MAX_TERMS


def test_what_is_negated_is_not_sought() -> None:
    assert words_sought(parse("a (b OR -c) NOT (a d) from:x")) == (A, B)
