"""`steelyard check` says of each log what its writer would refuse at its start, before somebody starts it."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged
from components.archive.keys import KeyFileError
from components.archive.keys.log_key import generate_log_key
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.site.log_check import check_log
from components.site.validate import load_site
from tests.support.site_log import record
from tests.support.typed import file_of


def gate_log(settings: SiteFile) -> LogSettings:
    return next(log for log in settings.logs if log.name == "gate")


def remove_log(log: Path, _last: Path) -> str:
    log.unlink()
    return "it is an older state: 5 records were signed, and it has 0 of them"


def remove_last(_log: Path, last: Path) -> str:
    last.unlink()
    return f"{last} is gone"


def change(log: Path, *statements: str) -> None:
    with closing(sqlite3.connect(log)) as database, database:
        for statement in statements:
            database.execute(statement)


def cut_checkpoints(log: Path, _last: Path) -> str:
    change(log, "DELETE FROM checkpoint")
    return "5 records were signed, and it has 0 of them"


def set_back_the_checkpoint(log: Path, last: Path) -> str:
    """As if the records behind it had not been signed yet; the file beside the key is the one of that time."""
    with closing(sqlite3.connect(log)) as database:
        ((note,),) = database.execute("SELECT note FROM checkpoint WHERE size = 0").fetchall()
    last.write_text(note)
    change(log, "DELETE FROM checkpoint WHERE size > 0", "UPDATE record SET mac = NULL")
    return "records 0 to 4 are under no checkpoint, and not what its writer left"


def exchange_a_record(log: Path, _last: Path) -> str:
    row = "(SELECT {0} FROM record WHERE idx = 3)"
    change(
        log, f"UPDATE record SET leaf = {row.format('leaf')}, payload = {row.format('payload')} WHERE idx = 2"
    )
    return "the leaf of record 2 is not the one in the tree"


def take_a_record_out(log: Path, _last: Path) -> str:
    change(log, "DELETE FROM record WHERE idx = 2")
    return "of the 5 records from 0 on are there"


def damage_the_tree(log: Path, _last: Path) -> str:
    change(log, "UPDATE tile SET hashes = zeroblob(length(hashes))")
    return "it is another log than the 5 records that were signed"


def exchange_the_key(log: Path, last: Path) -> str:
    key = last.with_suffix(".key")
    key.unlink()
    generate_log_key(key, "steelyard.example/gate")
    return f"{key}: is another key than log-gate.pub"


@pytest.mark.parametrize(
    "act",
    [
        remove_log,
        remove_last,
        cut_checkpoints,
        set_back_the_checkpoint,
        exchange_a_record,
        take_a_record_out,
        damage_the_tree,
        exchange_the_key,
    ],
)
def test_what_a_log_cannot_go_on_with_is_named_before_it_is_started(
    site: Path, act: Callable[[Path, Path], str]
) -> None:
    settings = load_site(site)
    asyncio.run(record(settings))
    expected = act(file_of(settings.gate.log), settings.folder / "keys" / "log-gate.last")
    with pytest.raises(SiteError) as raised:
        asyncio.run(check_log(gate_log(settings)))
    assert str(raised.value).startswith((f"{settings.gate.log}: ", f"{settings.gate.log} is gone: "))
    assert expected in str(raised.value)
    with pytest.raises((LogDamaged, KeyFileError)):
        asyncio.run(record(settings))


def test_a_log_that_is_written_meanwhile_is_no_problem(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer signs while it is read: what was read does not fit together, and is not damaged."""
    settings = load_site(site)
    asyncio.run(record(settings))

    async def read_while_it_is_written(*_: object) -> None:
        await record(settings)
        raise LogDamaged("the tiles are newer than the checkpoint")

    monkeypatch.setattr("components.site.log_check.load_head", read_while_it_is_written)
    assert "5 records under a good checkpoint" in asyncio.run(check_log(gate_log(settings)))


def test_a_log_whose_standby_would_lack_something_is_named(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_site(site)
    asyncio.run(record(settings))

    async def find_problem(name: object) -> str:
        return "the server waits for no standby" if name == settings.gate.log else ""

    monkeypatch.setattr("components.site.log_check.find_standby_problem", find_problem)
    with pytest.raises(SiteError, match=r"gate\.db: the server waits for no standby"):
        asyncio.run(check_log(gate_log(settings)))
    others = [log for log in settings.logs if log.name != "gate"]
    assert all("is not there yet" in asyncio.run(check_log(log)) for log in others)
