"""A real gate that has a mistake: what has POISON in it ends its process, or raises, where the test says.

`python -m tests.support.poisoned_gate WHERE SITE_TOML`, where WHERE is `door` or one of `_patches`. It runs sources:
nothing can be put in the place of what is compiled.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

import tests.support.sources  # noqa: F401 - it sets what is imported below

# isort: split
from components.gate import deciding
from components.gate.__main__ import main
from components.gate.deciding import Filing
from components.gate.journal import Journal
from components.link.codec import Held, Status, SubmissionParser
from policy.content.descendants import Descendants

POISON = "Zyankali"


def _fail(where: str) -> None:
    if where == "process":
        os._exit(77)
    # Not one of those that the gate expects, and nothing that was said is in it.
    raise ZeroDivisionError


def _mistaken(where: str, right: Callable[..., Any], seen: Callable[..., str]) -> Callable[..., Any]:
    def wrong(*args: Any, **named: Any) -> Any:
        if POISON in seen(*args, **named):
            _fail(where)
        return right(*args, **named)

    return wrong


def _patches(where: str) -> Mapping[str, tuple[object, Callable[..., str]]]:
    def of_facts(_directory: object, facts: Any, *_: object) -> str:
        return str(facts.text)

    def of_text(_self: object, text: str) -> str:
        return text

    def of_payload(_self: object, _kind: object, payload: bytes, facts: Any) -> str:
        return payload.decode() if facts.sender else ""

    def of_batch(_self: object, _records: object, batch: Any) -> str:
        return " ".join(str(getattr(getattr(item, "held", None), "body", "")) for item in batch)

    patches: dict[str, dict[str, tuple[object, Callable[..., str]]]] = {
        "process": {"decide": (deciding, of_facts)},
        "policy": {"decide": (deciding, of_facts)},
        "facts": {"text": (Descendants, of_text)},
        "filing": {"file": (Filing, of_payload)},
        "record": {"record": (Journal, of_batch)},
    }
    return patches[where]


def _misread() -> None:
    """Have it stumble over the XML itself, as if its parser took less than the server's."""
    feed = SubmissionParser.feed

    def wrong(self: SubmissionParser, data: bytes) -> list[Held | Status]:
        return feed(self, data.replace(POISON.encode(), b"&"))

    patch.object(SubmissionParser, "feed", wrong).start()


if __name__ == "__main__":
    mistake = sys.argv.pop(1)
    if mistake == "door":
        _misread()
        sys.exit(main())
    for name, (owner, seen) in _patches(mistake).items():
        patch.object(owner, name, _mistaken(mistake, getattr(owner, name), seen)).start()
    sys.exit(main())
