"""`steelyard check` says what is wrong with a site's clamd, in words that an operator can act on."""

from pathlib import Path
from typing import Any

import pytest

from components.settings.clamd import ClamdTable
from components.transfer.scan.probe import find_scanner_problems
from tests.support.clamd import ClamdServer, FakeClamd

pytestmark = pytest.mark.programs

GOOD = "AlertExceedsMax yes\nMaxFileSize 8M\nMaxScanSize 16M\nStreamMaxLength 8M"


def over_socket(clamd: ClamdServer, **settings: Any) -> ClamdTable:
    return ClamdTable.model_validate({"socket": str(clamd.socket), "max_scan_mib": 8} | settings)


def over_tcp(clamd: ClamdServer, **settings: Any) -> ClamdTable:
    place = {"host": "127.0.0.1", "port": clamd.port, "max_scan_mib": 8, "stream_max_mib": 8}
    return ClamdTable.model_validate(place | settings)


async def test_a_good_clamd(tmp_path: Path) -> None:
    async with ClamdServer(tmp_path, GOOD) as clamd:
        assert await find_scanner_problems(over_socket(clamd)) == []
        assert await find_scanner_problems(over_tcp(clamd)) == []


@pytest.mark.parametrize("table", [over_socket, over_tcp])
@pytest.mark.parametrize(
    ("settings", "knows_eicar", "said"),
    [
        (GOOD, False, "clamd does not know the EICAR test file, so it has no signatures; run freshclam"),
        (GOOD.replace("AlertExceedsMax yes", ""), True, "write `AlertExceedsMax yes` in clamd.conf"),
        (GOOD.replace("MaxFileSize 8M", "MaxFileSize 7M"), True, "clamd does not look at a file of 8 MiB"),
    ],
)
async def test_each_fault_is_named(
    tmp_path: Path, settings: str, knows_eicar: bool, said: str, table: Any
) -> None:
    async with ClamdServer(tmp_path, settings, knows_eicar=knows_eicar) as clamd:
        (problem,) = await find_scanner_problems(table(clamd))
    assert said in problem


async def test_a_stream_that_may_not_be_so_long(tmp_path: Path) -> None:
    async with ClamdServer(tmp_path, GOOD.replace("StreamMaxLength 8M", "StreamMaxLength 4M")) as clamd:
        assert await find_scanner_problems(over_tcp(clamd, stream_max_mib=4)) == []
        (problem,) = await find_scanner_problems(over_tcp(clamd))
        # Whether its reason was read before the connection was reset is chance.
        assert "StreamMaxLength" in problem or "broke off" in problem


async def test_nobody_there(tmp_path: Path) -> None:
    clamd = ClamdServer(tmp_path)
    (problem,) = await find_scanner_problems(over_socket(clamd))
    assert problem.startswith(
        f"{clamd.socket}: No such file or directory; start clamd, or set transfer.clamd"
    )
    (problem,) = await find_scanner_problems(over_tcp(clamd))
    assert problem.startswith(f"127.0.0.1:{clamd.port}: ")


async def test_one_that_hangs_and_one_that_is_none(tmp_path: Path) -> None:
    async with ClamdServer(tmp_path, GOOD) as clamd:
        clamd.sigstop()
        (problem,) = await find_scanner_problems(over_socket(clamd, timeout_s=0.1))
        assert problem.startswith("clamd gives no answer in 0.1 s")
    table = ClamdTable.model_validate({"socket": str(tmp_path / "other")})
    async with FakeClamd(tmp_path / "other", b"220 mail.example ESMTP\r\n"):
        (problem,) = await find_scanner_problems(table)
        assert "an answer of 24 bytes that is not one line" in problem
    async with FakeClamd(tmp_path / "other", b"fd[9]: Permission denied. ERROR\0"):
        (problem,) = await find_scanner_problems(table)
        assert (
            problem == "clamd cannot read what it is handed (Permission denied.); see its log, and AppArmor's"
        )
