"""Checks people, present and departed, against one another, in the raw tables, as references.py does."""

from collections.abc import Iterator, Mapping
from typing import Any


def find_people_problems(path: str, firm: Mapping[str, Any]) -> Iterator[str]:
    """Yield which ids two people have, and who is both here and departed."""
    people = firm.get("person")
    rows = [row if isinstance(row, dict) else {} for row in people] if isinstance(people, list) else []
    first: dict[str, int] = {}
    for index, row in enumerate(rows):
        id_ = row.get("id")
        if isinstance(id_, str) and first.setdefault(id_.strip(), index) != index:
            yield f"{path}.person[{index}].id: {id_!r} is already that of {path}.person[{first[id_.strip()]}]"
    here = {jid for row in rows if isinstance(jid := row.get("jid"), str)}
    departed = firm.get("departed")
    for index, jid in enumerate(departed if isinstance(departed, list) else ()):
        if isinstance(jid, str) and jid in here:
            yield f"{path}.departed[{index}]: {jid!r} is a person of this enterprise; remove it here"
