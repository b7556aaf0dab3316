"""A log whose writer is this process: open, signed in time, and with its orders carried out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

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


class NamedLog(Protocol):
    """The settings of one log."""

    @property
    def log(self) -> StoreName:
        """Its store."""

    @property
    def log_origin(self) -> str:
        """The origin of its checkpoints."""

    @property
    def log_key_file(self) -> KeyReference:
        """The place of the key that signs them."""


class Parties(Protocol):
    """The settings of all logs: their readers, and the approvers of orders."""

    @property
    def recipients(self) -> Sequence[Path]:
        """Files of the public keys to which records are sealed."""

    @property
    def approvers(self) -> Sequence[Path]:
        """Files of the public keys that approve orders."""


async def keep_log(
    process: Process, log: NamedLog, parties: Parties, retention: RetentionPolicy
) -> LogWriter:
    """Open a log as its writer until the process ends, run what it needs beside appending, and return the writer.

    Raises LogError and KeyFileError; its tasks raise LogDamaged and LogFenced, with which the process must end.
    """
    recipients = [load_recipient(path) for path in parties.recipients]
    approvers = [load_verifier_key(path) for path in parties.approvers]
    store = await open_store(log.log)
    writer = process.keep(await open_log_writer(store, log.log_key_file, log.log_origin, recipients))
    reader = process.keep(await LogReader.open(log.log))
    orders = OrderExecutor(writer, reader.source, log.log_origin, retention, approvers)
    process.run("maintenance", maintain_log(writer))
    process.run("orders", serve_orders(orders))
    return writer
