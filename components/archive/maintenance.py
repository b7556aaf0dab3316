"""The regular work on a log, apart from stanzas: checkpoints, and the end of segments."""

import asyncio

import structlog

from components.archive.outage import Outage
from components.archive.writer import LogWriter

_INTERVAL_S = 0.1

log = structlog.get_logger("archive")


async def maintain_log(writer: LogWriter) -> None:
    """Sign and end what is due until cancelled; if the disk cannot write now, try again.

    Raises LogDamaged and LogFenced: then its process must stop.
    """
    outage = Outage(log, "no checkpoint")
    while True:
        await asyncio.sleep(_INTERVAL_S)
        with outage:
            await writer.maintain()
