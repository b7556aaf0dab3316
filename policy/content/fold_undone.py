"""Disguises undone in a text: digits and signs for letters, signs between some letters of a word, or between words.

Each makes a form of its own, as nobody can tell whether it is a disguise; the others stay.
"""

import re

from policy.content.fold_phrase import MIDDLE, read_over_marks
from policy.content.ranges import late

# What is drawn for a letter. A 1 and its like are an i in one form, and an l in another.
_DRAWN = {
    "0": "o", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s",
    "+": "t", "€": "e", "£": "l", "¢": "c", "©": "c", "®": "r", "¥": "y", "∂": "d", "∈": "e", "⭕": "o",
    "§": "s",
}  # fmt: skip
_LIKE_I = "1!|¡"
_ALL_DRAWN = re.escape("".join(_DRAWN) + _LIKE_I)
_AS_I = str.maketrans(_DRAWN | dict.fromkeys(_LIKE_I, "i"))
_AS_L = str.maketrans(_DRAWN | dict.fromkeys(_LIKE_I, "l"))
_MAY_BE_L = re.compile(f"[{_LIKE_I}]")
# Shorter words are abbreviations, and figures may have units (10ts).
_MIN_CHARACTERS = 4
_FIGURE = re.compile(r"[0-9]{2,}[^\W\d_]{1,3}$")
_TWO_LETTERS = re.compile(r"[^\W\d_].*?[^\W\d_]")
# From its first letter on alone: else a long word would be read from each of its letters.
_WORD = re.compile(rf"(?<![^\W\d_])(?>[^\W\d_]*)[{_ALL_DRAWN}][\w{_ALL_DRAWN}]*")
# At the end of a word these are what they are.
_AT_END = "!|+¡"

# What sets off words; those of ordinary sentences do so where they stand oddly.
_SET_OFF = r"\"-+\-/<->@\[-`{-~"
_OFTEN = ".,:;"
# Whether a text may have any of it. They begin with one set of characters, for which the search is quick.
_HINT = re.compile(
    r"[!-@\[-`{-~](?:(?<=[A-Za-z].)(?<!')(?=[!-&(-/:-@\[-`{-~]{0,2}[A-Za-z0-9])|(?<=[0-9)\]].)(?=[A-Za-z])"
    r"|(?<=[0-9$@!|+])(?=[A-Za-z])|(?<=[A-Za-z][@$])|(?<=[A-Za-z]-)(?=\n[a-z])"
    rf"|(?<=[{_SET_OFF}])(?=\s)|(?<=\s[{_OFTEN}{_SET_OFF}])|(?<=\.\.)|(?<=[{_OFTEN}{_SET_OFF}]{{3}}))"
)
# Letters of Latin, Greek, Cyrillic and Armenian. Between others, signs may part sentences.
_SPACED = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u058f"
_KOREAN = "\uac00-\ud7a3"
_UNSPACED = "\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff"
_HINT_BEYOND = late(
    rf"[^\w\s'，。、；：？！“”‘’（）《》「」『』…](?:(?=[{_SPACED}{_KOREAN}\n])|(?<=[{_SPACED}{_KOREAN}0-9].)|(?=[{_UNSPACED}])(?<=[{MIDDLE}])"
    rf"|(?<=[{_SET_OFF}])(?=[\u0590-\u1cff]))"
    rf"|[0-9_](?=[{_SPACED}{_KOREAN}])|[0-9](?<=[{_SPACED}].)|_(?=[{_UNSPACED}])"
    rf"|[^\w\s!?。](?:(?<![{_OFTEN}])(?=\s)|(?<=\s.)|(?<=\.\.)|(?<=[^\w\s]{{4}})|(?<=[A-Za-z].)(?=[A-Za-z]))"
)
_DRAWN_HINT = re.compile(rf"[{_ALL_DRAWN}](?:(?=[^\W\d_])|(?<=[^\W\d_].))")

# What may as well stand between words, while others stand within one: `note:in-sider`.
_PARTS = re.compile(r'[/\\_:;,.|=&+()\[\]{}<>"]')

