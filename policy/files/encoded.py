"""Files that stand in a text: `data:` URIs (RFC 2397), and runs of Base64 (RFC 4648) that are too long for words."""

import base64
import re
from collections.abc import Iterator
from functools import cache, partial
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from policy.files.media_type import UNTYPED

# Without a type and parameters (`data:,text`) it is a text, which stands there for everybody to read.
# Made when it is first asked for: it takes a millisecond, and most texts have none.
_DATA_URI = cache(
    partial(
        re.compile,
        r"""(?<![A-Za-z0-9+.-]) data:
        (?P<type>[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127})?
        (?P<parameters>(?:;[A-Za-z0-9._+-]{1,64}(?:=[^;,"'\s]{0,255})?){0,8})
        ,(?P<content>[^"'<>\s]+
            # Base64 goes on in further lines; only after a long one a short one is its end.
            (?:(?:[\r\n]+[A-Za-z0-9+/_-]{40,})+(?:[\r\n]+(?P<last>[A-Za-z0-9+/_-]{1,75}={0,2})(?!\S))?)?={0,2}
        )
    """,
        re.VERBOSE | re.IGNORECASE,
    )
)
# No file that is worth the trouble is shorter, and a key or a signature is.
_LEAST_CHARACTERS = 256
# Lines of a mail have 76 characters (RFC 2045, 6.8), those of PEM 64.
_RUN = re.compile(
    r"""[A-Za-z0-9+/_-]{40,} (?:[ \t]{0,8}[\r\n]{1,4}[ \t]{0,8}[A-Za-z0-9+/_-]{40,})*
        (?:[ \t]{0,8}[\r\n]{1,4}[ \t]{0,8} (?P<last>[A-Za-z0-9+/_-]{1,75}={0,2})(?!\S))? ={0,2}
    """,
    re.VERBOSE,
)
_NOT_ENCODED = re.compile(r"[^A-Za-z0-9+/_=-]")
_SMALL, _CAPITAL, _DIGIT = (re.compile(each) for each in ("[a-z]", "[A-Z]", "[0-9]"))
_OF_URLS = str.maketrans("-_", "+/")
_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")


class Encoded(NamedTuple):
    """A file out of a text. `name` is empty where the text does not say it."""

    media_type: str
    name: str
    content: bytes
    is_uri: bool


def decode_base64(text: str) -> bytes:
    """Return what Base64 says, read as leniently as any client does: what is none of its characters is left out."""
    characters = _FOREIGN.sub("", text.partition("=")[0].translate(_OF_URLS))
    if len(characters) % 4 == 1:
        characters = characters[:-1]
    return base64.b64decode(characters + "=" * (-len(characters) % 4))


def find_encoded(text: str) -> Iterator[Encoded]:
    """Yield the files that stand in a text, `data:` URIs first."""
    if len(text) < len("data:x/x,x"):
        return
    rest = text
    if "data:" in text.lower():
        for match in _DATA_URI().finditer(text):
            if match["type"] or match["parameters"]:
                yield _read_uri(match)
        rest = _DATA_URI().sub(" ", text)
    if len(rest) >= _LEAST_CHARACTERS:
        yield from _find_runs(rest)


def read_field(text: str) -> tuple[str, bytes]:
    """Return the file that all of a text is, as Base64 or, as some clients write it, as a `data:` URI, and its type."""
    match = _DATA_URI().match(text.lstrip())
    if match is None:
        return "", decode_base64(text)
    found = _read_uri(match)
    rest = text.lstrip()[match.start("content") :]
    return found.media_type, decode_base64(unquote(rest)) if _is_base64(match) else found.content


def _read_uri(match: re.Match[str]) -> Encoded:
    parameters = _parameters(match)
    content = _whole(match, match["content"])
    decoded = decode_base64(unquote(content)) if _is_base64(match) else unquote_to_bytes(content)
    name = parameters.get("name") or parameters.get("filename") or ""
    return Encoded((match["type"] or "text/plain").lower(), unquote(name), decoded, True)


def _is_base64(match: re.Match[str]) -> bool:
    return "base64" in _parameters(match)


def _parameters(match: re.Match[str]) -> dict[str, str]:
    parts = (part.partition("=") for part in match["parameters"].split(";") if part)
    return {name.lower(): value for name, _, value in parts}


def _find_runs(text: str) -> Iterator[Encoded]:
    for match in _RUN.finditer(text):
        run = _whole(match, match[0])
        # Hexadecimal digits, and what somebody types with a key held down, are no file.
        if len(run) >= _LEAST_CHARACTERS and all(each.search(run) for each in (_SMALL, _CAPITAL, _DIGIT)):
            yield Encoded(UNTYPED, "", decode_base64(run), False)


def _whole(match: re.Match[str], run: str) -> str:
    """Return a run of Base64 without a short last line that is a word of its own: with it, it has no whole bytes."""
    if match["last"] and len(_NOT_ENCODED.sub("", unquote(run))) % 4:
        return run[: run.rindex(match["last"])]
    return run
