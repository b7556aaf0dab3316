"""How the error of the command line is told."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from components.process.errors import SiteError

WRONG_USE = 2


@contextmanager
def errors_in_lines() -> Iterator[None]:
    """Turn what an operator can put right into one line each on standard error, and exit status 2."""
    from components.site.settings import SettingsError

    try:
        yield
    except SettingsError as err:
        fail(*err.problems)
    except SiteError as err:
        fail(str(err))
    except OSError as err:
        fail(f"{err.filename or 'the system'}: {(err.strerror or str(err)).lower()}")


def fail(*lines: str) -> NoReturn:
    """Tell what is wrong on standard error, and end with status 2."""
    for line in lines:
        print(f"steelyard: {line}", file=sys.stderr)
    sys.exit(WRONG_USE)
