"""The name that a file goes by: what its sender called it, without what could mislead a reader or a file system."""

import unicodedata

_DEFAULT = "file"
_SEPARATORS = str.maketrans({"/": "_", "\\": "_", "\0": ""})
# Control characters, format characters (also those that turn the direction of text around), halves of surrogates.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Without them several scripts and emoji are spelled otherwise: ZERO WIDTH NON-JOINER and JOINER.
_JOINERS = frozenset("\u200c\u200d")


def clean_name(name: str) -> str:
    """Return the name of a file, of any script, that is one part of a path and shows a reader its real ending."""
    shown = "".join(
        char
        for char in unicodedata.normalize("NFC", name.translate(_SEPARATORS))
        if char in _JOINERS or unicodedata.category(char) not in _HIDDEN
    )
    return shown.strip(" .") or _DEFAULT
