"""Each mistake in a file of the rules names its line, whoever reads the file: a process, a check, a plan."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.directory.apply import read_directory
from components.directory.plan import PlanError
from components.rules.load import RulesError, RuleSources, load_rules
from components.site.policy_check import check_policy

DIRECTORY = """
gate = "gate.metals.example"

[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]

[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice"
roles = ["trader"]

[[enterprise.metals.person]]
jid = "bob@metals.example"
nam = "Bob"
roles = ["traider"]
"""
POLICY = """
[[rule]]
id = "code-words"
kind = "lexicon"
action = "flag"
terms.en = ["tin"]
must_match = ["tin"]

[[rule]]
id = "other"
kind = "lexicon"
action = "zap"
terms.en = ["tin"]
must_match = ["tin"]
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    directory, policy = tmp_path / "directory.toml", tmp_path / "policy.toml"
    directory.write_text(DIRECTORY)
    policy.write_text(POLICY)
    return directory, policy


def told_by_a_process(directory: Path, policy: Path) -> list[str]:
    with pytest.raises(RulesError) as caught:
        load_rules(RuleSources(directory, policy), time.time_ns())
    return list(caught.value.problems)


def told_by_the_check(_directory: Path, policy: Path) -> list[str]:
    return list(check_policy(policy).problems)


def told_by_the_plan(directory: Path, _policy: Path) -> list[str]:
    with pytest.raises(PlanError) as caught:
        read_directory(directory)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("tell", "expected"),
    [
        (told_by_a_process, {"directory.toml": {"nam", "roles"}, "policy.toml": {"action"}}),
        (told_by_the_check, {"policy.toml": {"action"}}),
        (told_by_the_plan, {"directory.toml": {"nam", "roles"}}),
    ],
)
def test_every_mistake_has_its_line(
    tell: Callable[[Path, Path], list[str]], expected: dict[str, set[str]], files: tuple[Path, Path]
) -> None:
    problems = tell(*files)
    assert problems
    begins: dict[str, set[str]] = {}
    for problem in problems:
        place = re.search(r" \(line (\d+) of (directory|policy)\.toml\)$", problem)
        assert place, problem
        assert problem.count("(line ") == 1
        file = next(each for each in files if each.stem == place[2])
        line = file.read_text().splitlines()[int(place[1]) - 1]
        begins.setdefault(file.name, set()).add(line.split(" ")[0])
    for name, keys in expected.items():
        assert keys <= begins[name]


def test_an_entry_that_is_left_out_is_told_with_its_line(tmp_path: Path) -> None:
    directory = tmp_path / "directory.toml"
    text = DIRECTORY.replace("nam =", "name =").replace("traider", "trader").replace("bob@", "b\\u0007ob@")
    directory.write_text(text)
    (left_out,) = load_rules(RuleSources(directory), time.time_ns()).left_out
    line = int(re.search(r"\(line (\d+) of directory\.toml\)$", left_out)[1])  # type: ignore[index]
    assert text.splitlines()[line - 1].startswith('jid = "b')
