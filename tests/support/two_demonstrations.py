"""The demonstration of two sites, run as a newcomer runs it, and what has to be seen of it."""

import re
from pathlib import Path

from tests.support.site import processes_of, run_steelyard

_SHOWN = (
    r"wei's contacts +Mei Chen, Oliver Owen",
    r"oliver's contacts +Mei Chen, Wei Lin",
    r"wei sees +Oliver Owen online",
    r"oliver sees +Wei Lin online",
    r"wei → oliver +Copper cathodes.*\n +✔ recorded as gate/\d+ in Shanghai and gate/\d+ in London, delivered",
    r"oliver → wei +I take the copper.*\n +✔ recorded as gate/\d+ in Shanghai and gate/\d+ in London, delivered",
    r"wei → trader +.*\n +✘ refused \(not-allowed\): .*your own enterprise",
    r"oliver → copper +.*\n +✔ recorded as gate/\d+ in Shanghai and gate/\d+ in London",
    r"wei → oliver +assay-certificate\.pdf .*\n +✔ kept, sent in gate/\d+ in Shanghai and gate/\d+ in London",
    r"\$ steelyard audit search copper .*shanghai/site\.toml",
    r"\$ steelyard audit search copper .*london/site\.toml",
    r"\$ steelyard verify .*london/site\.toml",
    r"All as it should be: 4 messages recorded, then delivered, 1 of them with a file; 1 refused",
)


def run_two_sites(folder: Path, *options: str) -> None:
    """Run `steelyard up --demo --sites 2 --once`, which has to show messages, presence, a room and a file across."""
    ended = run_steelyard("up", "--demo", "--sites", "2", "--once", *options, "--site", folder / "site.toml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert processes_of(folder) == []
    for line in _SHOWN:
        assert re.search(line, ended.stdout), f"{line}\n{ended.stdout}"
