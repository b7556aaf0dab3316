"""The fold: what a reader does not see or reads over hides nothing, for rules and for the search alike."""

import unicodedata

import pytest
import regex

from policy.content import fold as fold_module
from policy.content.fold import fold, fold_term, fold_text, reveal
from policy.content.fold_character import IGNORED
from tests.fold.table import CONTENT, make_tables
from tests.support.one_text import rule_finds, search_finds

HIDDEN = {
    "an invisible character": ("sideletter", "sidele\u200btter"),
    "a soft hyphen": ("sideletter", "side\u00adletter"),
    "a joiner": ("sideletter", "sidele\u200dtter"),
    "a filler of Hangul": ("sideletter", "sidele\u3164tter"),
    "a blank of Braille": ("sideletter", "sidele\u2800tter"),
    "a filler that is shown as a blank": ("side letter", "side\u3164letter"),
    "a control of direction": ("sideletter", "side\u2066let\u2069ter"),
    "text that is shown from its end": ("sideletter", "a \u202erettel\u202c\u202eedis\u202c sideletter"),
    "text that is shown from right to left": ("sideletter", "a \u202erettelediS\u202c"),
    "a variation selector": ("sideletter", "sidele\ufe0ftter"),
    "a tag": ("sideletter", "sidele\U000e0041tter"),
    "an ignorable that is not assigned": ("sideletter", "sidele\U000e0080tter"),
    "what is no character": ("sideletter", "sidele\ufdd0tter"),
    "a control": ("sideletter", "sidele\x7ft\x90ter"),
    "a hair's blank": ("sideletter", "sidele\u200atter"),
    "a hair's blank between words": ("side letter", "side\u200aletter"),
    "a number with thin blanks": ("10000", "10\u202f000"),
    "an end of line that is shown as nothing": ("sideletter", "sidele\u2028tter"),
    "an accent": ("insider", "ínsïder"),
    "accents of other blocks": ("insider", "i\u1dc4n\u1ab0s\u20d2i\ufe20der"),
    "an accent of another script": ("insider", "in\u0483si\u05b0d\u064eer"),
    "a vowel of another script": ("insider", "in\u093fsi\u0e35der"),
    "a mark of sound": ("insider", "in\u3099sider"),
    "a mark that encloses": ("insider", "i\u20ddn\u20ddsider"),
    "wide letters": ("insider", "ｉｎｓｉｄｅｒ"),
    "a ligature": ("fix", "ﬁx"),
    "superscripts": ("m2", "m²"),
    "letters of mathematics": ("insider", "𝐢𝓃𝔰𝕚𝖽𝚎𝒓"),
    "letters in circles": ("insider", "ⓘⓝⓢⓘⓓⓔⓡ"),
    "letters in parentheses": ("insider", "⒤⒩⒮⒤⒟⒠⒭"),
    "letters of flags": ("inside", "🇮🇳🇸🇮🇩🇪"),
    "letters in dark squares": ("insider", "🅸🅽🆂🅸🅳🅴🆁"),
    "small capitals": ("insider", "ɪɴꜱɪᴅᴇʀ"),
    "a Cyrillic letter": ("insider", "insіder"),
    "a Greek letter": ("insider", "ιnsider"),
    "a Greek capital": ("nato", "ΝATO"),
    "an Armenian letter": ("copper", "cօpper"),
    "Cherokee letters": ("gap", "ᏀᎪᏢ"),
    "Cyrillic letters alone": ("copy", "сору"),
    "a term in several scripts": ("insіder", "insider"),
    "Latin letters in a Cyrillic word": ("рост", "poст"),
    "a Latin capital in a Cyrillic word": ("новость", "Hовость"),
    "a letter with a stroke": ("dong", "đồng"),
    "a letter with a hook": ("bad", "ɓad"),
    "a letter without its dot": ("isik", "ışık"),
    "a capital with a dot": ("istanbul", "İSTANBUL"),
    "Arabic with vowels": ("محمد", "مُحَمَّد"),
    "Arabic made longer": ("كتاب", "كـتـــاب"),
    "Arabic forms of presentation": ("كتاب", "ﻛﺘﺎﺏ"),
    "Arabic vowels by themselves": ("كتاب", "كﹷتاب"),
    "Arabic letters as in Persian": ("كتاب علي", "کتاب علی"),
    "Hebrew with points": ("שלום", "שָׁלוֹם"),
    "narrow kana": ("ガス", "ｶﾞｽ"),
    "kana in parts": ("ガス", "カ\u3099ス"),
    "Hangul in parts": ("한국", "\u1112\u1161\u11ab국"),
    "traditional Chinese": ("内幕", "有內幕消息"),
    "simplified Chinese": ("內幕", "有内幕消息"),
    "traditional characters that became one": ("发财", "發財"),
    "radicals": ("金", "⾦"),
    "a German umlaut": ("Zürich", "Zuerich"),
    "a German umlaut as two letters": ("Zuerich", "in Zürich"),
    "a German umlaut without its dots": ("zurich", "Zürich"),
    "a German umlaut in parts": ("Zuerich", "Zu\u0308rich"),
    "a German umlaut in parts, with something between": ("Zuerich", "Zu\u200b\u0308rich"),
    "sharp s": ("strasse", "Straße"),
    "double s": ("straße", "STRASSE"),
    "capital sharp s": ("strasse", "STRAẞE"),
    "letters that are two": ("caesar", "Cæsar"),
    "digits of other scripts": ("45", "٤٥"),
    "digits in circles": ("45", "④❺"),
    "a curly apostrophe": ("don't tell", "don’t tell"),
    "a long dash": ("end-of-day", "end–of‑day"),
    "a blank that does not break": ("side letter", "side\u00a0letter"),
    "letters with blanks": ("sideletter", "s i d e l e t t e r"),
    "a phrase's letters with blanks": ("side letter", "the s i d e  l e t t e r"),
    "letters with dots": ("insider", "I.n.s.i.d.e.r"),
    "letters with hyphens": ("insider", "i-n-s-i-d-e-r"),
    "letters with lines": ("insider", "i_n_s_i_d_e_r"),
    "letters with stars": ("insider", "i*n*s*i*d*e*r"),
    "letters of another look with dots": ("insider", "і·n·ѕ·i·d·e·r"),
    "Chinese with dots": ("内幕消息", "内.幕.消.息"),
    "Chinese with hyphens": ("内幕消息", "有内-幕-消-息吗"),
    "a digit for a letter": ("insider", "1nsider"),
    "a digit for each letter of a kind": ("copper book", "c0pper b00k"),
    "digits for letters of all kinds": ("insider", "1n51d3r"),
    "digits for vowels": ("insider", "1NS1D3R"),
    "digits for two letters": ("zero risk", "zer0 r1sk"),
    "kana with points": ("インサイダー", "イ・ン・サ・イ・ダ・ー"),
    "letters with colons": ("secret", "s:e:c:r:e:t"),
    "letters of a word with umlauts": ("drücken", "d.r.ü.c.k.e.n"),
    "Cyrillic letters with blanks": ("секрет", "с е к р е т"),
    "Korean with dots": ("내부자", "내.부.자"),
    "wide letters with wide blanks": ("secret", "ｓ　ｅ　ｃ　ｒ　ｅ　ｔ"),
    "a character of Japanese names": ("户口", "戸口"),
    "a small l for a capital I": ("insider", "lnsider"),
    "a capital I for an l": ("illegal", "iIIegaI"),
    "a word that goes on in the next line": ("sideletter", "a side-\nletter"),
    "an annotation": ("sideletter", "\ufff9sideletter\ufffaon the side\ufffb"),
    "text that is shown from its end in parts": ("secret", "\u202ete\u202c\u202erces\u202c"),
    "turned letters": ("secret", "sǝɔɹǝʇ"),
    "syllables of Canada": ("secret", "ᔕEᑕᖇET"),
    "Thai letters as in fashion": ("secret", "รєςгєt"),
    "words in squares": ("new deal", "🆕 deal"),
    "a beta for a sharp s": ("groß", "groβ"),
    "two letters in one": ("book", "bꝏk"),
    "katakana for hiragana": ("いんさいだー", "これはインサイダー取引"),
    "hiragana for katakana": ("インサイダー", "これはいんさいだー取引"),
    "small kana": ("つっこみ", "ツツコミ"),
    "narrow kana for hiragana": ("いんさいだー", "ｲﾝｻｲﾀﾞｰ"),
    "a dash for a long sound": ("インサイダー", "インサイダ―取引"),
    "a Chinese character for a long sound": ("インサイダー", "インサイダ一取引"),
    "Chinese characters like kana": ("ロコミ", "口コミ"),
    "a mark of sound by itself": ("ガス", "カ゛ス"),
    "characters of Japan": ("広告", "廣告"),
    "old characters of Japan": ("売却価格", "賣却價格"),
    "characters of Japan and China": ("発", "发"),
    "Hindi without a dot": ("ज़मीन", "जमीन"),
    "Thai with a tone behind the vowel": ("น้ำ", "นำ้"),
    "an end of an Arabic word": ("صفقة", "صفقه"),
    "a Russian yo": ("счёт", "счет"),
    "Vietnamese with marks in any order": ("tiền", "tie\u0300\u0302n"),
    "Dutch": ("ijzer", "ĳzer"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_is_read_as_a_term_is_found(kind: str) -> None:
    term, text = HIDDEN[kind]
    assert rule_finds(term, text)
    assert search_finds(f'"{term}"', text) == [0]


DIFFERENT = {
    "a vowel of Devanagari": ("दिन", "दीन"),
    "a vowel of Thai": ("กี", "กา"),
    "a tone of Thai": ("ข่าว", "ขาว"),
    "a Thai letter that has a vowel": ("ก", "กี"),
    "a mark of sound of kana": ("か", "が"),
    "another Arabic letter": ("باب", "تاب"),
    "a figure": ("lots", "1075"),
    "a digit for a letter of a short word": ("oil", "0il"),
    "letters of a short word": ("lme", "l m e"),
    "letters of a sentence": ("sell", "s, e, l"),
    "a short word in katakana": ("イン", "いんだ"),
    "a word of Korean alone, without what may be a particle": ("회의", "회는"),
    "letters that look alike in ASCII": ("modem", "modern"),
    "a Russian word for a Latin one": ("нет", "het"),
    "two letters without an umlaut": ("bluten", "blueten"),
    "part of a Korean word": ("내부", "내부자가"),
    "a Korean word that goes on": ("거래", "거래소"),
    "characters of two sentences": ("价上", "铜价，上涨"),
    "characters beside a mark": ("价上", "铜价。「上涨」"),
    "characters of two lines of punctuation": ("价上", "铜价……\n上涨"),
    "Thai of two sentences": ("งว", "ทอง; วัน"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_is_another_word_is_not_found(kind: str) -> None:
    term, text = DIFFERENT[kind]
    assert not rule_finds(term, text)
    assert search_finds(f'"{term}"', text) == []


THAI = [("ทองแดง", "ราคาทองแดงวันนี้", True), ("ราคา", "ราคาทองแดง", True), ("แดง", "ทองแดง", True)]


@pytest.mark.parametrize(("term", "text", "found"), THAI)
def test_thai_is_found_inside_a_longer_text(term: str, text: str, found: bool) -> None:
    assert rule_finds(term, text) is found
    assert (search_finds(term, text) == [0]) is found


def test_a_phrase_with_punctuation_between_chinese_characters_finds_such() -> None:
    assert search_finds("铜价，上涨", "铜价。上涨", "铜价上涨") == [0]


def test_no_phrase_goes_from_one_form_of_a_text_to_another() -> None:
    assert search_finds('"b a"', "ä b") == []
    assert search_finds('"ost copper"', "соpper роst") == []


def test_a_rule_that_does_not_fold_takes_neither_form() -> None:
    assert not rule_finds("Zürich", "Zuerich", folds=False)
    assert not rule_finds("copy", "сору", folds=False)
    assert rule_finds("сору", "Сору", folds=False)


EVERY_CHARACTER = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000))))
IGNORABLE = regex.findall(r"[\p{Default_Ignorable_Code_Point}\p{Cf}]", EVERY_CHARACTER)
MARKS = regex.findall(r"\p{M}", EVERY_CHARACTER)


