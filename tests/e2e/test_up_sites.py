"""`steelyard up --demo --sites 2` as a newcomer runs it: two real sites, which talk to one another."""

import re
from pathlib import Path

from tests.support.site import processes_of, run_steelyard


def test_two_sites_talk_and_both_archives_hold_it(tmp_path: Path) -> None:
    ended = run_steelyard("up", "--demo", "--sites", "2", "--once", "--site", tmp_path / "var" / "site.toml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert processes_of(tmp_path / "var") == []
    for line in (
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
    ):
        assert re.search(line, ended.stdout), f"{line}\n{ended.stdout}"
    for site in ("shanghai", "london"):
        log = (tmp_path / "var" / site / "logs" / "prosody.log").read_text()
        assert "elsewhere.example" not in log
