"""A site that stays up: what dies comes back, and every way to end it leaves nothing running."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from components.link.client import LoginError, TraderClient
from components.site.init import init_site
from components.site.up import process_specs
from components.site.validate import load_site
from tests.support.demonstration import (
    ALICE,
    BOB,
    NOTICE,
    add_below,
    client,
    exchange,
    init_demonstration,
    let_write,
    register_people,
)
from tests.support.process import PATIENCE_S, wait_until
from tests.support.site import RunningSite, processes_of, run_steelyard

pytestmark = pytest.mark.slow


@pytest.fixture
def made(tmp_path: Path) -> Path:
    register_people(init_demonstration(tmp_path / "var" / "site.toml"))
    return tmp_path / "var"


@asynccontextmanager
async def in_use(folder: Path) -> AsyncIterator[RunningSite]:
    """Start a site on which Alice and Bob may write."""
    async with RunningSite(folder) as site:
        await let_write(folder, ALICE, BOB)
        yield site


def wrong_besides_unknown(site: RunningSite) -> list[str]:
    """Return the lines of what `check` finds wrong, but not that of a stanza that was on its way in a server's end.

    Whether it arrived nobody can know, and an alarm says so.
    """
    lines = run_steelyard("check", "--site", site.site).stdout.splitlines()
    assert any(" ok " in line for line in lines)
    return [line for line in lines if " problem " in line and "ALARM delivery-unknown" not in line]


async def test_what_is_killed_comes_back(made: Path) -> None:
    async with in_use(made) as site:
        for part, name in (("components.gate", "gate"), ("prosody", "prosody")):
            killed = site.pid_of(part)
            os.kill(killed, signal.SIGKILL)
            await site.wait_until_back(name)
            assert site.pid_of(part) != killed
        assert await wait_until(lambda: wrong_besides_unknown(site) == []), wrong_besides_unknown(site)
        await exchange(made)


async def test_certificates_are_read_anew_while_all_goes_on(made: Path, tmp_path: Path) -> None:
    other = init_site(tmp_path / "other" / "site.toml", demo=True).settings.prosody.certificates
    certificates = load_site(made / "site.toml").prosody.certificates
    async with in_use(made) as site:
        before = {each.pid for each in processes_of(made)}
        for part in ("components.gate", "components.roster", "components.access"):
            os.kill(site.pid_of(part), signal.SIGHUP)
        key = certificates / "metals.example.key"
        kept = key.read_bytes()
        key.write_bytes((certificates / "grain.example.key").read_bytes())
        site.send_signal(signal.SIGHUP)
        await site.wait_until_said("not read anew")
        key.write_bytes(kept)
        for file in other.iterdir():
            (certificates / file.name).write_bytes(file.read_bytes())
        site.send_signal(signal.SIGHUP)
        await site.wait_until_said("reads its certificates anew")
        await wait_until_trusted(made)
        await exchange(made)
        assert {each.pid for each in processes_of(made)} == before


async def test_logs_and_settings_are_read_anew_while_all_goes_on(made: Path) -> None:
    """mv and SIGHUP: each process goes on in a new file; a wrong site.toml changes nothing; the line stays up."""
    settings = load_site(made / "site.toml")
    gate = settings.site.logs / "gate.log"
    logs = {file: file.with_name(f"{file.name}.old") for file in log_files(made)}
    async with in_use(made) as site:
        before = {each.pid for each in processes_of(made)}
        await exchange(made)
        site_toml = (made / "site.toml").read_text()
        (made / "site.toml").write_text(add_below(site_toml, "gate", "hold = 1"))
        site.send_signal(signal.SIGHUP)
        wrong = "gate.hold: there is no such setting"
        await site.wait_until_said(wrong)
        assert await wait_until(lambda: wrong in gate.read_text())
        changed = add_below(site_toml, "gate", "hold_timeout_s = 4.0", "log_level = 'debug'")
        changed = add_below(changed, "prosody", "log_level = 'debug'")
        (made / "site.toml").write_text(changed)
        for file, old in logs.items():
            file.rename(old)
        site.send_signal(signal.SIGHUP)
        await exchange(made)
        await site.wait_until_said(
            "gate.hold_timeout_s: is changed in site.toml; it takes effect after a restart"
        )
        for file in logs:
            assert await wait_until(lambda file=file: file.exists() and file.stat().st_size > 0), file  # type: ignore[misc]
        assert await wait_until(lambda: "takes effect after a restart" in gate.read_text())
        assert "gate.hold_timeout_s" in gate.read_text()
        assert await wait_until(lambda: "\tdebug\t" in (settings.site.logs / "prosody.log").read_text())
        await exchange(made)
        assert {each.pid for each in processes_of(made)} == before


def log_files(folder: Path) -> list[Path]:
    settings = load_site(folder / "site.toml")
    return [spec.log_file for spec in process_specs(settings, settings.prosody.config_file)]


async def wait_until_trusted(folder: Path) -> None:
    """Wait until the server shows a certificate of the authority that lies beside it."""
    for _ in range(600):
        alice = client(folder, ALICE)
        try:
            await alice.connect()
        except LoginError:
            await asyncio.sleep(0.1)
        else:
            return
        finally:
            await alice.close()
    raise AssertionError("the server shows the old certificate")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_in_order(made: Path, number: signal.Signals) -> None:
    async with RunningSite(made) as site:
        settings = load_site(site.site)
        assert len(processes_of(made)) == 1 + len(process_specs(settings, settings.prosody.config_file))
        assert await site.end(number) == 0
        assert processes_of(made) == []
        said = site.said()
        assert 0 < said.find("■ prosody is stopped") < said.find("■ gate is stopped")
        assert "Traceback" not in said


async def test_a_signal_while_all_starts_ends_all(made: Path) -> None:
    site = RunningSite(made)
    site.launch()
    await site.wait_until_said("gate is starting")
    assert await site.end(signal.SIGINT) == 130
    assert processes_of(made) == []
    assert "Traceback" not in site.said()


async def test_when_up_itself_is_killed_the_rest_ends_and_the_next_start_works(made: Path) -> None:
    async with RunningSite(made) as site:
        assert await site.end(signal.SIGKILL) == -signal.SIGKILL
        result = await asyncio.to_thread(run_steelyard, "up", "--once", "--site", site.site)
        assert result.returncode == 0, result.stdout + result.stderr
        assert processes_of(made) == []


async def test_a_gate_is_restarted_under_load_and_nothing_is_lost_twice_or_sent_back(made: Path) -> None:
    """Each message of a stream that goes on arrives once, in its order, and the line's doctor is content."""
    async with in_use(made) as site:
        alice, bob = client(made, ALICE), client(made, BOB)
        await alice.connect()
        await bob.connect()
        sending = asyncio.create_task(write_steadily(alice))
        before = site.pid_of("components.gate")
        told = await asyncio.to_thread(
            run_steelyard, "restart", "gate", "--json", "--site", made / "site.toml"
        )
        assert told.returncode == 0, told.stderr + site.said()
        sending.cancel()
        (sent,) = await asyncio.gather(sending)
        got: list[str] = []
        while len(got) < sent:
            received = await bob.receive(PATIENCE_S)
            if received.sender != NOTICE:
                got.append(received.body)
        assert got == [f"lot {number}" for number in range(sent)]
        assert sent > 100
        await alice.close()
        await bob.close()
        restarted = json.loads(told.stdout)
        assert (restarted["before"], restarted["now"]) == (before, site.pid_of("components.gate"))
        assert f"gate takes over from process {before}" in site.said()
        assert "gate ended" not in site.said()
        examined = run_steelyard("doctor", "--json", "--site", made / "site.toml")
        assert examined.returncode == 0, examined.stdout
        found = json.loads(examined.stdout)
        assert {each["name"] for each in found["processes"]} >= {"prosody", "gate", "transfer"}
        assert all(each["open_files"] > 0 and each["age_s"] > 0 for each in found["processes"])
    assert run_steelyard("verify", "--site", made / "site.toml").returncode == 0


async def write_steadily(alice: TraderClient) -> int:
    """Write numbered messages to Bob until cancelled, 200 a second; return how many."""
    sent = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            alice.write(BOB, f"lot {sent}")
            sent += 1
            await asyncio.sleep(0.005)
    return sent
