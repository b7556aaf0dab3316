"""Runs a function in a process of its own, so that what it costs can be told from what it measures."""

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from typing import TypeVar

from tests.bench.errors import BenchError
from tests.bench.usage import OTHER_CORE

T = TypeVar("T")


async def run_apart(function: Callable[..., T], *arguments: object, core: int = OTHER_CORE) -> T:
    """Call a module's function in a new process on `core`; its arguments and its result are pickled.

    Raises BenchError when it fails; cancelled, it ends the process.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(core),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate(pickle.dumps((function, arguments)))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BenchError(f"{function.__name__} failed:\n{errors.decode(errors='replace').strip()}")
    try:
        result: T = pickle.loads(output)
    except (pickle.UnpicklingError, EOFError) as error:
        size = f"{len(output):,} bytes"
        raise BenchError(
            f"{function.__name__}: {error} ({size}): {errors.decode(errors='replace')}"
        ) from error
    return result


def _main() -> None:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    function, arguments = pickle.load(sys.stdin.buffer)
    # Of its own buffer: with PYTHONUNBUFFERED stdout has none, and pickle takes no notice of half a write. Closed
    # here, so that what cannot be written fails and is seen.
    with open(1, "wb", closefd=False) as output:
        pickle.dump(function(*arguments), output)


if __name__ == "__main__":
    _main()