def test_nothing_that_unicode_calls_ignorable_hides_a_word() -> None:
    assert len(IGNORABLE) > 4_000
    kept = [
        character for character in IGNORABLE if "sideletter" not in fold_text(f"sidele{character}tter").plain
    ]
    assert kept == []


def test_no_mark_of_any_script_hides_a_latin_word() -> None:
    assert len(MARKS) > 2_000
    kept = [mark for mark in MARKS if fold(f"sidele{mark}tter") != "sideletter"]
    assert kept == []


def test_signs_stay_that_make_another_word() -> None:
    for word in ("हिन्दी", "ภาษาไทย", "தமிழ்", "ខ្មែរ", "မြန်မာ", "བོད་ཡིག", "ދިވެހި", "ຄຳຖາມ", "বাংলা"):
        assert fold(word) == unicodedata.normalize("NFC", unicodedata.normalize("NFKC", word))


def test_a_text_of_ascii_is_its_own_only_form() -> None:
    assert fold_text("blue chip") == (("blue chip",), ())
    ascii_text = "".join(map(chr, range(0x7F)))
    assert fold_text(ascii_text).plain == (ascii_text,)
    assert fold(f"{ascii_text}ä") == f"{ascii_text}a"
    assert fold_term("Blue") == (("blue",), (), ())


@pytest.mark.slow
def test_what_is_usual_needs_no_more_than_each_character_by_itself() -> None:
    usual = [chr(code) for code in range(0x110000) if not fold_module._UNUSUAL().match(chr(code))]
    assert len(usual) > 30_000
    text = "".join(usual)
    assert fold_module._forms_of(text) == fold_module._fold_one(text)
    assert all(fold_module._forms_of(each) == fold_module._fold_one(each) for each in usual)
    assert not IGNORED.search(text)


def test_a_link_is_revealed_and_keeps_its_letters() -> None:
    assert reveal("ｅｘа\u200bmple\u3164.com") == "exаmple.com"
    assert reveal("see\u2009example.com") == "see example.com"
    assert reveal("see\u2028example.com").split() == ["see", "example.com"]


@pytest.mark.slow
def test_the_tables_are_those_that_the_libraries_give() -> None:
    for name, text in make_tables().items():
        assert (CONTENT / name).read_text(encoding="utf-8") == text, "run `python -m tests.fold`"
