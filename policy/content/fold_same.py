"""What the fold takes for the same besides what Unicode and OpenCC say: spellings of letters, and their order."""

import re

# German's and Scandinavian's umlauts.
SPELLINGS = {
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "Ø": "Oe", "å": "aa", "Å": "Aa",
}  # fmt: skip

_TWO_LETTERS = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D",
    "ꜳ": "aa", "Ꜳ": "AA", "ꜵ": "ao", "Ꜵ": "AO", "ꜷ": "au", "Ꜷ": "AU", "ꜹ": "av", "Ꜹ": "AV", "ꜽ": "ay", "Ꜽ": "AY",
    "ꝏ": "oo", "Ꝏ": "OO", "ꝡ": "vy", "Ꝡ": "VY", "ı": "i", "ȷ": "j",
}  # fmt: skip
# Those that differ by country only, and the ends of words that are written as one another.
_ARABIC = {"\u06cc": "\u064a", "\u0649": "\u064a", "\u06a9": "\u0643", "\u0671": "\u0627", "\u0629": "\u0647"}
# The dot below of scripts of India, which is left out as often as written.
_NUKTAS = dict.fromkeys("\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc", "")
_SOUND_MARKS = {"\u309b": "\u3099", "\u309c": "\u309a"}
# Forms of characters in names of Japan that neither table has.
_OF_NAMES = dict(zip("戸髙濵邉", "户高滨边", strict=True))
# Words in squares.
_SQUARES = dict(
    zip("🆎🆑🆒🆓🆔🆕🆗🆘🆙🆚", "AB CL COOL FREE ID NEW OK SOS UP VS".split(), strict=True)  # noqa: SIM905
)
SAME = _TWO_LETTERS | _ARABIC | _NUKTAS | _SOUND_MARKS | _OF_NAMES | _SQUARES

# What looks like Latin letters and is not in UTS 39: turned letters and capitals, syllables of Canada, Thai as in
# fashion, signs of money, Cyrillic and Greek as on posters, letters of Braille.
MORE_ALIKE = dict(
    zip(
        "ɔɹʇɥʞɟɘƨᴉᴎᴚʎꞮƎƏⱭꞬŊƲƜƔƆꞱꞍꞰƧᗩᗷᑕᗪᗴᖴᕼᒍᗰᑎᑭᖇᔕᑌᐯᗯค\u0e23₳฿₵₲₭₦₱₴₮₩яиєцшщдЯИЄЦШЩДΣ⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵",
        "crthkfesinryIEEAGNUWYCTHKSABCDEFHJMNPRSUVWasABCGKNPSTWrneuwwdRNEUWWDEabcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)
# What looks like an l and like a capital I.
BARS = "ǀӏᛁ∣⏽│ⵏꓲ\U0001028a\U00010309\U00010320\U00016f28"

# In Thai and Lao the tone stands before the vowel that is written above it, whatever was typed first.
_TONE_BEHIND = re.compile("([\u0e4d\u0ecd][\u0e32\u0eb2]?)([\u0e48-\u0e4b\u0ec8-\u0ecb])")


def reorder(text: str) -> str:
    """Return a text in which signs that are seen in one order are written in one."""
    return _TONE_BEHIND.sub(r"\2\1", text)
