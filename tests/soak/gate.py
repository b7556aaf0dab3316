"""The real gate with a clock that is wrong, and less patience: `python -m tests.soak.gate SITE_TOML`.

`skew` beside the settings has the seconds by which it is wrong; SIGUSR2 has the gate look there again. It runs sources:
nothing can be put in the place of what is compiled.
"""

import signal
import sys
import time
from pathlib import Path

import tests.support.sources  # noqa: F401 - it sets what is imported below

_real_s, _real_ns = time.time, time.time_ns
_skew_s = 0.0

GIVEN_BACK_AFTER_S = 2.0
"""In the place of ten seconds: so long it waits for a client that says again what was lost with the server."""


def _look(file: Path) -> None:
    global _skew_s  # noqa: PLW0603 - the clock is one for the whole process
    _skew_s = float(file.read_text()) if file.exists() else 0.0


def _run() -> int:
    file = Path(sys.argv[1]).with_name("skew")
    _look(file)
    signal.signal(signal.SIGUSR2, lambda *_: _look(file))
    # Before what takes the clock when it is imported.
    time.time = lambda: _real_s() + _skew_s
    time.time_ns = lambda: _real_ns() + int(_skew_s * 1e9)
    from components.gate import owed
    from components.gate.__main__ import main

    owed.SAID_AGAIN_WITHIN_S = GIVEN_BACK_AFTER_S
    return main()


if __name__ == "__main__":
    sys.exit(_run())
