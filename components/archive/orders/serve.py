"""Has a log's writer carry out orders (docs/retention.md)."""

import asyncio

import structlog

from components.archive.errors import LogDamaged
from components.archive.orders.executor import OrderExecutor
from components.archive.outage import Outage

_INTERVAL_S = 1.0

log = structlog.get_logger("archive")


async def serve_orders(executor: OrderExecutor) -> None:
    """Carry out requests until cancelled; try again what cannot be done now. Raises LogFenced."""
    outage = Outage(log, "no orders carried out")
    while True:
        try:
            with outage:
                for outcome in await executor.serve():
                    say = log.info if outcome.answer.ok else log.warning
                    say("order", id=outcome.id, ok=outcome.answer.ok, record=outcome.answer.order)
        except LogDamaged as error:
            # Destroy nothing if the holds are not certain; the log's writer itself can go on.
            log.error("no orders are carried out any more", reason=str(error))
            await asyncio.Event().wait()
        await asyncio.sleep(_INTERVAL_S)
