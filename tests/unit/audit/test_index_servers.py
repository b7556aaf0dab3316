"""An index in PostgreSQL that names several servers is the one that takes changes, as a log is."""

import pytest

from components.archive.store.postgres_url import PostgresUrl, parse_postgres_url
from components.audit.index.database import DatabaseError
from components.audit.index.open_postgres import open_postgres
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer


def behind_another(database: str) -> PostgresUrl:
    """Name a server that is not there before the one that is."""
    return parse_postgres_url(
        database.replace("127.0.0.1:", f"127.0.0.1:{free_port()},127.0.0.1:") + "#index"
    )


def test_the_next_is_asked_if_one_is_gone(postgres_database: str) -> None:
    with open_postgres(behind_another(postgres_database)) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_one_that_takes_no_changes_is_none(postgres_server: PostgresServer, postgres_database: str) -> None:
    name = postgres_database.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseError):
        open_postgres(behind_another(postgres_database))
    alone = parse_postgres_url(f"{postgres_database}#index")
    with open_postgres(alone) as database:  # who names it alone wants it
        assert database.execute("SELECT 1").fetchone() == (1,)
