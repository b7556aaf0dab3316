"""What PostgreSQL, moving, backing up and restoring cost: `python -m tests.bench.archive_stores`."""

import tempfile
import time
from pathlib import Path

import uvloop

from components.archive.backup.copy import copy_log
from components.archive.backup.folder import open_backup
from components.archive.backup.move import move_log
from components.archive.backup.save import back_up_log
from components.archive.backup.saved import SavedLog, check_saved
from components.archive.store.open import StoreName, open_source, open_store
from tests.bench.archive_append import Figures, measure_appends
from tests.support.archive import VERIFIER_KEY
from tests.support.copying import no_progress
from tests.support.postgres import PostgresServer, run_postgres


def run(scale: float = 1.0) -> Figures:
    """Measure with 600-byte payloads, sealed; PostgreSQL over loopback, both on the disk of the temporary folder."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, run_postgres() as server:
        names = {batch: f"{server.make_database()}#gate" for batch in (1, 16, 256, 500)}
        for batch, name in names.items():
            count = int(2000 * scale) if batch == 1 else int(200_000 * scale) // batch
            figures |= uvloop.run(measure_appends(name, f"PostgreSQL, append of {batch}", batch, count))
        figures |= uvloop.run(_copies(Path(folder), names[500], server))
    return figures


async def _copies(folder: Path, log: StoreName, server: PostgresServer) -> Figures:
    figures: Figures = {}
    local, backup = folder / "gate.db", folder / "backup"

    def note(what: str, began_s: float, records: int) -> None:
        figures[f"{what}: records/s"] = records / (time.perf_counter() - began_s)

    began_s = time.perf_counter()
    records = (await move_log(log, local, VERIFIER_KEY, no_progress)).records
    note("move from PostgreSQL to SQLite", began_s, records)
    began_s = time.perf_counter()
    await move_log(local, f"{server.make_database()}#gate", VERIFIER_KEY, no_progress)
    note("move from SQLite to PostgreSQL", began_s, records)
    for what in ("first backup", "backup with nothing new"):
        source, began_s = await open_source(local), time.perf_counter()
        with open_backup(backup, make=True) as saved:
            await back_up_log(source, saved, "gate", VERIFIER_KEY, no_progress)
            saved.complete()
        note(what, began_s, records)
        figures[f"{what}, s"] = time.perf_counter() - began_s
        await source.close()
    with open_backup(backup) as saved:
        began_s = time.perf_counter()
        await check_saved(SavedLog.of(saved, "gate"), VERIFIER_KEY, no_progress)
        note("full check of a backup", began_s, records)
        store, began_s = await open_store(folder / "restored.db"), time.perf_counter()
        await copy_log(SavedLog.of(saved, "gate"), store, VERIFIER_KEY, no_progress)
        note("restore", began_s, records)
        await store.close()
    return figures


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:75} {value:12,.2f}")
