"""Fixtures of all tests."""

import gc
from collections.abc import Iterator

import pytest

from components.archive.store.sqlite_connection import Connection
from tests.support.certificates import CertificateAuthority
from tests.support.descriptors import closed_again
from tests.support.order import in_order
from tests.support.postgres import PostgresServer, run_postgres
from tests.support.rounds import load_profile
from tests.support.surroundings import settle

settle()
load_profile()

_NEED_PROGRAMS = frozenset({"postgres_server", "s3_server", "token"})
"""Fixtures that start or use what is no Python package of ours; the tests that use them are marked."""

_MOST_LEFT_OPEN = 50


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need other programs by the fixtures that they use, and put files that take long first."""
    for item in items:
        if _NEED_PROGRAMS & set(getattr(item, "fixturenames", ())):
            item.add_marker("programs")
    items[:] = in_order(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Search for no garbage while tests are collected: nearly all of what is made then stays to the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what collecting made out of the search for garbage, unsearched: there is much of it."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def connections_keep_nobody() -> Iterator[None]:
    """A test that fails may leave connections open: their threads must not keep the process from ending."""
    connect = Connection.open

    async def open_in_background(connection: Connection) -> None:
        connection._thread.daemon = True
        await connect(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "open", open_in_background)
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """What the tests of a file open they close: left open, it would add up until a process may open no more.

    What the first of them opens for all files may stay, such as a server's output or what a library starts.
    """
    with closed_again(most_left=_MOST_LEFT_OPEN):
        yield
    # What nobody closed warns when it is found: here, and not in whatever file this process runs at the next search.
    # What is left then stays, and need not be searched again.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """Return the authority whose certificates servers under test show."""
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a running PostgreSQL server of the tests' own."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> str:
    """Return the URL of an empty database; `#log` is to be added."""
    return postgres_server.make_database()
