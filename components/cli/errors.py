"""Reports errors on the command line: one line each on standard error, with what to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cyclopts import CycloptsError

WRONG_USE = 2


@contextmanager
def told_in_lines() -> Iterator[None]:
    """Print errors that a person can fix on standard error, and end with status 2; raise other errors again."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        lines = explain_error(error)
        if not lines:
            raise
        print("\n".join(lines), file=sys.stderr)
        sys.exit(WRONG_USE)


def explain_error(error: Exception) -> list[str]:
    """Return the lines that say what a person can fix; none for a fault of the program."""
    # Imported only when there is an error, because nearly all commands end well.
    from components.archive.errors import LogError
    from components.archive.keys import KeyFileError
    from components.archive.keys.reference import KeyReferenceError
    from components.archive.seal import NoKeyError
    from components.audit.query.error import QueryError
    from components.cli.output.search import explain_query_error
    from components.process.errors import SiteError
    from components.settings.table import SettingsError
    from components.verifier.report import UsageError

    match error:
        case QueryError():
            return [explain_query_error(error)]
        case SettingsError():
            return [_line(problem) for problem in error.problems]
        case NoKeyError():
            return [_line(f"{error}; name the auditor's key of that time in audit.key_files")]
        case SiteError() | LogError() | KeyFileError() | KeyReferenceError() | UsageError():
            return [_line(str(error))]
        case OSError():
            reason = (error.strerror or str(error)).lower()
            return [_line(f"{error.filename or 'the system'}: {reason}")]
        case CycloptsError():
            return [_line(f"{' '.join(str(error).split())} (`steelyard --help` shows what there is)")]
    return []


def _line(text: str) -> str:
    from components.process.errors import shorten

    return f"steelyard: {shorten(text)}"
