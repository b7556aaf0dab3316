"""Queries as hypothesis draws them, about what the corpus says (tests/support/query_corpus.py)."""

from hypothesis import strategies as st

from components.audit.query import tree
from components.audit.query.parser import parse_query
from policy.decision import Action
from tests.support.query_corpus import IDS, PEOPLE, ROOMS, STEP_NS, T0_NS, WORDS

COUNT = 120
"""How many records the corpus has."""


def words_of(text: str) -> tree.Node:
    """Return what finds a text's words."""
    return parse_query(f'"{text}"', 0)


def _are_words(node: tree.Node) -> bool:
    return isinstance(node, tree.Words)


said = st.lists(
    st.sampled_from([word for word in WORDS if word not in ("w/5",)]), min_size=1, max_size=2
).map(" ".join)
phrases = said.map(words_of)
words = st.sampled_from(
    [
        spelt
        for word in WORDS
        for node in [words_of(word)]
        for spelt in tree.terms_of(node)
        if isinstance(spelt, tree.Words)
    ]
)
prefixes = st.builds(
    lambda each, size: tree.Words((*each.words[:-1], each.words[-1][:size]), prefix=True),
    words,
    st.integers(1, 3),
)
moments = st.integers(0, COUNT * STEP_NS // 2).map(lambda ns: (T0_NS + ns) // 1000 * 1000)
parties = st.one_of(
    st.builds(
        lambda side, jid: tree.Party(side, *jid.split("@")),
        st.sampled_from(tree.Side),
        st.sampled_from([*PEOPLE, *ROOMS]),
    ),
    st.builds(
        tree.Party,
        st.sampled_from(tree.Side),
        st.sampled_from(["alice", "eve", "metals.example"]),
        st.just(""),
    ),
)
names = {
    tree.Group.PERSON: ["alice", "müller", "alice arden", "evans", "x", "bob"],
    tree.Group.ROOM: ["desk", "floor", "zürich", "morgenrunde zuerich", "runde"],
    tree.Group.DESK: ["base", "precious", "edelmetalle", "base metals", "floor", "trading floor"],
    tree.Group.SITE: ["metals.example", "grain.example"],
    tree.Group.ENTERPRISE: ["metals", "metall zurich", "grain brothers", "none"],
    tree.Group.OWNER: ["metals", "grain"],
}
listed = st.sampled_from(tree.Group).flatmap(
    lambda group: st.builds(tree.Listed, st.just(group), st.sampled_from(names[group]))
)
sides = st.lists(words, min_size=1, max_size=2).map(tuple)
spelt = st.sampled_from(["copper", "insider", "mueller", "price", "рынок", "tin"])
terms = st.one_of(
    phrases,
    prefixes,
    st.builds(tree.Near, sides, sides, st.integers(1, 12)),
    st.builds(tree.Spelling, spelt, st.integers(1, 2)),
    st.builds(tree.Spelling, st.sampled_from(["نحاس", "النحاس", "صفقه", "سعر"]), st.integers(0, 1)),
    st.builds(tree.Pattern, st.sampled_from([r"cop+er\b", "^tin", "铜.", "m.*r$", r"\d\.\d", "ü"])),
    parties,
    listed,
    st.sampled_from([*PEOPLE, "bob@"]).map(lambda jid: tree.SeenBy(*jid.split("@"))),
    st.builds(tree.Moment, st.sampled_from(tree.Bound), moments),
    st.builds(lambda one, other: tree.Span(min(one, other), max(one, other) + 1000), moments, moments),
    st.builds(tree.Verdict, st.sampled_from(Action)),
    st.builds(tree.OfKind, st.sampled_from(tree.SearchKind)),
    st.builds(tree.ByRule, st.just("ra"), st.booleans()),
    st.builds(tree.Is, st.sampled_from(tree.State)),
    st.builds(tree.StanzaType, st.sampled_from(["chat", "groupchat", "normal", "get", "unavailable"])),
    st.builds(tree.InThread, st.sampled_from(["t0", "t1", "t9"])),
    st.builds(tree.ById, st.sampled_from([*IDS, "om1", "om2", "gate/20", "gate/999"])),
    st.just(tree.HasText()),
    st.just(tree.HasFile()),
    st.just(tree.Everything()),
)  # fmt: skip
nodes = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds(tree.Not, inner),
        st.builds(tree.And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(tree.Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
