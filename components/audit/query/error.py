"""What is wrong with a query, with its place: each fault by a name, so that others can say it in other languages."""

from collections.abc import Callable, Mapping

from components.audit.query.faults import TEXTS


class UnclearError(ValueError):
    """A part of a query cannot be understood; `key` names why (see TEXTS), and `values` stand in its text.

    `maybe` among them is what somebody may have meant, or empty.
    """

    def __init__(self, key: str, **values: str | int) -> None:
        super().__init__(tell_fault(TEXTS.__getitem__, key, values))
        self.key = key
        self.values = values


class QueryError(UnclearError):
    """The query cannot be understood: `message` says what to do, `position` is the character, from 0."""

    def __init__(self, why: UnclearError, query: str, position: int) -> None:
        super().__init__(why.key, **why.values)
        self.query = query
        self.position = position

    @property
    def message(self) -> str:
        """What is wrong, and what to do, in English."""
        return str(self)


def tell_fault(text_of: Callable[[str], str], key: str, values: Mapping[str, str | int]) -> str:
    """Return what is wrong, by the texts of a language."""
    maybe = values.get("maybe", "")
    asked = text_of("maybe").format(maybe=maybe) if maybe else ""
    return text_of(key).format(**{**values, "maybe": asked})
