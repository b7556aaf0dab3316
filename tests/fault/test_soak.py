"""G1, G2, G3 and G5 under whatever a seed breaks: a fixed handful of what `make soak` tries without end."""

from math import inf

import pytest

from tests.soak.__main__ import Soak

# Between them they break nearly all that there is to break (tests/soak/plan.py).
SEEDS = {1: (17, 30, 94, 133), 2: (26,)}


@pytest.mark.slow
@pytest.mark.parametrize("sites", SEEDS)
async def test_what_clients_saw_and_what_the_archives_hold_agree(
    tmp_path_factory: pytest.TempPathFactory, sites: int
) -> None:
    # A short name: below it is a socket, whose path may not be long.
    soak = Soak(tmp_path_factory.mktemp("soak"), sites=sites, until_s=inf, keeps_all=True)
    await soak.run(SEEDS[sites], 3)
    for outcome in soak.outcomes:
        assert not outcome.report.violations, (outcome.seed, *map(str, outcome.report.violations))
        assert outcome.messages > 50, outcome.seed
    assert sorted(outcome.seed for outcome in soak.outcomes) == sorted(SEEDS[sites])
