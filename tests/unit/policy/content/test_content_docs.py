"""docs/policy.md, section 5, has every setting, action, payload and scheme, and its example is a policy."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from components.rules.topic_models import load_model
from policy.content import link_written, shape
from policy.content.example import check_examples
from policy.content.parse import parse_policy
from policy.content.rule import ContentAction, PayloadKind
from policy.files.facts import FileMark

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "policy.md").read_text()
SECTION = PAGE.split("\n## 5. ")[1]
TABLES: tuple[type[BaseModel], ...] = get_args(get_args(shape._AnyRule)[0])
KINDS = {kind: table for table in TABLES for kind in get_args(table.model_fields["kind"].annotation)}


def rows(text: str) -> set[str]:
    return {name.partition(".")[0] for name in re.findall(r"^\| `([a-z_.A-Z0-9-]+)` \|", text, re.MULTILINE)}


@pytest.mark.parametrize(("kind", "table"), KINDS.items())
def test_every_setting_of_a_kind_is_documented(kind: str, table: type[BaseModel]) -> None:
    section = SECTION.split(f"\n### {kind}\n")[1].split("\n### ")[0]
    settings = set(table.model_fields) - {*shape._TextRuleTable.model_fields, "kind"}
    values: dict[str, set[str]] = {"payload": set(PayloadKind), "file": set(FileMark)}
    assert rows(section) == settings | values.get(kind, set())


def test_every_kind_is_documented() -> None:
    (row,) = re.findall(r"^\| `kind` \| (.*) \|$", SECTION, re.MULTILINE)
    assert (
        re.findall(r"`([a-z]+)`", row) == re.findall(r"^### ([a-z]+)$", SECTION, re.MULTILINE) == list(KINDS)
    )


def test_every_setting_of_all_rules_and_every_action_is_documented() -> None:
    general = SECTION.split("\n### ")[0]
    assert rows(general) == {*shape._TextRuleTable.model_fields, "kind", *ContentAction}


def test_every_scheme_that_is_a_link_by_itself_is_documented() -> None:
    for scheme in link_written._OPENED.split():
        plain = re.sub(r"\(\?:.*?\)|\[.*\]|\{.*\}|[?6]", "", scheme)
        assert f"`{plain}:`" in SECTION or f"`{plain}...:`" in SECTION, scheme


def test_the_examples_are_a_policy() -> None:
    example = "\n".join(re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL))
    assert check_examples(parse_policy(example, {"words/de.txt": "insiderwissen"}), load_model) == ()
