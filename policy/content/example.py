"""A rule's own examples: a message's text, or a whole stanza as XML, and whether the rule matches it."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from policy.content.decide import decide_content
from policy.content.policy import ContentPolicy
from policy.content.rule import Rule
from policy.facts import StanzaFacts, Way

_STANZAS = ("<message", "<presence", "<iq")
_CLIENT = "jabber:client"
_SEPARATOR = "\x0c"  # no character of XML, so that no namespace has it in it


class ExampleError(ValueError):
    """An example looks like a stanza and is none; the message says why."""


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """An example that does not do what it should: `path` as in `rule-id.must_match[0]`, and what is wrong."""

    path: str
    problem: str


def check_examples(policy: ContentPolicy) -> tuple[ExampleFailure, ...]:
    """Decide on every rule's own examples, and return those that do not do what they should."""
    return tuple(failure for rule in policy.rules for failure in _check_rule(policy, rule))


def count_examples(policy: ContentPolicy) -> int:
    """Count the examples of all rules."""
    return sum(len(rule.must_match) + len(rule.must_not_match) for rule in policy.rules)


def read_example(text: str) -> StanzaFacts:
    """Take the facts of an example: of a stanza if it begins with one's name, else of a message with that body.

    Raises ExampleError.
    """
    if not text.startswith(_STANZAS):
        return StanzaFacts(Way.C2S, "message", "chat", "", "", (f"{{{_CLIENT}}}body",), text)
    return _StanzaReader().read(text)


def _check_rule(policy: ContentPolicy, rule: Rule) -> Iterator[ExampleFailure]:
    for name, examples, wanted in (
        ("must_match", rule.must_match, True),
        ("must_not_match", rule.must_not_match, False),
    ):
        for index, example in enumerate(examples):
            path = f"{rule.id}.{name}[{index}]"
            try:
                matches = rule.id in decide_content(policy, read_example(example)).rules
            except ExampleError as error:
                yield ExampleFailure(path, str(error))
                continue
            if matches is not wanted:
                yield ExampleFailure(
                    path, f"{'matches' if matches else 'does not match'}: {_shorten(example)!r}"
                )


class _StanzaReader:
    """Takes the facts of one stanza, as the gate does from its stream."""

    def __init__(self) -> None:
        self._depth = 0
        self._top: tuple[str, dict[str, str]] = ("", {})
        self._elements: list[str] = []
        self._values: list[str] = []
        self._texts: list[str] = []
        self._text_goes_on = False

    def read(self, text: str) -> StanzaFacts:
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(f"<stream xmlns='{_CLIENT}'>".encode())
            parser.Parse(text.encode("utf-8", "replace"))
            parser.Parse(b"</stream>", True)
        except expat.ExpatError as error:
            raise ExampleError(f"is not well-formed XML: {expat.errors.messages[error.code]}") from None
        name, top = self._top
        return StanzaFacts(
            Way.C2S,
            name[name.rfind(_SEPARATOR) + 1 :],
            top.get("type", ""),
            top.get("from", ""),
            top.get("to", ""),
            tuple(self._elements),
            "\n".join(self._texts),
            tuple(self._values),
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._text_goes_on = False
        if self._depth == 1:
            if self._top[0]:
                raise ExampleError("has more than one stanza: give each an example of its own")
            self._top = name, attributes
        elif self._depth > 1:
            self._elements.append("{" + name.replace(_SEPARATOR, "}"))
            self._values += attributes.values()
        self._depth += 1

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._text_goes_on = False

    def _text(self, text: str) -> None:
        if self._text_goes_on:
            self._texts[-1] += text
        elif self._depth > 1:
            self._texts.append(text)
            self._text_goes_on = True


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
