"""`steelyard up --demo --sites 2` as a newcomer runs it: two real sites, which talk to one another."""

from pathlib import Path

from tests.support.two_demonstrations import run_two_sites


def test_two_sites_talk_and_both_archives_hold_it(tmp_path: Path) -> None:
    run_two_sites(tmp_path / "var")
    for site in ("shanghai", "london"):
        log = (tmp_path / "var" / site / "logs" / "prosody.log").read_text()
        assert "elsewhere.example" not in log
