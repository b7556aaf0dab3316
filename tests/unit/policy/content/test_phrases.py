"""Phrases whose words are joined, or set off by marks: whatever a reader reads as the phrase, rules and search find."""

import string
import unicodedata

import pytest

from policy.content.disguise import join_words
from policy.content.fold import fold, fold_text
from policy.content.fold_phrase import read_over_marks
from tests.support.one_text import rule_finds, rules_find, search_finds
from tests.support.rounds import mostly_slow

PHRASE = "inside information"
ENDS = ".!?"
# Where a mark stands between, before and behind words.
PLACES = (
    "inside{0}information",
    "inside {0} information",
    "{0}inside{0} {0}information{0}",
    "inside {0}information",
    "inside{0}{0}{0}{0}{0}information",
)
OF_ASCII = [mark for mark in string.punctuation if mark not in ENDS]


def is_mark(character: str) -> bool:
    """Return whether this is punctuation or a symbol that is read as no letter and as no end of a sentence."""
    if unicodedata.category(character)[0] not in "PS":
        return False
    read = fold(character)
    return bool(read.strip()) and not any(each.isalnum() or each in ENDS + "؟۔।॥。" for each in read)


def check_marks(marks: list[str]) -> None:
    texts = [place.format(mark) for place in PLACES for mark in marks]
    assert [text for text, found in zip(texts, rules_find(PHRASE, texts), strict=True) if not found] == []
    assert len(search_finds(f'"{PHRASE}"', *texts)) == len(texts)


def test_no_mark_of_ascii_hides_a_phrase() -> None:
    check_marks(OF_ASCII)


@pytest.mark.slow
def test_no_mark_of_unicode_hides_a_phrase() -> None:
    check_marks([character for character in map(chr, range(0x20000)) if is_mark(character)])