# Apostrophes belong to words.
_FEW, _MANY = r"(?:[^\w\s'@$]|_)", r"(?:[^\w\s'.,;:!?]|_)"
# What is left of the signs behind the first of them, with which the search begins, as it is quick then.
_MORE_SIGNS = rf"(?:(?<={_FEW}){_FEW}{{0,2}}(?:(?<=-)\n)?|(?<={_MANY}){_MANY}{{3,15}})"
_BETWEEN = late(
    rf"[\W_](?:(?<=[{_SPACED}].){_MORE_SIGNS}(?=[{_SPACED}0-9])|(?<=[0-9].){_MORE_SIGNS}(?=[{_SPACED}])"
    rf"|(?<=[{_KOREAN}].){_MORE_SIGNS}(?=[{_KOREAN}])"
    rf"|(?<=[{_UNSPACED}][{MIDDLE}])[{MIDDLE}]{{0,2}}(?=[{_UNSPACED}]))",
    re.DOTALL,
)
# Of these a word may have more.
_STYLE = r"#*+\-/<=>\\^_`|~"
# The same of ASCII, which begins with the signs: with the first of them, so that a long row is read once.
_BETWEEN_IN_ASCII = re.compile(
    r"(?<![!-#%&(-/:-?\[-`{-~])[!-#%&(-/:-?\[-`{-~]++(?:(?<=-)\n)?(?=[A-Za-z0-9])(?:(?<=[A-Za-z][!-~])|(?<=[A-Za-z][!-~][!-~])"
    r"|(?<=[A-Za-z][!-~][!-~][!-~])"
    + "".join(rf"|(?<=[A-Za-z][{_STYLE}]{{{count}}})" for count in range(4, 17))
    + r"|(?<=[A-Za-z]-\n)|(?=[A-Za-z])(?:(?<=[0-9][!-~])|(?<=[0-9][!-~][!-~])))"
)

# What is left of a text of ASCII, whatever is undone in it: letters, with those for digits that may be drawn for them.
_LEFT = (
    dict.fromkeys(range(128)) | {ord(each): each for each in "abcdefghijkmnopqrstuvwxyz"} | {ord("l"): "i"}
)
_LEFT |= {ord(digit): "i" if digit == "1" else _DRAWN[digit] for digit in "0123456789"}
# But for signs that may be letters, where they do not end a word.
_SIGN_FOR_LETTER = re.compile(r"[@$!+|](?:(?<=[@$])|(?=\S))")


def undo_disguises(text: str) -> tuple[str, ...]:
    """Return a folded text as it reads without disguises, in each way that differs from it."""
    is_ascii = text.isascii()
    if not (_HINT if is_ascii else _HINT_BEYOND()).search(text):
        return ()
    joined = join_over_signs(text)
    ways = [text, joined]
    parted = _PARTS.sub(" ", text)
    if parted != text and (rejoined := join_over_signs(parted)) != parted:
        ways.append(rejoined)
    if _DRAWN_HINT.search(text):
        drawn = [(each, _find_drawn(each)) for each in (text, joined)]
        for letters in (_AS_I, _AS_L) if _MAY_BE_L.search(text) else (_AS_I,):
            ways += [_read_drawn(each, words, letters) for each, words in drawn]
    return tuple(dict.fromkeys((*ways, *map(read_over_marks, ways[1:]))))[1:]


def join_over_signs(text: str) -> str:
    """Return a text without signs between letters, in scripts where that is done."""
    return (_BETWEEN_IN_ASCII if text.isascii() else _BETWEEN()).sub("", text)


def letters_left(text: str) -> str | None:
    """Return the letters that every reading of a text of ASCII without disguises has; None if readings differ in them.

    What stands in such a reading without its blanks and signs, with the same letters for its digits, stands in these.
    """
    return None if _SIGN_FOR_LETTER.search(text) else text.lower().translate(_LEFT)


def _find_drawn(text: str) -> list[tuple[int, int]]:
    """Return where the words begin and end in which figures and signs may be drawn for letters."""
    found = []
    for each in _WORD.finditer(text):
        body = each[0].rstrip(_AT_END)
        is_drawn = len(body) >= _MIN_CHARACTERS and not body.isalpha() and not _FIGURE.match(body)
        if is_drawn and _TWO_LETTERS.search(body):
            found.append((each.start(), each.start() + len(body)))
    return found


def _read_drawn(text: str, words: list[tuple[int, int]], letters: dict[int, str]) -> str:
    pieces, done = [], 0
    for start, end in words:
        pieces += [text[done:start], text[start:end].translate(letters)]
        done = end
    return "".join([*pieces, text[done:]])
