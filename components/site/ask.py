"""Asks another program of the machine, and waits for what it says."""

import subprocess
from collections.abc import Sequence


def ask_program(command: Sequence[str], told: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, tell it `told` on its standard input, and return its status and all that it printed.

    What it prints as an error is among the rest, at its place; what is no UTF-8 in it is replaced. Raises
    FileNotFoundError if there is no such program, and TimeoutExpired, after which it does not run any more.
    """
    return subprocess.run(  # noqa: S603
        command,
        input=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
