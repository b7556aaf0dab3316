"""Properties of taking links out: no such link is left, all else is as it was, and it is the same each time."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given
from hypothesis import strategies as st

from policy.content.amend import LINK_REMOVED, apply_edits
from policy.content.carry import take_links_out
from policy.content.decide import decide_content
from policy.content.parse import parse_policy
from policy.content.stanza import read_stanza
from policy.decision import Action, Edit

POLICY = parse_policy(
    """
[[rule]]
id = "links"
kind = "link"
action = "amend"
text = "A link was taken out."
hosts = ["ours.example"]
must_match = ["https://theirs.example/x"]
""",
    {},
)
HEAD = "<message xmlns='jabber:client' from='a@metals.example/x' to='b@metals.example' type='chat'>"

words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=12
)
links = st.sampled_from(
    [
        "https://theirs.example/x?a=1&b=2",
        "http://ours.example/",
        "theirs.com",
        "ftp://a.com",
        "mailto:x@y.com",
        "//b.com/",
    ]
)
texts = st.lists(st.one_of(words, links, st.just(" ")), max_size=6).map("".join)


@st.composite
def contents(draw: st.DrawFn) -> str:
    parts = [f"<body>{escape(draw(texts))}</body>"]
    if draw(st.booleans()):
        parts.append(
            f"<x xmlns='jabber:x:oob'><url>{escape(draw(links))}</url><desc>{escape(draw(texts))}</desc></x>"
        )
    if draw(st.booleans()):
        parts.append(
            f"<reference xmlns='urn:xmpp:reference:0' begin='3' end='5' uri={quoteattr(draw(links))}/>"
        )
    if draw(st.booleans()):
        html = f"<p><a href={quoteattr(draw(links))}>{escape(draw(texts))}</a><img src={quoteattr(draw(links))}/></p>"
        parts.append(f"<body xmlns='http://www.w3.org/1999/xhtml'>{html}</body>")
    return "".join(draw(st.permutations(parts)))


@given(contents())
def test_no_such_link_is_left_and_nothing_is_made_up(content: str) -> None:
    stanza = f"{HEAD}{content}</message>".encode()
    facts = read_stanza(stanza)
    decision = take_links_out(POLICY, facts, stanza, decide_content(POLICY, facts))
    assert decision == take_links_out(POLICY, facts, stanza, decide_content(POLICY, facts))
    if decision.action is not Action.AMEND:
        assert not decision.amended
        return
    left = read_stanza(decision.amended)
    assert decide_content(POLICY, left).action is Action.RELEASE
    assert decision.amended == apply_edits(stanza, decision.edits)
    assert decision.amended.startswith(HEAD.encode())
    assert all(edit.text in ("", LINK_REMOVED) or edit.text.isdecimal() for edit in decision.edits)
    kept = [stanza[a:b] for a, b in _between(decision.edits, len(stanza))]
    assert b"".join(kept) == b"".join(
        decision.amended[a:b] for a, b in _between(_moved(decision.edits), len(decision.amended))
    )


def _between(edits: Sequence[Edit], size: int) -> list[tuple[int, int]]:
    """Give the spans between edits."""
    ends = [0, *(edit.end for edit in edits)]
    return list(zip(ends, [*(edit.start for edit in edits), size], strict=True))


def _moved(edits: Sequence[Edit]) -> list[Edit]:
    """Give where the texts of edits stand once they are made."""
    shift, moved = 0, list[Edit]()
    for edit in edits:
        start = edit.start + shift
        moved.append(Edit(start, start + len(edit.text)))
        shift += len(edit.text) - (edit.end - edit.start)
    return moved
