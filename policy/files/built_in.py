"""What no site carries, whatever its policy.toml says: rules of our own, and their texts."""

from policy.files.facts import FileMark

MALWARE = "file-malware"
DENIED_HASH = "file-denied-hash"
REFUSED_TYPE = "file-refused-type"
UNCHECKED = "file-unchecked"
NOT_AMENDED = "file-metadata"

MARKED = {
    MALWARE: (FileMark.MALWARE, "This file carries a virus and was not sent. Tell your support desk."),
    DENIED_HASH: (FileMark.DENIED_HASH, "This file may not be sent on this line. Ask your compliance desk."),
}
"""Rules that refuse what has a mark, with the mark and the text."""
REFUSED_TYPE_TEXT = "Files of this type are not sent on this line. Please send it in another form."
UNCHECKED_TEXT = "This file could not be checked, so it was not sent. Please send it again later."

NOT_AMENDED_TEXT = (
    "What this file says of itself, such as where it was taken, cannot be taken out of it."
    " Please send a picture as JPEG or PNG."
)

# Of messages with the link of a file:
HELD = "file-held"
REFUSED = "file-refused"
ABSENT = "file-absent"

FILE_RULES = frozenset({*MARKED, REFUSED_TYPE, UNCHECKED, NOT_AMENDED, HELD, REFUSED, ABSENT})
"""The ids of these rules."""
