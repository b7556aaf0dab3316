"""Runs first in each Python of a site under test, and writes down which of the site's files it opens.

`opened_files` of tests/support/secrets_told.py puts this folder on PYTHONPATH.
"""

import os
import sys

_SITE, _FOLDER = os.environ.get("STEELYARD_OPENED_OF", ""), os.environ.get("STEELYARD_OPENED_TO", "")


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
        return
    path = os.fspath(arguments[0])
    if isinstance(path, str) and path.startswith(_SITE):
        os.write(_OUTPUT, f"{path}\n".encode())


if _SITE and _FOLDER:
    _command = " ".join(sys.orig_argv[1:3]).replace("/", "-")
    _OUTPUT = os.open(f"{_FOLDER}/{_command}", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    sys.addaudithook(_note)
