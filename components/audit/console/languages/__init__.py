"""What the console says, in each language that it speaks: one plain catalogue a file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from components.audit.query.faults import TEXTS

NAMES: Mapping[str, str] = {"en": "English", "de": "Deutsch", "zh": "中文", "ko": "한국어"}
"""The languages, by their codes (BCP 47), as they call themselves."""

DEFAULT = "en"

QUERY = "query."
"""What the keys of texts begin with that say what is wrong with a query; the English ones are the query's own."""


@cache
def load_catalogue(language: str) -> Mapping[str, str]:
    """Return the texts of a language by their keys."""
    texts: dict[str, str] = tomllib.loads(Path(__file__).with_name(f"{language}.toml").read_text("utf-8"))
    own = {f"{QUERY}{key}": text for key, text in TEXTS.items()} if language == DEFAULT else {}
    return texts | own


def choose_language(accept: str) -> str:
    """Choose the first language of an Accept-Language header that the console speaks (RFC 9110, 12.5.4)."""
    wanted = []
    for number, part in enumerate(accept.split(",")[:20]):
        name, _, weight = part.strip().partition(";")
        wanted.append((-_weigh(weight), number, name.strip().lower().partition("-")[0]))
    return next((name for weight, _, name in sorted(wanted) if weight < 0 and name in NAMES), DEFAULT)


def _weigh(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
