"""Processes are kept running, their ends are told, and stopping leaves nothing."""

import asyncio
import math
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.supervise import ProcessSpec, State, Supervisor
from components.site.up import START_TIMEOUT_S, find_start_timeout_s
from tests.support.process import PATIENCE_S, wait_until

FOREVER = "import time\nwhile True: time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n" + FOREVER


class Watcher:
    """Records what the supervisor tells."""

    def __init__(self) -> None:
        self.told: list[tuple[str, State, str]] = []

    def __call__(self, name: str, state: State, text: str) -> None:
        self.told.append((name, state, text))

    def states(self, name: str) -> list[State]:
        return [state for told, state, _ in self.told if told == name]

    def text(self, state: State) -> str:
        return next(text for _, told, text in self.told if told is state)


class Health:
    """A health that the test sets; keeps the process ids that were asked about."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.pids: list[int] = []

    async def __call__(self, pid: int) -> str:
        if pid not in self.pids:
            self.pids.append(pid)
        return self.fault


def spec(
    folder: Path,
    code: str,
    find_fault: Callable[[int], Awaitable[str]],
    name: str = "sleeper",
    stop_timeout_s: float = 10.0,
) -> ProcessSpec:
    command = (sys.executable, "-c", code)
    return ProcessSpec(name, command, folder / f"{name}.log", find_fault, 0.05, stop_timeout_s)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_start_waits_for_health_and_stop_leaves_nothing(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health("is not ready")
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], watcher)
    starting = asyncio.create_task(supervisor.start(PATIENCE_S))
    assert await wait_until(lambda: bool(health.pids))
    assert not starting.done()
    health.fault = ""
    await starting
    await supervisor.stop()
    assert watcher.states("sleeper") == [State.STARTING, State.HEALTHY, State.STOPPED]
    assert not is_running(health.pids[0])


async def test_a_killed_process_comes_back(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], watcher)
    await supervisor.start(PATIENCE_S)
    os.kill(health.pids[0], signal.SIGKILL)
    assert await wait_until(lambda: watcher.states("sleeper").count(State.HEALTHY) == 2)
    await supervisor.stop()
    assert watcher.text(State.ENDED) == "was ended by SIGKILL; starts again in 0.2 s"
    assert len(health.pids) == 2
    assert not any(is_running(pid) for pid in health.pids)


async def test_a_process_whose_log_cannot_be_written_comes_back_when_it_can(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    kept = spec(tmp_path, FOREVER, health)
    supervisor = Supervisor([kept], watcher)
    await supervisor.start(PATIENCE_S)
    kept.log_file.unlink()
    kept.log_file.mkdir()
    os.kill(health.pids[0], signal.SIGKILL)
    assert await wait_until(lambda: watcher.states("sleeper").count(State.ENDED) == 2)
    _, (_, _, told) = (each for each in watcher.told if each[1] is State.ENDED)
    assert told.startswith("could not be started: ")
    assert str(kept.log_file) in told
    kept.log_file.rmdir()
    assert await wait_until(lambda: watcher.states("sleeper").count(State.HEALTHY) == 2)
    await supervisor.stop()


async def test_a_first_start_that_fails_is_told(tmp_path: Path) -> None:
    kept = spec(tmp_path, FOREVER, Health())
    kept.log_file.mkdir()
    supervisor = Supervisor([kept], Watcher())
    with pytest.raises(SiteError, match="sleeper did not start: it could not be started: "):
        await supervisor.start(PATIENCE_S)
    await supervisor.stop()


@pytest.mark.slow
async def test_the_pauses_between_starts_grow(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    marker = tmp_path / "once"
    code = f"import pathlib, time\nif pathlib.Path({str(marker)!r}).exists(): raise SystemExit(3)\n" + FOREVER
    supervisor = Supervisor([spec(tmp_path, code, health)], watcher)
    await supervisor.start(PATIENCE_S)
    marker.touch()
    health.fault = "is not there"
    os.kill(health.pids[0], signal.SIGKILL)
    assert await wait_until(lambda: watcher.states("sleeper").count(State.ENDED) == 3)
    await supervisor.stop()
    pauses = [text.rpartition(" in ")[2] for _, state, text in watcher.told if state is State.ENDED]
    assert pauses == ["0.2 s", "0.4 s", "0.8 s"]


async def test_a_process_has_its_own_variables_unless_they_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SET_OUTSIDE", "outside")
    told = tmp_path / "told"
    code = "import os, pathlib\n" + (
        f"pathlib.Path({str(told)!r}).write_text(os.environ['OWN'] + ' ' + os.environ['SET_OUTSIDE'])\n"
    )
    own = replace(spec(tmp_path, code + FOREVER, Health()), environment={"OWN": "own", "SET_OUTSIDE": "own"})
    supervisor = Supervisor([own], Watcher())
    await supervisor.start(PATIENCE_S)
    assert await wait_until(told.exists)
    assert await wait_until(lambda: told.read_text() == "own outside")
    await supervisor.stop()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", "ended with status 3: it wrote nothing"),
        (
            "import sys; print('x', flush=True); sys.exit('the port is taken')",
            "ended with status 1: the port is taken",
        ),
        (
            """print('{"event": "stopped", "reason": "no key", "pid": 3}'); raise SystemExit(2)""",
            "ended with status 2: stopped: no key;",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
    ],
)
async def test_a_process_that_does_not_start_is_told_with_its_last_words(
    tmp_path: Path, code: str, words: str
) -> None:
    supervisor = Supervisor([spec(tmp_path, code, Health("is not there"))], Watcher())
    with pytest.raises(SiteError) as caught:
        await supervisor.start(PATIENCE_S)
    await supervisor.stop()
    assert f"sleeper did not start: it {words}" in str(caught.value)
    assert str(tmp_path / "sleeper.log") in str(caught.value)


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = ProcessSpec("ghost", ("/nonexistent/ghost",), tmp_path / "ghost.log", Health("is not there"))
    supervisor = Supervisor([missing], Watcher())
    with pytest.raises(SiteError, match=r"ghost did not start: .*/nonexistent/ghost"):
        await supervisor.start(PATIENCE_S)
    await supervisor.stop()


async def test_what_does_not_get_healthy_in_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, good, bad = Watcher(), Health(), Health("does not answer")
    specs = [spec(tmp_path, FOREVER, good, "good"), spec(tmp_path, FOREVER, bad, "bad")]
    supervisor = Supervisor(specs, watcher)
    limit = asyncio.timeout(None)  # the time is over when both have been asked, however long that takes
    monkeypatch.setattr("components.site.supervise.asyncio.timeout", lambda _delay_s: limit)
    starting = asyncio.create_task(supervisor.start(3))
    assert await wait_until(lambda: State.HEALTHY in watcher.states("good") and bool(bad.pids))
    limit.reschedule(0)
    with pytest.raises(SiteError, match=r"bad does not answer, after 3 s; see .*bad\.log"):
        await starting
    await supervisor.stop()
    assert not any(is_running(pid) for pid in good.pids + bad.pids)


def test_only_a_server_of_somebody_elses_is_waited_for_without_an_end(site: Path) -> None:
    assert find_start_timeout_s(SiteFile(site), once=False) == START_TIMEOUT_S
    attached = 'attached_to = "/etc/prosody/prosody.cfg.lua"\nc2s_port = '
    site.write_text(site.read_text().replace("c2s_port = ", attached, 1))
    assert find_start_timeout_s(SiteFile(site), once=True) == START_TIMEOUT_S
    assert find_start_timeout_s(SiteFile(site), once=False) == math.inf


async def test_without_an_end_a_start_waits_for_health_and_tells_what_ends(tmp_path: Path) -> None:
    health = Health("waits for its server")
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], Watcher())
    starting = asyncio.create_task(supervisor.start(math.inf))
    try:
        assert await wait_until(lambda: bool(health.pids))
        assert not starting.done()
        health.fault = ""
        await asyncio.wait_for(starting, PATIENCE_S)
    finally:
        await supervisor.stop()
    ends = spec(tmp_path, "raise SystemExit('no')", Health("waits for its server"), "failing")
    failing = Supervisor([ends], Watcher())
    with pytest.raises(SiteError, match="failing"):
        await asyncio.wait_for(failing.start(math.inf), PATIENCE_S)
    await failing.stop()


async def test_a_fault_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], watcher)
    await supervisor.start(PATIENCE_S)
    health.fault = "is silent"
    assert await wait_until(lambda: State.FAILING in watcher.states("sleeper"))
    health.fault = ""
    assert await wait_until(lambda: watcher.states("sleeper")[-1] is State.HEALTHY)
    await supervisor.stop()
    assert watcher.states("sleeper") == [
        State.STARTING,
        State.HEALTHY,
        State.FAILING,
        State.HEALTHY,
        State.STOPPED,
    ]
    assert watcher.text(State.FAILING) == "is silent"


async def test_the_order_of_stopping_is_that_of_starting(tmp_path: Path) -> None:
    note = tmp_path / "ends"
    code = (
        "import atexit, signal, sys, time\n"
        f"atexit.register(lambda: open({str(note)!r}, 'a').write(NAME))\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\nopen(READY, 'w').close()\n" + FOREVER
    )
    names = ("a", "b", "c")

    async def ready(_pid: int) -> str:
        return "" if all((tmp_path / f"ready-{name}").exists() for name in names) else "is not ready"

    specs = [
        spec(tmp_path, f"NAME = {name!r}\nREADY = {str(tmp_path / f'ready-{name}')!r}\n{code}", ready, name)
        for name in names
    ]
    supervisor = Supervisor(specs, Watcher())
    await supervisor.start(PATIENCE_S)
    await supervisor.stop()
    assert note.read_text() == "abc"


@pytest.mark.slow
async def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    health = Health()
    log = tmp_path / "sleeper.log"

    async def deaf(pid: int) -> str:
        await health(pid)
        return "" if log.read_text() else "still hears"

    supervisor = Supervisor([spec(tmp_path, DEAF, deaf, stop_timeout_s=0.2)], Watcher())
    await supervisor.start(PATIENCE_S)
    await supervisor.stop()
    assert not is_running(health.pids[0])


async def test_stopping_while_a_process_waits_to_start_again(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], watcher)
    await supervisor.start(PATIENCE_S)
    os.kill(health.pids[0], signal.SIGKILL)
    assert await wait_until(lambda: watcher.states("sleeper")[-1] is State.ENDED)
    await supervisor.stop()
    assert watcher.states("sleeper")[-1] is State.STOPPED
    assert not any(is_running(pid) for pid in health.pids)


async def test_stopping_while_a_process_starts(tmp_path: Path) -> None:
    health = Health("is not ready")
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], Watcher())
    starting = asyncio.create_task(supervisor.start(PATIENCE_S))
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait((starting,))
    await supervisor.stop()
    assert not any(is_running(pid) for pid in health.pids)


async def test_the_service_manager_is_ours_alone_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.setenv(name, "1")
    told = tmp_path / "told"
    told_by = "any(name.startswith(('NOTIFY', 'WATCHDOG')) for name in os.environ)"
    code = f"import os; open({str(told)!r}, 'w').write(str({told_by}))\n{FOREVER}"
    supervisor = Supervisor([spec(tmp_path, code, Health())], Watcher())
    await supervisor.start(PATIENCE_S)
    assert await wait_until(lambda: told.exists() and told.read_text() == "False")
    await supervisor.stop()


async def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.site.spawn._LOG_MAX_BYTES", 10)
    (tmp_path / "sleeper.log").write_text("much was written\n")
    supervisor = Supervisor([spec(tmp_path, FOREVER, Health())], Watcher())
    await supervisor.start(PATIENCE_S)
    await supervisor.stop()
    assert (tmp_path / "sleeper.log.1").read_text() == "much was written\n"
    assert (tmp_path / "sleeper.log").read_text() == ""


# Says that it is ready, and writes down when its turn has come.
SUCCESSOR = f"""
import asyncio, os, pathlib, sys
from components.process.turn import wait_for_turn
was_told = "STEELYARD_TURN" in os.environ
asyncio.run(wait_for_turn())
pathlib.Path(os.environ["TURNS"]).open("a").write(f"{{os.getpid()}} {{was_told}}\\n")
{FOREVER}
"""


def handing_over(folder: Path, code: str, health: Health, **changes: Any) -> ProcessSpec:
    return replace(
        spec(folder, code, health), hands_over=True, environment={"TURNS": str(folder / "turns")}, **changes
    )


async def test_a_successor_has_its_turn_when_the_one_before_has_ended(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([handing_over(tmp_path, SUCCESSOR, health)], watcher)
    await supervisor.start(PATIENCE_S)
    turns = tmp_path / "turns"
    assert await wait_until(turns.exists)
    await supervisor.restart("sleeper")
    first = health.pids[0]
    assert not is_running(first)
    assert await wait_until(lambda: len(health.pids) == 2)
    assert await wait_until(lambda: turns.read_text() == f"{first} False\n{health.pids[1]} True\n")
    await supervisor.restart("another")  # there is none of this name
    await supervisor.stop()
    assert watcher.text(State.STARTING) == ""
    assert f"takes over from process {first}" in [text for _, _, text in watcher.told]
    assert State.ENDED not in watcher.states("sleeper")
    assert not any(is_running(pid) for pid in health.pids)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "why"),
    [
        (
            "import os, sys\nif 'STEELYARD_TURN' in os.environ: sys.exit(3)\n" + FOREVER,
            "ended before it was ready",
        ),
        (FOREVER, "was not ready in 0 s"),
        (DEAF, "was not ready in 0 s"),
    ],
)
async def test_a_successor_that_does_not_get_ready_leaves_the_old_one_going(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    monkeypatch.setattr("components.site.hand_over.READY_TIMEOUT_S", 0.2 if "0 s" in why else PATIENCE_S)
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([handing_over(tmp_path, code, health, stop_timeout_s=0.1)], watcher)
    await supervisor.start(PATIENCE_S)
    await supervisor.restart("sleeper")
    assert is_running(health.pids[0])
    assert watcher.text(State.FAILING) == f"goes on as it was: its successor {why}"
    assert watcher.states("sleeper")[-1] is State.FAILING
    await supervisor.restart("sleeper")  # it can be tried again
    await supervisor.stop()
    assert health.pids == health.pids[:1]
    assert not is_running(health.pids[0])


async def test_a_process_that_does_not_hand_over_is_stopped_and_started_at_once(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([spec(tmp_path, FOREVER, health)], watcher)
    await supervisor.start(PATIENCE_S)
    await supervisor.restart("sleeper")
    assert not is_running(health.pids[0])
    assert await wait_until(lambda: len(health.pids) == 2)
    assert watcher.text(State.ENDED) == "was stopped, and starts anew"
    await supervisor.stop()


async def test_a_stop_ends_a_successor_that_is_not_ready(tmp_path: Path) -> None:
    health, others = Health(), set(psutil.Process().children(recursive=True))
    supervisor = Supervisor([handing_over(tmp_path, FOREVER, health)], Watcher())
    await supervisor.start(PATIENCE_S)
    restarting = asyncio.create_task(supervisor.restart("sleeper"))
    await asyncio.sleep(0)
    await supervisor.stop()
    await restarting
    assert not is_running(health.pids[0])
    assert await wait_until(lambda: others.issuperset(psutil.Process().children(recursive=True)))
    await supervisor.restart("sleeper")  # all has stopped: nothing happens


async def test_one_that_dies_while_its_successor_gets_ready_is_followed_by_it(tmp_path: Path) -> None:
    watcher, health = Watcher(), Health()
    supervisor = Supervisor([handing_over(tmp_path, SUCCESSOR, health)], watcher)
    await supervisor.start(PATIENCE_S)
    restarting = asyncio.create_task(supervisor.restart("sleeper"))
    await asyncio.sleep(0)
    os.kill(health.pids[0], signal.SIGKILL)
    await restarting
    assert await wait_until(lambda: len(health.pids) == 2 and watcher.states("sleeper")[-1] is State.HEALTHY)
    await supervisor.stop()
    assert not any(is_running(pid) for pid in health.pids)
