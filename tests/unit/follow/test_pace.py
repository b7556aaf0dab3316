"""A follower goes on whatever happens, looks again when there is nothing, and names a fault until it has passed."""

import asyncio
from collections.abc import Iterable

import pytest

from components.follow.pace import keep_stepping
from components.process.backoff import Backoff


async def go_on(steps: Iterable[bool | Exception]) -> list[str]:
    """Step through these, and return what was seen: the fault before each step, and errors that were noted."""
    pause, seen, given = Backoff(longest_s=0.0), list[str](), iter(steps)

    async def step() -> bool:
        seen.append(f"step, fault {pause.fault!r}")
        result = next(given, None)
        if isinstance(result, Exception):
            raise result
        if result is None:
            raise asyncio.CancelledError
        return result

    async def failed(error: Exception) -> None:
        pause.failed(str(error), 0.0)
        seen.append(f"noted {error}")

    with pytest.raises(asyncio.CancelledError):
        await keep_stepping(step, 0.0, pause, (OSError,), failed)
    return seen


async def test_it_goes_on_whether_or_not_there_is_anything() -> None:
    assert await go_on([True, False, True]) == ["step, fault ''"] * 4


async def test_a_fault_is_noted_and_over_with_the_next_step_that_works() -> None:
    told = await go_on([OSError("disk"), OSError("disk"), False])
    assert told == [
        *("step, fault ''", "noted disk"),
        *("step, fault 'disk'", "noted disk"),
        *("step, fault 'disk'", "step, fault ''"),
    ]


async def test_a_mistake_of_ours_ends_it() -> None:
    with pytest.raises(KeyError):
        await go_on([True, KeyError("bug")])


async def test_it_waits_between_looks_and_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    pause = Backoff(longest_s=8.0)

    async def sleep(time_s: float) -> None:
        waited.append(time_s)
        if len(waited) == 4:
            raise asyncio.CancelledError

    async def step() -> bool:
        if len(waited) in (1, 2):
            raise OSError("away")
        return False

    async def failed(error: Exception) -> None:
        pause.failed(str(error), 100.0)

    monkeypatch.setattr("components.follow.pace.asyncio.sleep", sleep)
    monkeypatch.setattr("components.follow.pace.time.monotonic", lambda: 100.0)
    with pytest.raises(asyncio.CancelledError):
        await keep_stepping(step, 0.5, pause, (OSError,), failed)
    assert waited == [0.5, 1.0, 2.0, 0.5]
