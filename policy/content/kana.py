"""Japanese as it sounds: katakana and hiragana are two ways to write the same, small letters and long ones too."""

import re

# A text with none of these sounds as it is written.
_KANA = re.compile("[\u3041-\u30ff]")
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_SMALL = dict(
    zip(
        "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ",
        "あいうえおつやゆよわあいうえおつやゆよわかけ",
        strict=True,
    )
)
# Characters of Chinese that look like katakana, and lines that look like the sign of a long sound.
_LOOKALIKES = dict(zip("力口二工夕卜八", "かろにえたとは", strict=True))
_SOUNDS = _KATAKANA | {ord(each): told for each, told in (_SMALL | _LOOKALIKES).items()}
_LONG = re.compile("(?<=[\u3041-\u30ff])[-―‐‑–—─一ｰ]")
# A shorter word in hiragana is a part of too many others.
_MIN_CHARACTERS = 3


def sound(text: str) -> str:
    """Return a folded text in hiragana; empty if it has no kana."""
    if not _KANA.search(text):
        return ""
    return _LONG.sub("ー", text).translate(_SOUNDS)


def sound_of_term(term: str) -> str:
    """Return a folded term in hiragana; empty if it is no Japanese, or too short."""
    return sound(term) if len(term) >= _MIN_CHARACTERS else ""
