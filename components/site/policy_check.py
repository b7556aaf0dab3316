"""Reads a policy.toml with its lexicon files, and tries the examples of its rules."""

from dataclasses import dataclass
from pathlib import Path

from components.process.errors import SiteError
from components.rules.load import RulesError, load_content
from components.rules.topic_models import load_model
from policy.content.example import ExampleFailure, check_examples, count_examples
from policy.content.parse import PolicyError


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """The result of a check: `problems` of the file, or `failures` of examples; an unusable file has no digest."""

    digest: str = ""
    rules: int = 0
    examples: int = 0
    problems: tuple[str, ...] = ()
    failures: tuple[ExampleFailure, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.failures


def check_policy(file: Path) -> PolicyReport:
    """Check a policy and run its examples.

    Raises OSError if the file cannot be read, and SiteError if it or a lexicon file is not UTF-8.
    """
    try:
        policy = load_content(file)
    except PolicyError as error:
        return PolicyReport(problems=error.problems)
    except RulesError as error:
        raise SiteError(str(error)) from None
    return PolicyReport(
        policy.digest, len(policy.rules), count_examples(policy), failures=check_examples(policy, load_model)
    )
