"""Links taken out of stanzas: what goes, what stays, and what is refused because nothing else is safe."""

import re
import time

import pytest

from policy.content.amend import AmendError, apply_edits, plan_edits
from policy.content.carry import take_links_out
from policy.content.decide import decide_content
from policy.content.parse import parse_policy
from policy.content.stanza import read_stanza
from policy.decision import Action, Decision, Edit

LINK = "https://theirs.example/x"
POLICY = parse_policy(
    """
[[rule]]
id = "links"
kind = "link"
action = "amend"
text = "A link was taken out."
hosts = ["ours.example"]
must_match = ["https://theirs.example/x"]

[[rule]]
id = "tips"
kind = "lexicon"
action = "hold"
text = "Held."
terms.en = ["tip"]
must_match = ["tip"]
""",
    {},
)
HEAD = "<message xmlns='jabber:client' from='alice@metals.example/desk' to='bob@metals.example' type='chat' id='m1'>"
REFERENCE = "urn:xmpp:reference:0"
XHTML = "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{}</body></html>"


def amend(content: str, *links: str) -> str:
    """Take links out of a message with this content, and return what is left of the content."""
    stanza = f"{HEAD}{content}</message>".encode()
    left = apply_edits(stanza, plan_edits(stanza, links or (LINK,))).decode()
    assert left.startswith(HEAD) and left.endswith("</message>")
    return left.removeprefix(HEAD).removesuffix("</message>")


def decide(content: str) -> Decision:
    stanza = f"{HEAD}{content}</message>".encode()
    facts = read_stanza(stanza)
    return take_links_out(POLICY, facts, stanza, decide_content(POLICY, facts))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"<body>see {LINK}, or {LINK}</body>", "<body>see [link removed], or [link removed]</body>"),
        (f"<body>{LINK}</body><x xmlns='jabber:x:oob'><url>{LINK}</url></x>", "<body>[link removed]</body>"),
        (
            f"<body>a</body><x xmlns='jabber:x:oob'><url>https://ours.example/</url><desc>not {LINK}</desc></x>",
            "<body>a</body><x xmlns='jabber:x:oob'><url>https://ours.example/</url><desc>not [link removed]</desc></x>",
        ),
        (
            XHTML.format(f'<p><a title="a &gt; b" href = "{LINK}">here</a>{LINK}</p>'),
            XHTML.format('<p><a title="a &gt; b">here</a>[link removed]</p>'),
        ),
        (XHTML.format(f"<img alt='x' src='{LINK}'/>!"), XHTML.format("[link removed]!")),
        (f"<body>a</body><reference xmlns='{REFERENCE}' type='data' uri='{LINK}'/>", "<body>a</body>"),
        (
            f"<body>a</body><reference xmlns='{REFERENCE}' type='data'><media-sharing xmlns='urn:xmpp:sims:1'><sources>"
            f"<reference xmlns='{REFERENCE}' type='data' uri='{LINK}'/></sources></media-sharing></reference><y/>",
            "<body>a</body><y/>",
        ),
        (
            "<file-sharing xmlns='urn:xmpp:sfs:0'><sources><url-data xmlns='http://jabber.org/protocol/url-data' "
            f"target='{LINK}'/></sources></file-sharing><body>b</body>",
            "<body>b</body>",
        ),
    ],
)
def test_a_link_goes_wherever_it_is(before: str, after: str) -> None:
    assert amend(before) == after


def test_a_link_in_an_attribute_of_the_stanza_itself_does_not_go_out() -> None:
    stanza = f"{HEAD[:-1]} wibble='see {LINK}'><body>ok</body></message>".encode()
    facts = read_stanza(stanza)
    decision = take_links_out(POLICY, facts, stanza, decide_content(POLICY, facts))
    assert decision.rules == ("links",)
    assert LINK.encode() not in decision.amended


def test_what_is_escaped_is_found_as_it_reads() -> None:
    assert amend("<body>£ h&#x74;tp://a.b/?x=1&amp;y=2 €</body>", "http://a.b/?x=1&y=2") == (
        "<body>£ [link removed] €</body>"
    )


