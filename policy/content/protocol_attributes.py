"""The attributes by which protocols name things, which no client shows; and those that a client follows.

The names are those of the XSF's specifications. Whatever is not among them is text.
"""

# Kinds and states, identifiers, addresses, times, counts, the algorithms of digests, and how something is drawn.
_NAMES = """
id to from jid by node var sid ver hash type code status action affiliation role subscription ask approved
sessionid subid queryid parent thread-id with for pack anchor category feature creator initiator responder
stamp start end begin since until date utc timestamp creation modification cdate mdate secs seconds timeout expires
expire max-age timer duration index max min first last count total unread size bytes length width height
size-bytes block-size seq stanza h resume location version mode algo algorithm cid mime-type content-type
media-type media encoding disposition autojoin continue delivered persistent stable complete more clear shell
notify minimized save otr use scope auto method condition result event state ns namespace lang protocol
port host ip transport username restricted unit order default required multiple
maxchars maxstanzas fgcolor bgcolor hue row col x y class style dir
"""
_OF_XML = frozenset(  # XML 1.0, 2.10 and 2.12
    f"http://www.w3.org/XML/1998/namespace\x0c{name}" for name in ("lang", "space", "id")
)
PROTOCOL_ATTRIBUTES = frozenset(_NAMES.split()) | _OF_XML
FOLLOWED = frozenset({"href", "src", "url", "uri", "target", "cite"})

# Of these, only what is behind the slash is anybody's to choose; and how something is drawn says nothing.
ADDRESSES = frozenset({"from", "to", "jid", "by", "creator", "initiator", "responder"})
DRAWN = frozenset({"style", "class", "dir"})

# In HTML, what a client follows besides, and what nobody sees. All else is shown: values, explanations.
FOLLOWED_IN_HTML = frozenset(
    {
        "action",
        "background",
        "codebase",
        "data",
        "formaction",
        "longdesc",
        "ping",
        "poster",
        "srcset",
        "style",
    }
)
UNSEEN_IN_HTML = frozenset({"class", "dir", "id", "lang", "type", "width", "height", "style"}) | _OF_XML
