"""What clients leave out of a text, because it stands in for something else that they show (XEP-0428)."""

from collections.abc import Iterable, Mapping, Sequence

MOST_PARTS = 8
"""Of a stanza: who takes more out has something to hide, and no reply or reaction has more."""

Part = tuple[int, int]


def read_part(attributes: Mapping[str, str]) -> list[Part]:
    """Return which characters of a text `start` and `end` name; nothing where that is no part."""
    start, end = attributes.get("start", "0"), attributes.get("end", "999999999")
    if not (start.isdecimal() and end.isdecimal() and len(start) < 10 and len(end) < 10):
        return []
    return [(int(start), int(end))] if int(start) < int(end) else []


def read_around(texts: Iterable[str], parts: Sequence[Part]) -> list[str]:
    """Return the texts as a client shows them that leaves out all of these parts, or one, where that joins words."""
    choices = [parts, *([part] for part in parts)] if len(parts) > 1 else [parts]
    found = []
    for text in texts:
        for choice in choices:
            shown = _leave_out(text, choice)
            if shown not in text:
                found.append(shown)
    return found


def _leave_out(text: str, parts: Sequence[Part]) -> str:
    for start, end in sorted(parts, reverse=True):
        text = text[:start] + text[end:]
    return text
