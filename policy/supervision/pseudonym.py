"""Names of people in what a reviewer reads, hidden until they say why they need them (docs/review.md, section 8).

It keeps a reviewer from judging by the person. It is no lock: whoever has the auditors' key can read everything.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

_LENGTH = 5
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def make_pseudonym(salt: str, jid: str) -> str:
    """Return the pseudonym of a bare JID; it is the same wherever `salt` is."""
    digest = sha256(f"{salt}\n{jid}".encode()).digest()
    return "Person " + "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:_LENGTH])


def hide_names(text: str, salt: str, people: Mapping[str, str], rooms: Iterable[str] = ()) -> str:
    """Return a text in which people's JIDs and names are pseudonyms; `people` has the name of each by bare JID.

    Addresses go with their resource. Local parts alone, and parts of names from 3 letters on, are hidden, too.
    """
    found: dict[str, str] = {}
    for jid, name in people.items():
        shown = make_pseudonym(salt, jid)
        words = [jid, name, jid.partition("@")[0], *name.split()]
        found |= {word.casefold(): shown for word in words if len(word) > 2}
    found |= {room.casefold(): "a room" for room in rooms}
    if not found:
        return text
    longest_first = sorted(found, key=len, reverse=True)
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(/[^\s<>'\"()\[\],;]+)?(?!\w)"
    return re.sub(pattern, lambda match: found[match[1].casefold()], text, flags=re.IGNORECASE)
