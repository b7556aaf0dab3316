"""Makes recorded text safe to look at: it must not move the cursor, or hide or reorder what is shown."""

import re
import unicodedata
from functools import cache

# Joiners that letters and emoji need. They only change how their neighbours look.
_HARMLESS = frozenset("\u200c\u200d")


def show_text(text: str, *, keep: str = "") -> str:
    """Return the text with controls, format characters (bidirectional overrides) and the like as `\u202e`.

    Characters in `keep`, such as the newline, stay what they are.
    """
    return text.translate(_shown_but(keep))


def show_json(encoded: bytes) -> str:
    """Return a JSON document with all that `show_text` makes visible escaped; its value stays the same."""
    return re.sub(r"[^\n -~]", _escape_in_json, encoded.decode())


class _Shown(dict[int, str]):
    def __missing__(self, code: int) -> str:
        character = chr(code)
        shown = self[code] = _backslashed(character) if _is_dangerous(character) else character
        return shown


@cache
def _shown_but(keep: str) -> _Shown:
    return _Shown({ord(character): character for character in keep})


def _is_dangerous(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _HARMLESS


def _backslashed(character: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = ord(character)
    return known.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
    )


def _escape_in_json(found: re.Match[str]) -> str:
    character = found[0]
    if not _is_dangerous(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
