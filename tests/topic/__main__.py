"""Trains the models of topics and measures them: `python -m tests.topic train|measure|document`."""

import sys

from components.rules.topic_models import load_model
from policy.topic.model import ModelName
from tests.topic.document import write_figures
from tests.topic.examples import LANGUAGES, read_examples
from tests.topic.measure import measure


def main(task: str) -> int:
    """Do one of the tasks."""
    if task == "train":
        from tests.topic.train import train, write_weights

        for name in ModelName:
            write_weights(name, train(name, read_examples("train")))
    elif task == "measure":
        for name in ModelName:
            for language in LANGUAGES:
                found = measure(load_model(name), read_examples("held-out", (language,)))
                print(f"{name} {language}: {found.accuracy:.2f}")
                for example, told in found.wrong:
                    print(f"  {told} is {example.topic} ({example.group}): {example.sentence}")
    elif task == "document":
        write_figures()
    else:
        print("usage: python -m tests.topic train|measure|document", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