def test_what_counts_characters_follows() -> None:
    before = f"<body>\U0001f600 {LINK} hi &amp; @bob</body>"
    begin = len(f"\U0001f600 {LINK} hi & ")
    mention = (
        f"<reference xmlns='{REFERENCE}' type='mention' begin='{{}}' end='{{}}' uri='xmpp:bob@ours.example'/>"
    )
    fallback = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'><body start='0' end='{}'/></fallback>"
    left = amend(before + mention.format(begin, begin + 4) + fallback.format(2 + len(LINK)))
    begin = len("\U0001f600 [link removed] hi & ")
    assert left == (
        "<body>\U0001f600 [link removed] hi &amp; @bob</body>"
        + mention.format(begin, begin + 4)
        + fallback.format(2 + len("[link removed]"))
    )


def test_an_amended_stanza_is_the_decision() -> None:
    decision = decide(f"<body>see {LINK}</body>")
    assert (decision.action, decision.rules, decision.notice) == (
        Action.AMEND,
        ("links",),
        "A link was taken out.",
    )
    assert decision.amended == f"{HEAD}<body>see [link removed]</body></message>".encode()
    assert not any(LINK in edit.text for edit in decision.edits)


def test_what_is_held_goes_on_without_its_links_too() -> None:
    decision = decide(f"<body>a tip at {LINK}</body>")
    assert decision.action is Action.HOLD and decision.error is not None
    assert decision.error.text.endswith("Held.")
    assert b"a tip at [link removed]" in decision.amended


@pytest.mark.parametrize(
    "content",
    [
        f"<body>a</body><x xmlns='urn:x' href='{LINK}'/>" + XHTML.format(f"<a href='{LINK}'>b</a>"),
        XHTML.format("<b>https://thei</b>rs.example/x"),
    ],
)
def test_what_cannot_be_taken_out_is_refused(content: str) -> None:
    decision = decide(content)
    assert decision.action is Action.REFUSE
    assert decision.error is not None
    assert (decision.error.condition, decision.error.text) == ("policy-violation", "A link was taken out.")
    assert not decision.amended


@pytest.mark.parametrize("content", ["<!-- -->", "<![CDATA[https://theirs.example/x]]>", "<?x?>"])
def test_what_no_server_writes_is_not_touched(content: str) -> None:
    with pytest.raises(AmendError):
        amend(content)


def test_edits_of_another_stanza_do_not_fit() -> None:
    with pytest.raises(AmendError):
        apply_edits(b"short", [Edit(2, 9)])
    with pytest.raises(AmendError):
        apply_edits(b"overlapping", [Edit(2, 5), Edit(4, 6)])


@pytest.mark.slow
def test_many_links_are_taken_out_in_little_time() -> None:
    hosts = [f"site{number}.com" for number in range(20_000)]
    reference = f"<reference xmlns='{REFERENCE}' type='data' uri='x:y' begin='1' end='9'/>"
    began = time.process_time()
    decision = decide(f"<body>{' '.join(hosts)}</body>{reference * 2_000}")
    assert time.process_time() - began < 5
    assert decision.action is Action.AMEND
    left = read_stanza(decision.amended)
    assert left.text.count("[link removed]") == len(hosts) and "site" not in left.text


def test_counts_follow_each_link_that_goes_before_them() -> None:
    hosts = ["a.com", "bb.com", "ccc.com"]
    places = [(5, 6), (0, 5), (2, 3), (13, 20), (20, 20), (9, 30)]
    references = "".join(
        f"<reference xmlns='{REFERENCE}' type='data' uri='x:y' begin='{begin}' end='{end}'/>"
        for begin, end in places
    )
    left = amend(f"<body>{' '.join(hosts)}</body>{references}", *hosts)
    moved = re.findall("begin='([0-9]+)' end='([0-9]+)'", left)
    # Of a link itself what is left is the words in its place: from their beginning to their end.
    expected = [(14, 15), (0, 14), (0, 14), (30, 44), (44, 44), (15, 54)]
    assert [(int(begin), int(end)) for begin, end in moved] == expected


def test_a_link_that_begins_as_another_goes_as_a_whole() -> None:
    assert amend("<body>x.com x.com/a</body>", "x.com/a", "x.com") == (
        "<body>[link removed] [link removed]</body>"
    )
