"""Policies of one rule, and what they make of a text or a stanza."""

import json
from typing import Any

from policy.content.decide import decide_content
from policy.content.example import read_example
from policy.content.parse import parse_policy
from policy.content.policy import ContentPolicy


def write_rule(
    id_: str = "r", action: str = "refuse", text: str = "Say it otherwise.", **settings: Any
) -> str:
    """Write a `[[rule]]`; what JSON and TOML write alike is enough."""
    table: dict[str, Any] = {"id": id_, "action": action, "must_match": ["x"]} | settings
    if action != "flag":
        table["text"] = text
    lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
    return "\n".join(["[[rule]]", *lines, ""])


def one_rule(**settings: Any) -> ContentPolicy:
    return parse_policy(write_rule(**settings))


def matches(policy: ContentPolicy, example: str) -> bool:
    return bool(decide_content(policy, read_example(example)).rules)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
