"""G1, G2, G3 and G5 under whatever a seed breaks: a fixed handful of what `make soak` tries without end."""

import asyncio
from pathlib import Path

import pytest

from tests.soak.plan import draw_plan
from tests.soak.run import run_plan

SEEDS = (1, 2, 3, 4, 5, 6)


@pytest.mark.slow
async def test_what_clients_saw_and_what_the_archive_holds_agree(tmp_path: Path) -> None:
    outcomes = await asyncio.gather(*(run_plan(draw_plan(seed), tmp_path / f"seed-{seed}") for seed in SEEDS))
    for outcome in outcomes:
        assert not outcome.report.violations, (outcome.seed, *map(str, outcome.report.violations))
        assert outcome.messages > 50, outcome.seed
