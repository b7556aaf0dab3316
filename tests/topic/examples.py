"""The labelled sentences: files of groups, each of one topic; no group is in both of the sets."""

from dataclasses import dataclass
from pathlib import Path

from policy.topic.model import Topic

FOLDER = Path(__file__).parent / "data"
LANGUAGES = ("en", "de", "zh")


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence and what it is about."""

    language: str
    topic: Topic
    group: str
    sentence: str


def read_examples(which: str, languages: tuple[str, ...] = LANGUAGES) -> list[Example]:
    """Read the set `train` or `held-out`, in the order of its files."""
    return [each for language in languages for each in _read_file(which, language)]


def _read_file(which: str, language: str) -> list[Example]:
    found = []
    topic, group = Topic.BUSINESS, ""
    for line in (FOLDER / f"{which}-{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            name, _, group = line.removeprefix("== ").partition(": ")
            topic = Topic(name)
        elif line:
            found.append(Example(language, topic, group, line))
    return found
