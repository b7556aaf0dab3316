"""A connection to an index in PostgreSQL: a schema of its own in a database (docs/decisions/0224-*)."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Self

import psycopg
from psycopg import sql as names
from psycopg.conninfo import make_conninfo

from components.archive.store.postgres_url import PostgresUrl
from components.audit.index.database import DatabaseError, Values
from components.audit.index.postgres.dialect import plain_row, translate
from components.audit.index.postgres.tables import write_tables

# A search works out what it needs from the values that it has. Of rows that are read as they are asked for, mostly the
# first ones are; but where PostgreSQL is wrong about how many there are, it must not have gone through everything.
# Machine code for a statement takes longer than the statement.
_SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "cursor_tuple_fraction": "0.5",
    "jit": "off",
    "client_min_messages": "warning",
    # As long as SQLite's: who waits for another process waits no longer than that.
    "lock_timeout": "60s",
}
_OPTIONS = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
_TIMEOUT_S = 10
# Who finds that somebody reads tries again later. While tables wait to be made anew, new looks wait behind them; and
# who reads may be in this very process, which stands still meanwhile.
_READER_TIMEOUT, _ANEW_TIMEOUT = "1s", "10s"
_ROWS_PER_FETCH = 500
# The lock of who writes to an index is another one than that of who writes to a log of its name.
_OF_INDEX = 0x696E646578

# Rows of values alone go in by COPY.
_PLAIN_INSERT = re.compile(r"\s*INSERT INTO (\w+)(?: \(([\w, ]+)\))? VALUES \([?, ]+\)\s*")
_BEGINNINGS = {
    "DEFERRED": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "IMMEDIATE": "BEGIN ISOLATION LEVEL READ COMMITTED",
}
_WITH_TEXTS = """
SELECT DISTINCT table_name
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = %s AND table_type = 'BASE TABLE' AND columns.data_type IN ('text', 'bytea', 'tsvector') ORDER BY 1
"""
# Whose transaction has to end before rows that were deleted by the newest `forget` can be left out.
_SEEING_DELETED = """
SELECT 1 FROM pg_stat_activity, made
WHERE datname = current_database() AND backend_type = 'client backend' AND pid != pg_backend_pid()
AND greatest(age(backend_xid), age(backend_xmin)) >= age(made.xmin) LIMIT 1
"""


class PostgresError(DatabaseError):
    """What PostgreSQL, or the way to it, says is wrong."""


class PostgresDatabase:
    """A connection to the index of a name (see Store); the caller begins and ends transactions itself."""

    def __init__(self, url: PostgresUrl) -> None:
        self._url = url
        self._cursors = count()
        with _told():
            server = make_conninfo(url.dsn, **url.options)
            self._db = psycopg.connect(server, autocommit=True, connect_timeout=_TIMEOUT_S, options=_OPTIONS)
            self._run("SET search_path TO {}", url.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(self, sql: str, values: Values = (), /) -> "Cursor":
        """Run one statement."""
        written, taken = translate(sql, values)
        with _told():
            return Cursor(self._db.execute(written.encode(), taken))

    def executemany(self, sql: str, values: Iterable[Values], /) -> object:
        """Run a statement once for each of these."""
        if plain := _PLAIN_INSERT.fullmatch(sql):
            self._copy(plain[1], plain[2], values)
            return None
        rows = [translate(sql, each) for each in values]
        with _told():
            if rows:
                self._db.cursor().executemany(rows[0][0].encode(), [taken for _, taken in rows])
        return None

    def stream(self, sql: str, values: Values = (), /) -> Iterator[Any]:
        """Yield the rows of a statement, within the caller's transaction, read no further than they are asked for."""
        written, taken = translate(sql, values)
        with _told(), self._db.cursor(name=f"rows_{next(self._cursors)}") as cursor:
            cursor.itersize = _ROWS_PER_FETCH
            cursor.execute(written.encode(), taken)
            yield from cursor

    def read_version(self) -> int:
        """Return the version of the tables; 0 if there are none yet."""
        said = "SELECT obj_description(to_regnamespace(%s), 'pg_namespace')"
        with _told():
            row = self._db.execute(said, (self._url.schema,)).fetchone()
        return int(row[0]) if row and row[0] else 0

    def read_making(self) -> int:
        """Return a number of these tables, which is another one when they were made anew; 0 if there are none yet."""
        with _told():
            row = self._db.execute("SELECT coalesce(to_regclass('entry')::oid::bigint, 0)").fetchone()
        return int(row[0]) if row else 0

    def name_vocabulary(self, table: str) -> str:
        """Return the name of a table of the words (`term`) that a table of words has."""
        return f"{table}_vocabulary"

    def list_words(self, table: str) -> Iterator[Any]:
        """Yield each word of a table of words with its place, its column, and where it stands there, in order."""
        columns = " UNION ALL ".join(
            f"SELECT term, rowid, '{column}', number - 1 FROM {table},"  # noqa: S608 - constant names
            f" unnest(string_to_array({column}, ' ')) WITH ORDINALITY AS said(term, number) WHERE term <> ''"
            for column in ("text", "look")
        )
        order = 'ORDER BY term COLLATE "C", rowid, "column" DESC, number'
        sql = f'SELECT term, rowid, "column", number FROM ({columns}) AS found(term, rowid, "column", number) {order}'  # noqa: S608
        return self.stream(sql)

    @contextmanager
    def transaction(self, mode: str) -> Iterator[None]:
        """Begin a transaction (DEFERRED to read, IMMEDIATE to write); commit it at the end, or roll it back.

        Who writes is alone. Who reads sees what was there when it began.
        """
        with _told():
            self._db.execute(_BEGINNINGS[mode])
        try:
            if mode == "IMMEDIATE":
                with _told():
                    self._db.execute("SELECT pg_advisory_xact_lock(%s)", (self._url.lock_key ^ _OF_INDEX,))
            yield
        except BaseException:
            with suppress(psycopg.Error):  # where the connection is broken, nothing is left anyway
                self._db.execute("ROLLBACK")
            raise
        with _told():
            self._db.execute("COMMIT")

    def make_tables(self, definitions: Iterable[str], version: int) -> None:
        """Make all tables anew, empty, within the caller's transaction, by statements of SQLite."""
        self._drop()
        with _told():
            self._run("CREATE SCHEMA {}", self._url.log)
            for statement in write_tables(definitions):
                self._db.execute(statement.encode())
            self._db.execute(
                names.SQL("COMMENT ON SCHEMA {} IS {}").format(self._name, names.Literal(str(version)))
            )

    def drop(self) -> None:
        """Remove the whole index: whoever has it open makes it anew."""
        with self.transaction("IMMEDIATE"):
            self._drop()

    def count_bytes(self) -> int:
        """Count the bytes that the tables and their indexes take."""
        sql = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r'"
        with _told():
            row = self._db.execute(
                f"{sql} AND relnamespace = to_regnamespace(%s)", (self._url.schema,)
            ).fetchone()
        return int(row[0]) if row else 0

    def purge(self, tables: Iterable[str]) -> bool:
        """Write all tables with texts anew, without what was deleted; False if somebody reads what was there before.

        PostgreSQL leaves deleted rows in its pages, and their words in its index of words, until something else needs
        the place, or for ever. So the files of all these tables are written anew, and the old ones removed.
        """
        with _told():
            if self._db.execute(_SEEING_DELETED).fetchone():
                return False
            found = self._db.execute(_WITH_TEXTS, (self._url.log,)).fetchall()
            self._db.execute("SELECT set_config('lock_timeout', %s, false)", (_READER_TIMEOUT,))
            try:
                for (table,) in found:
                    self._run("VACUUM (FULL) {}", self._url.log, table)
            except psycopg.errors.LockNotAvailable:
                return False
            finally:
                self._db.execute("RESET lock_timeout")
        return True

    def close(self) -> None:
        """Close it; what is not committed is rolled back."""
        self._db.close()

    @property
    def _name(self) -> names.Identifier:
        return names.Identifier(self._url.log)

    def _drop(self) -> None:
        with _told():
            self._db.execute("SELECT set_config('lock_timeout', %s, true)", (_ANEW_TIMEOUT,))
            self._run("DROP SCHEMA IF EXISTS {} CASCADE", self._url.log)

    def _run(self, statement: str, *name: str) -> None:
        self._db.execute(names.SQL(statement).format(names.Identifier(*name)))

    def _copy(self, table: str, columns: str | None, values: Iterable[Values]) -> None:
        rows = list(values)
        if not rows:
            return
        into = f"COPY {table} ({columns}) FROM STDIN" if columns else f"COPY {table} FROM STDIN"
        with _told(), self._db.cursor() as cursor, cursor.copy(into.encode()) as copy:
            for row in rows:
                copy.write_row(plain_row(list(row)))


class Cursor:
    """The rows of a statement, in order, all of them read."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._rows: Iterator[Any] = iter(cursor.fetchall() if cursor.description else ())

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return list(self._rows)


@contextmanager
def _told() -> Iterator[None]:
    """Raise what psycopg raises as the index's own."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise PostgresError("somebody else reads it, or works on it: try again later") from error
    except psycopg.Error as error:
        raise PostgresError(str(error).strip() or type(error).__name__) from error
