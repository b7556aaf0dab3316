"""How much a run of the tests tries, and by which chance: the same in each `make test`, another in each `make fuzz`."""

import os
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

STRIDE = int(os.environ.get("STEELYARD_FAULT_STRIDE", "4"))
"""Of all the places where a process may be killed, each so-manieth is tried; 1 tries every one."""

ROUNDS = int(os.environ.get("STEELYARD_FAULT_ROUNDS", "4"))
"""How often a process is killed at random moments."""

FUZZ_SEED = os.environ.get("STEELYARD_FUZZ_SEED", "")
"""What `make fuzz` draws everything from; empty in `make test`, where all chance is fixed."""

TIMES = float(os.environ.get("STEELYARD_EXAMPLES", "1"))
"""How many times as many examples each property test makes up as in `make test`; `make quick` makes up a part."""

_PROFILE = "steelyard"


def load_profile() -> None:
    """Set how Hypothesis runs; before any test is imported, for each takes it over when it is made.

    No test fails because the machine is busy, and nothing is remembered from run to run: a case that is found becomes
    an `@example`.
    """
    settings.register_profile(
        _PROFILE,
        derandomize=not FUZZ_SEED,
        max_examples=_scaled(100),
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile(_PROFILE)
    if not FUZZ_SEED:
        _forget_constants_of_modules()


def examples(count: int, *unchecked: HealthCheck) -> settings:
    """Return the settings of a property test that makes up so many examples; without these of Hypothesis's checks."""
    return settings(max_examples=_scaled(count), suppress_health_check=[HealthCheck.too_slow, *unchecked])


def _forget_constants_of_modules() -> None:
    """Let Hypothesis draw no constants of our modules: which are loaded by then depends on what its worker ran before.

    There is no setting for it.
    """
    providers._get_local_constants = lambda: providers._local_constants


def _scaled(count: int) -> int:
    return max(1, round(count * TIMES))


def mostly_slow(cases: Iterable[Any], quick: int = 1) -> list[Any]:
    """Return the cases of a parametrised test, of which `make quick` tries only the first ones."""
    listed = list(cases)
    return listed[:quick] + [_mark_slow(case) for case in listed[quick:]]


def _mark_slow(case: Any) -> Any:
    if isinstance(case, type(pytest.param())):
        return pytest.param(*case.values, marks=[*case.marks, pytest.mark.slow], id=case.id)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)


def chance(own: object) -> random.Random:
    """Return what a test draws from: `own` tells the test apart, and the seed of `make fuzz` one run from the next."""
    return random.Random(f"{FUZZ_SEED}/{own}" if FUZZ_SEED else str(own))
