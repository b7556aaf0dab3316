"""Lines without rules of their own, and with those that a new site begins with: clients work alike on both."""

import pytest

from tests.support.gate_process import EXAMPLE_POLICY

WITHOUT_RULES: dict[str, str] = {}
WITH_EXAMPLE_POLICY = {"policy": str(EXAMPLE_POLICY)}

with_and_without_rules = pytest.mark.parametrize(
    "rules",
    [pytest.param(WITHOUT_RULES, id="no rules"), pytest.param(WITH_EXAMPLE_POLICY, id="example policy")],
)
