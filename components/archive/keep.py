"""A log kept by a process as its writer: open, signed in time, and its orders carried out."""

from collections.abc import Sequence
from pathlib import Path

from components.archive.keys import load_recipient, load_verifier_key
from components.archive.keys.reference import KeyReference
from components.archive.keys.rotation import open_log_writer
from components.archive.maintenance import maintain_log
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.serve import serve_orders
from components.archive.reader import LogReader
from components.archive.store.open import StoreName, open_store
from components.archive.writer import LogWriter
from components.process.run import Process
from policy.retention import RetentionPolicy


async def keep_log(
    process: Process,
    store: StoreName,
    origin: str,
    key: KeyReference,
    *,
    recipients: Sequence[Path],
    approvers: Sequence[Path],
    retention: RetentionPolicy,
) -> LogWriter:
    """Open a log as its writer until the process ends, run what it needs beside appending, and return the writer.

    `recipients` and `approvers` are files of public keys. Raises LogError and KeyFileError; its tasks raise
    LogDamaged and LogFenced, with which the process must end.
    """
    known = [load_recipient(path) for path in recipients]
    signers = [load_verifier_key(path) for path in approvers]
    writer = process.keep(await open_log_writer(await open_store(store), key, known))
    reader = process.keep(await LogReader.open(store))
    process.run("maintenance", maintain_log(writer))
    process.run("orders", serve_orders(OrderExecutor(writer, reader.source, origin, retention, signers)))
    return writer
