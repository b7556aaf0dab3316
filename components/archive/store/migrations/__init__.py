"""Numbered changes of a store's tables: each is applied once, and never altered afterwards."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from components.archive.errors import LogDamaged, LogUnavailable

# What these make, no reader needs: a log that no writer opens any more stays readable.
_WRITERS_ONLY = frozenset({3, 4})


@dataclass(frozen=True, slots=True)
class Migration:
    """One file `NNNN_name.sql` of this folder."""

    number: int
    sql: str

    def statements(self) -> Iterator[str]:
        """Yield its statements one by one, without what ends them."""
        statement = ""
        for line in self.sql.splitlines():
            if line.startswith("--"):
                continue
            statement += line
            if sqlite3.complete_statement(statement):
                yield statement.rstrip().rstrip(";")
                statement = ""

    @property
    def sha256(self) -> str:
        """What a log that it was applied to names it by, in hex."""
        return sha256(self.sql.encode()).hexdigest()


@cache
def known_migrations(dialect: str) -> tuple[Migration, ...]:
    """Return the migrations for `sqlite` or `postgres`, in order from number 1."""
    scripts = sorted((Path(__file__).parent / dialect).glob("*.sql"))
    return tuple(Migration(int(script.name[:4]), script.read_text("utf-8")) for script in scripts)


def find_pending(
    known: tuple[Migration, ...], applied: Mapping[int, str], where: str
) -> tuple[Migration, ...]:
    """Return those not yet applied to the log at `where`, from their numbers and hashes there.

    Raises LogDamaged when what was applied is not what these say, or more than they are.
    """
    if newer := [number for number in applied if number > len(known)]:
        raise LogDamaged(
            f"{where}: made by a newer version of Steelyard (its tables are of number {max(newer)},"
            f" and this one knows {len(known)}); install that version"
        )
    for migration in known[: len(applied)]:
        if applied.get(migration.number) != migration.sha256:
            raise LogDamaged(
                f"{where}: its tables were not made by migration {migration.number} as it is here"
            )
    return known[len(applied) :]


def require_current(pending: tuple[Migration, ...], where: str) -> None:
    """Raise LogUnavailable when readers need a migration that the log at `where` lacks: they cannot apply it."""
    if any(migration.number not in _WRITERS_ONLY for migration in pending):
        raise LogUnavailable(f"{where}: made by an older version; its writer updates it when it starts")
