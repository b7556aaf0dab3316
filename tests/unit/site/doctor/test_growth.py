"""How fast a site grows is read off its own logs and files, and what is not there grows by nothing."""

import os
import time
from dataclasses import replace
from pathlib import Path

from components.settings.site import SiteFile
from components.site.doctor.growth import DAY_S, folder_growth, log_growth, newest_second
from tests.support.site_log import record


async def test_a_log_of_today_has_grown_by_all_that_it_is(site: Path) -> None:
    settings = SiteFile(site)
    await record(settings, 20)
    now_s, size = time.time(), settings.gate.log.stat().st_size  # type: ignore[union-attr]
    grown = await log_growth(settings.gate_log, now_s)
    assert grown == size
    assert abs(await newest_second(settings.gate_log) - now_s) < DAY_S


async def test_a_log_that_rests_for_a_day_has_not_grown(site: Path) -> None:
    settings = SiteFile(site)
    await record(settings)
    assert await log_growth(settings.gate_log, time.time() + 2 * DAY_S) == 0


async def test_a_log_that_is_not_there_or_no_log_has_not_grown(site: Path) -> None:
    log = SiteFile(site).gate_log
    assert (await log_growth(log, 0.0), await newest_second(log)) == (0, 0)
    other = site.with_name("other.db")
    other.write_text("no log")
    broken = replace(log, store=other)
    assert (await log_growth(broken, 0.0), await newest_second(broken)) == (0, 0)


def test_files_of_the_last_day_count_also_below(tmp_path: Path) -> None:
    now_s = 1_000_000.0
    for name, size, age_s in (("a", 10, 0.0), ("below/b", 20, DAY_S - 1.0), ("below/old", 40, DAY_S + 1.0)):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(size))
        os.utime(file, (now_s - age_s, now_s - age_s))
    assert folder_growth(tmp_path, now_s) == 30
    assert folder_growth(tmp_path / "none", now_s) == 0
