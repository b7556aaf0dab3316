"""The figures in docs/topic.md."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from components.rules.topic_models import load_model
from policy.topic.model import ModelName, SentenceModel, Topic
from policy.topic.window import ConversationWindows
from tests.topic.examples import LANGUAGES, Example, read_examples
from tests.topic.measure import measure

PAGE = Path(__file__).parents[2] / "docs" / "topic.md"
BEGIN, END = "<!-- figures: python -m tests.topic document -->", "<!-- end of figures -->"
SHARES = (0.5, 0.6, 0.7, 0.8)
MESSAGES = 6
_NAMES = {"en": "English", "de": "German", "zh": "Chinese"}


def write_figures() -> None:
    """Measure, and put the figures into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    lines = [*_sizes(), "", *_quality(), "", *_rules(), "", *_conversations(), "", *_times()]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def _sizes() -> Iterator[str]:
    yield "| sentences | English | German | Chinese | of them business / private / off-channel |"
    yield "|---|---|---|---|---|"
    for which, words in (("train", "trained on"), ("held-out", "held out")):
        counts = [len(read_examples(which, (language,))) for language in LANGUAGES]
        topics = [sum(each.topic is topic for each in read_examples(which)) for topic in Topic]
        yield f"| {words} | {' | '.join(map(str, counts))} | {' / '.join(map(str, topics))} |"


def _quality() -> Iterator[str]:
    yield "The likeliest topic of each held-out sentence (precision / recall):"
    yield ""
    yield "| model | language | right | business | private | off-channel |"
    yield "|---|---|---|---|---|---|"
    for name in ModelName:
        for language in LANGUAGES:
            found = measure(load_model(name), read_examples("held-out", (language,)))
            cells = [f"{each.precision:.2f} / {each.recall:.2f}" for each in found.qualities]
            yield f"| `{name}` | {_NAMES[language]} | {found.accuracy:.0%} | {' | '.join(cells)} |"


def _rules() -> Iterator[str]:
    yield "A rule with `messages = 1`, all languages together (precision / recall):"
    yield ""
    yield f"| model | topic | {' | '.join(f'`share = {share}`' for share in SHARES)} |"
    yield "|---|---|" + "---|" * len(SHARES)
    examples = read_examples("held-out")
    for name in ModelName:
        scores = load_model(name).score([each.sentence for each in examples])
        for place, topic in enumerate(Topic):
            pairs = [
                (each[place], example.topic is topic) for each, example in zip(scores, examples, strict=True)
            ]
            if topic is not Topic.BUSINESS:
                cells = " | ".join(_precision_and_recall(pairs, share) for share in SHARES)
                yield f"| `{name}` | {topic} | {cells} |"


def _precision_and_recall(pairs: list[tuple[float, bool]], share: float) -> str:
    found = [is_it for score, is_it in pairs if score >= share]
    recall = sum(found) / sum(is_it for _, is_it in pairs)
    return f"{sum(found) / len(found):.2f} / {recall:.2f}" if found else f"- / {recall:.2f}"


def _conversations() -> Iterator[str]:
    yield f'A rule with `topics = ["private"]` and `messages = {MESSAGES}`: of conversations of {MESSAGES} held-out'
    yield "sentences, those that it matches at the end:"
    yield ""
    yield "| model | share | all private | all business | five business, one private |"
    yield "|---|---|---|---|---|"
    examples = read_examples("held-out")
    private = _runs([each for each in examples if each.topic is Topic.PRIVATE], MESSAGES)
    business = _runs([each for each in examples if each.topic is Topic.BUSINESS], MESSAGES)
    mixed = [[*run[1:], other[0]] for run, other in zip(business, private, strict=False)]
    for name in ModelName:
        for share in SHARES:
            cells = []
            for runs in (private, business, mixed):
                matched = sum(_matches(load_model(name), share, run) for run in runs)
                cells.append(f"{matched} of {len(runs)}")
            yield f"| `{name}` | `{share}` | {' | '.join(cells)} |"


def _runs(examples: list[Example], length: int) -> list[list[Example]]:
    """Give all runs of sentences that follow one another in a file."""
    runs = [examples[start : start + length] for start in range(len(examples) - length + 1)]
    return [run for run in runs if len({each.language for each in run}) == 1]


def _matches(model: SentenceModel, share: float, run: list[Example]) -> bool:
    windows = ConversationWindows((Topic.PRIVATE,), share, MESSAGES)
    scores = model.score([each.sentence for each in run])
    return [windows.matches("", [each]) for each in scores][-1]


def _times() -> Iterator[str]:
    yield "One sentence of the held-out set, on one core:"
    yield ""
    yield "| model | median | longest of 100 |"
    yield "|---|---|---|"
    sentences = [each.sentence for each in read_examples("held-out")][::3][:100]
    for name in ModelName:
        model, taken = load_model(name), []
        model.score(sentences[:2])
        for sentence in sentences:
            began = time.thread_time()
            model.score([sentence])
            taken.append((time.thread_time() - began) * 1e3)
        yield f"| `{name}` | {median(taken):.2f} ms | {max(taken):.2f} ms |"
