"""Stanzas are looked at for files only if they may carry one: none is missed by that."""

from hypothesis import given
from hypothesis import strategies as st

from policy.files.carried import _find, find_carried

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
