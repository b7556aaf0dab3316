"""Every error that a person can put right is told in lines; a fault of the program is not hidden."""

from pathlib import Path

import apsw
import pytest

from components.archive.errors import LogMissing
from components.archive.keys import KeyFileError
from components.archive.keys.reference import KeyReferenceError
from components.archive.seal import NoKeyError
from components.audit.index.database import DatabaseError
from components.audit.index.index import open_index
from components.cli.errors import explain_error, told_in_lines
from components.process.errors import SiteError
from components.settings.table import SettingsError
from components.verifier.report import UsageError
from tests.unit.cli.test_main import every_command


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (SiteError("do this"), ["steelyard: do this"]),
        (
            SettingsError(["a: is missing", "b: is wrong"]),
            ["steelyard: a: is missing", "steelyard: b: is wrong"],
        ),
        (LogMissing("there is no log"), ["steelyard: there is no log"]),
        (KeyFileError("there is no key"), ["steelyard: there is no key"]),
        (KeyReferenceError("is no place"), ["steelyard: is no place"]),
        (UsageError("no checkpoint"), ["steelyard: no checkpoint"]),
        (NoKeyError("sealed"), ["steelyard: sealed; name the auditor's key of that time in audit.key_files"]),
        (FileNotFoundError(2, "No such file", "x"), ["steelyard: x: no such file"]),
        (OSError("odd"), ["steelyard: the system: odd"]),
        (ValueError("a fault"), []),
    ],
)
def test_an_error_is_told_in_lines(error: Exception, lines: list[str]) -> None:
    assert explain_error(error) == lines


@pytest.mark.parametrize("error", [ValueError("a fault"), BrokenPipeError(32, "Broken pipe")])
def test_other_errors_go_on(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(type(error)), told_in_lines():
        raise error
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (apsw.FullError, "make room"),
        (apsw.IOError, "make room"),  # of a full disk, where shared memory has no place
        (apsw.BusyError, "another process"),
        (apsw.LockedError, "another process"),
        (apsw.CantOpenError, "see who may write"),
        (apsw.ReadOnlyError, "see who may write"),
        (apsw.PermissionsError, "see who may write"),
        (apsw.NoMemError, "free some memory"),
        (apsw.CorruptError, "delete it"),
        (apsw.NotADBError, "delete it"),
        (apsw.SQLError, "delete it"),  # it lacks what this version looks for
    ],
)
def test_an_index_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, error: type[DatabaseError], advice: str
) -> None:
    told = pytest.raises(SiteError, match=rf"index\.db cannot be used: so it is; {advice}")
    with told, open_index(tmp_path / "index.db"):
        raise error("so it is")


def test_every_command_but_three_prints_json() -> None:
    without = {name for name, options in every_command().items() if "--json" not in options}
    assert without == {"steelyard up", "steelyard run", "steelyard audit proof"}
