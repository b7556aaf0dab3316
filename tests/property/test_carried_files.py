"""Stanzas are looked at for files only if they may carry one: none is missed by that."""

import re

from hypothesis import given
from hypothesis import strategies as st

from policy.files.carried import _MAY_CARRY, MAY_CARRY, _find, find_carried

_RUN = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODk9" * 5
_PIECES = (
    "<message>", "</message>", "<body>", "</body>", "<b/>", "<b>", "</b>", "text", " ", "\n", "da", "ta:", "data:",
    "image/png;base64,QUJD", "&#100;", "&amp;", "<![CDATA[", "]]>", ">", "<a href='data:text/plain,x'/>", "<a x='b>c'>",
    "</a>", _RUN, _RUN[:30], _RUN[:60], "<url xmlns='jabber:x:oob'>https://x.example/a</url>",
    "<data xmlns='urn:xmpp:bob' cid='x'>QUJD</data>", "<data xmlns='urn:xmpp:avatar:data'>QUJD</data>",
    "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>QUJD</BINVAL></PHOTO></vCard>", "<!-- x -->",
    "<file-sharing xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' target='x'/>"
    "</file-sharing>",
)  # fmt: skip

stanzas = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


@given(stanzas, st.booleans())
def test_no_file_is_missed(inside: str, is_whole: bool) -> None:
    stanza = (f"<message><body>{inside}</body></message>" if is_whole else inside).encode()
    assert find_carried(stanza) == _find(stanza)


@given(
    st.lists(
        st.binary(max_size=8) | st.sampled_from([each.encode() for each in _PIECES] + [b"URN:XMPP:Bob"])
    ).map(b"".join)
)
def test_what_may_carry_a_file_is_the_same_by_another_engine(stanza: bytes) -> None:
    by_re = re.compile(MAY_CARRY, re.IGNORECASE).search(stanza)
    assert (_MAY_CARRY.search(stanza) is None) == (by_re is None)
