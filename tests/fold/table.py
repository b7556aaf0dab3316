"""What the fold knows of characters, from Unicode's data (in `regex` and `disarm`) and from OpenCC's."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import disarm
import opencc
import regex

CONTENT = Path(__file__).parents[2] / "policy/content"

_LINE = 100
_PAIRS_A_LINE = 24  # a Chinese character is as wide as two others

# Scripts that put no blanks between words.
_UNSPACED = (
    "Han Hiragana Katakana Bopomofo Yi Thai Lao Khmer Myanmar Tibetan "
    "Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Balinese Javanese Nushu Tangut Khitan_Small_Script"
)
# Of several of these scripts: repetition and length.
_ALSO_UNSPACED = r"\u3006\u3031-\u3035\u303C\u30FC"
# Scripts in which a sign for a vowel or a tone makes another word.
_MARKED = (
    "Adlam Ahom Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Brahmi Buginese Buhid Chakma Cham Devanagari "
    "Dives_Akuru Dogra Grantha Gujarati Gunjala_Gondi Gurmukhi Hanifi_Rohingya Hanunoo Javanese Kaithi Kannada "
    "Kawi Kayah_Li Kharoshthi Khmer Khojki Khudawadi Lao Lepcha Limbu Mahajani Makasar Malayalam Marchen "
    "Masaram_Gondi Meetei_Mayek Mende_Kikakui Miao Modi Myanmar Nandinagari Newa Nyiakeng_Puachue_Hmong Oriya "
    "Pahawh_Hmong Rejang Saurashtra Sharada Siddham Sinhala Soyombo Sundanese Syloti_Nagri Tagalog Tagbanwa "
    "Tai_Le Tai_Tham Tai_Viet Takri Tamil Telugu Thaana Thai Tibetan Tirhuta Wancho Zanabazar_Square"
)
# Marks of recitation, over the text, and Khitan's filler.
_MARKS_BESIDE = r"\uA8E0-\uA8F1\p{Default_Ignorable_Code_Point}"

# What NFKC folds (but for the letters of Unicode 16, which Python's does not fold), signs of money, and the letters of
# scripts that nobody takes for Latin.
_WITHOUT_LOOKALIKES = (
    r"[[\p{NFKC_QC=N}--[\U0001CCD6-\U0001CCF9]]\p{ASCII}\p{Sc}"
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]"
)


def make_tables() -> dict[str, str]:
    """Return the text of each module, by its name."""
    return {"fold_table.py": _make_characters(), "fold_chinese.py": _make_chinese()}


def _make_characters() -> str:
    unspaced, marked = (
        "".join(rf"\p{{Script={name}}}" for name in names.split()) for names in (_UNSPACED, _MARKED)
    )
    return "\n".join(
        [
            f'"""What the fold has to know of Unicode {disarm.CONFUSABLES_VERSION}; made by `python -m tests.fold`.',
            "",
            "Ranges are code points in hexadecimal. Sources: the Unicode Character Database and UTS 39",
            "(copyright 1991-2026 Unicode, Inc., Unicode License v3: https://www.unicode.org/license.txt).",
            '"""',
            "",
            *_ranges(
                "IGNORABLE",
                "Nothing is shown, or a mark of format.",
                r"\p{Default_Ignorable_Code_Point}\p{Cf}",
            ),
            *_ranges(
                "MARKED", "Scripts with signs that make another word.", f"[[{marked}]&&[\\p{{L}}\\p{{M}}]]"
            ),
            *_ranges("MARKS", "These signs.", f"[[{marked}]&&\\p{{M}}]--[{_MARKS_BESIDE}]"),
            *_ranges("READ_OVER", "All other signs.", f"\\p{{M}}--[[{marked}]--[{_MARKS_BESIDE}]]"),
            *_ranges(
                "UNSPACED",
                "Scripts without blanks between words.",
                f"[[{unspaced}]&&[\\p{{L}}\\p{{N}}]][{_ALSO_UNSPACED}]",
            ),
            *_ranges("HANGUL", "Korean.", r"[\p{Script=Hangul}&&\p{L}]"),
            *_lookalikes(),
            "",
        ]
    )