WRITTEN = {
    "in one word": (PHRASE, "insideinformation"),
    "in one word with capitals": (PHRASE, "we have InsideInformation here"),
    "with an invisible blank": (PHRASE, "inside\u200binformation"),
    "with marks of style": (PHRASE, "*inside* _information_"),
    "with doubled marks of style": (PHRASE, "**inside** ~~information~~"),
    "with marks of style, and disguised": (PHRASE, "*1nside* _in-formation_"),
    "in quotes of another language": (PHRASE, "„inside“ »information«"),
    "in brackets": (PHRASE, "inside [information]"),
    "quoted in the next line": (PHRASE, "inside\n> information"),
    "with three dots": (PHRASE, "inside... information"),
    "with a dot alone": (PHRASE, "inside . information"),
    "with a comma": (PHRASE, "inside, information"),
    "with an emoji": (PHRASE, "inside 😀 information"),
    "with emoji and words around": (PHRASE, "the inside 😀😀 information is"),
    "two of three words joined": ("off the books", "keep it offthe books"),
    "the others joined": ("off the books", "keep it off-the books"),
    "all of three joined": ("off the books", "OffTheBooks"),
    "three with marks": ("off the books", "*off* the *books*"),
    "a word that goes on": ("front run*", "frontrunning"),
    "a term with a mark, without": ("side-letter", "side letter"),
    "a term with a mark, in one word": ("side-letter", "sideletter"),
    "a term with marks, as it is, and more": ("off-the-record talk", "off-the-record *talk*"),
    "some words set off and some joined": ("off the record talk", "off the-record *talk*"),
    "an apostrophe in a phrase": ("don't tell", "*don't* tell"),
    "German with umlauts": ("kurs drücken", "*kurs* _drücken_"),
    "German in one word": ("kurs drücken", "Kursdruecken"),
    "Russian": ("кодовое слово", "«кодовое» (слово)"),
    "Russian in one word": ("кодовое слово", "КодовоеСлово"),
    "Arabic": ("معلومات داخلية", "*معلومات* _داخلية_"),
    "Arabic with a hyphen": ("معلومات داخلية", "معلومات-داخلية"),
    "Hebrew with a hyphen": ("מידע פנים", "מידע-פנים"),
    "Hindi": ("अंदरूनी जानकारी", "*अंदरूनी* _जानकारी_"),
    "Hindi with a hyphen": ("अंदरूनी जानकारी", "अंदरूनी-जानकारी"),
    "Korean": ("내부자 거래", "*내부자* _거래_"),
    "Chinese": ("内幕消息", "*内幕* _消息_"),
    "Chinese as code": ("内幕消息", "内`幕`消息"),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_phrase_is_found_however_its_words_are_set_off(kind: str) -> None:
    phrase, text = WRITTEN[kind]
    assert rule_finds(phrase, text)
    assert search_finds(f'"{phrase}"', text) == [0]


PARTED = {
    "an end of a sentence": (PHRASE, "He went inside. Information came later."),
    "a question": (PHRASE, "inside? Information later"),
    "a cry": (PHRASE, "Come inside! Information will follow."),
    "an end of a sentence in bold": (PHRASE, "*He went inside.* Information came later."),
    "an end in a text with other marks": (PHRASE, "- he went inside. Information (all) came"),
    "an end of a sentence in Hindi": ("जानकारी अंदर", "जानकारी। *अंदर*"),
}


@pytest.mark.parametrize("kind", PARTED)
def test_an_end_of_a_sentence_parts_a_phrase_for_rules(kind: str) -> None:
    phrase, text = PARTED[kind]
    assert not rule_finds(phrase, text)


OTHERS = {
    "Chinese with a dash": ("价上", "铜价 - 上涨"),
    "Chinese with a comma": ("价上", "*铜价*, 上涨"),
    "a joined phrase within a word": ("off it", "profit - no"),
    "a joined phrase of single letters": ("x ray", "xray"),
    "a letter before a word": ("a-share", "a share"),
    "letters of an abbreviation": ("u.s", "us"),
    "a sign of an abbreviation": ("p&l", "pl"),
    "figures": ("10 20", "*10*, 20"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_another_text_stays_another(kind: str) -> None:
    phrase, text = OTHERS[kind]
    assert not rule_finds(phrase, text)


def test_a_rule_that_does_not_fold_takes_a_phrase_as_it_is() -> None:
    for text in ("inside-information", "insideinformation", "*inside* information", "inside, information"):
        assert not rule_finds(PHRASE, text, folds=False)


def test_what_was_sent_is_found_beside_what_is_read_over() -> None:
    for term in ("a - b letter", "a b letter"):
        assert rule_finds(term, "so: a - b letter (now)")


def test_words_are_joined_one_by_one_and_all() -> None:
    assert join_words("off the books") == ("offthe books", "off thebooks", "offthebooks")
    assert join_words("off the books", ", ") == ("off, the books", "off the, books", "off, the, books")
    assert join_words("insider") == join_words("a b") == join_words("内幕 消息") == ()


def test_as_many_words_as_somebody_may_join_are_joined() -> None:
    assert len(join_words(" ".join(["word"] * 24))) == 24
    assert join_words(" ".join(["word"] * 25)) == ()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("*a* _b_", "*a b_"),
        ("a. b", "a. b"),
        ("a .. b ... c . d", "a b c d"),
        ("10, 20 (t)", "10, 20 t)"),
        ("it's 'so'", "it's so'"),
        ("é – ü", "é ü"),
        ("铜 - 铝", "铜 - 铝"),
        ("*铜* ~铝~", "*铜铝~"),
        ("铜 - b", "铜 - b"),
    ],
)
def test_marks_between_words_are_one_blank(text: str, read: str) -> None:
    assert read_over_marks(text) == read


@pytest.mark.parametrize("row", mostly_slow([" *", "a *", ". ", "..", " . ", "'", "*铜", " 铜*", "ü -"], 2))
def test_no_row_of_marks_takes_long(row: str) -> None:
    # A step that looked back over the whole row at each of its places would take hours.
    assert len(read_over_marks(f"a{row * 100_000}b")) <= len(row) * 100_000 + 2


# Pieces of texts that people make rows of; any two of them, in turns.
_PIECES = (
    "a",
    " ",
    "1",
    "'",
    ".",
    ">",
    "_",
    "-",
    "!",
    "`",
    "銅",
    "é",
    "😀",
    "\u0301",
    "·",
    "@",
    "\n",
    "가",
    "ا",
)


@pytest.mark.parametrize("first", mostly_slow(_PIECES))
def test_a_long_row_is_read_once(first: str) -> None:
    """What is read again from each of its characters, or in each way to part it, ends at no time here."""
    for second in _PIECES:
        row = (first + second) * 20_000
        assert fold_text(f"an insider tip {row}").plain