def _ranges(name: str, comment: str, pattern: str) -> list[str]:
    """Return a constant: the ranges of the characters that match."""
    ranges = _find_ranges(f"[{pattern}]")
    words = " ".join(f"{first:04X}" if first == last else f"{first:04X}-{last:04X}" for first, last in ranges)
    return [f"# {comment}", f'{name} = """', *textwrap.wrap(words, _LINE, break_on_hyphens=False), '"""']


def _lookalikes() -> list[str]:
    """Return a constant: for each letter and digit of ASCII, what looks like it (UTS 39)."""
    found: dict[str, list[str]] = defaultdict(list)
    for character in _characters(r"[^\p{Cn}\p{Co}]"):
        seen = _seen(character)
        if (
            seen != character
            and len(seen) == 1
            and seen.isascii()
            and seen.isalnum()
            and not _matches(_WITHOUT_LOOKALIKES, character)
        ):
            found[seen].append(f"{ord(character):04X}")
    lines = [
        line
        for seen, codes in sorted(found.items())
        for line in textwrap.wrap(f"{seen} {' '.join(codes)}", _LINE, subsequent_indent="  ")
    ]
    return [
        "# What looks like the letter or digit that stands first (UTS 39).",
        'LOOKALIKES = """',
        *lines,
        '"""',
    ]


def _seen(character: str) -> str:
    # Many clients show flags as the letters that they are made of.
    if "\U0001f1e6" <= character <= "\U0001f1ff":
        return chr(ord(character) - 0x1F1E6 + ord("A"))
    return disarm.normalize_confusables(character)


def _make_chinese() -> str:
    of_japan, convert = opencc.OpenCC("jp2t").convert, opencc.OpenCC("t2s").convert
    simplified = {
        character: told
        for character in _characters(r"[\p{Script=Han}--\p{NFKC_QC=N}]")
        # What Japan alone has; some of its others are another character in China.
        if len(told := convert(character if _is_in_gb2312(character) else of_japan(character))) == 1
        and told != character
    }
    pairs = [character + _last(simplified, told) for character, told in simplified.items()]
    return "\n".join(
        [
            '"""Characters of old and of Japan, each before its simplified one; made by `python -m tests.fold`.',
            "",
            f"Source: the tables of characters of OpenCC {opencc.__version__} (Apache License 2.0,",
            "https://github.com/BYVoid/OpenCC).",
            '"""',
            "",
            'CHINESE = """',
            *("".join(pairs[at : at + _PAIRS_A_LINE]) for at in range(0, len(pairs), _PAIRS_A_LINE)),
            '"""',
            "",
        ]
    )


def _is_in_gb2312(character: str) -> bool:
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def _last(told: dict[str, str], character: str) -> str:
    """Return what a character becomes in the end, so that what was folded stays as it is."""
    seen = {character}
    while (after := told.get(character, character)) not in seen:
        seen.add(after)
        character = after
    return character


def _matches(pattern: str, character: str) -> bool:
    return regex.match(pattern, character, regex.V1) is not None


def _characters(pattern: str) -> Iterator[str]:
    """Yield all characters that match a set."""
    return (chr(code) for first, last in _find_ranges(pattern) for code in range(first, last + 1))


def _find_ranges(pattern: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last code point of each run of characters that match a set."""
    find = regex.compile(f"{pattern}+", regex.V1).finditer
    for first, text in _characters_around_surrogates():
        for found in find(text):
            yield first + found.start(), first + found.end() - 1


@cache
def _characters_around_surrogates() -> tuple[tuple[int, str], ...]:
    return tuple(
        (first, "".join(map(chr, range(first, end)))) for first, end in ((0, 0xD800), (0xE000, 0x110000))
    )
