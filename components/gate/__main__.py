"""Run the gate of a site: `python -m components.gate SITE_TOML`."""

import asyncio
import contextlib
import sys
from pathlib import Path

import structlog
import uvloop

from components.archive.errors import LogError
from components.archive.keys import KeyFileError, load_conversation_key, load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.maintenance import maintain_log
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.serve import serve_orders
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.store.open import log_file, log_name, open_store
from components.gate.review.acts import Reviewing
from components.gate.review.queue import ReviewQueue
from components.gate.review.store import ReviewStore
from components.gate.rules import RulesInForce
from components.gate.service import Gate
from components.gate.watch.alarm import AlarmName
from components.gate.watch.status import report_status, write_status
from components.gate.watch.watch import Watch
from components.gate.watchkeeping import keep_watch
from components.link.component import GateLink
from components.link.stream import ComponentLogin
from components.process.logs import configure_logging
from components.process.run import wait_for_end
from components.rules.load import RuleSources, load_sources
from components.settings.archive import ArchiveSettings, load_approvers, load_archive, load_retention
from components.settings.gate import GateSettings, ReviewSettings, load_gate, load_review
from policy.retention import RecordedKind, assign_class

# How long a thread that reads changed rules may keep the line waiting each time.
_SWITCH_INTERVAL_S = 0.0005

log = structlog.get_logger("gate")


async def run_gate(
    settings: GateSettings, archive: ArchiveSettings, sources: RuleSources, review: ReviewSettings
) -> None:
    """Open the log, connect, and serve until SIGTERM or SIGINT.

    Raises LogError when the log cannot be opened, RulesError when there are no rules to decide by.
    """
    watch = Watch()
    in_force = RulesInForce(sources, watch.alarms.recorder, watch.alarms)
    retention = load_retention(archive.retention)
    recipients = [load_recipient(path) for path in archive.recipients]
    writer = await open_log_writer(await open_store(settings.log), settings.log_key_file, recipients)
    reader = await LogReader.open(settings.log)
    watch.alarms.recorder.retention_classes = {
        RecordKind.ALARM: assign_class(retention, RecordedKind.ALARM),
        RecordKind.RULES: assign_class(retention, RecordedKind.ACCESS),
        RecordKind.ADMISSION: assign_class(retention, RecordedKind.ACCESS),
    }
    store = await ReviewStore.open(
        review.file or (log_file(settings.log) or settings.directory).with_name("review.db")
    )
    queue = ReviewQueue(settings.jid, await store.load(), store, deadline_s=review.deadline_s)
    queue.on_uncertain = lambda record: watch.alarms.sound(
        AlarmName.RELEASE_UNCERTAIN, record=f"{log_name(settings.log)}/{record}"
    )
    gate = Gate(
        settings.jid,
        log_name(settings.log),
        in_force.rules,
        writer,
        reader,
        conversation_key=load_conversation_key(archive.conversation_key_file),
        max_batch=settings.max_batch,
        retention=retention,
        watch=watch,
        review=queue,
    )
    orders_reader = await LogReader.open(settings.log)
    approvers = load_approvers(archive.approvers)
    executor = OrderExecutor(writer, orders_reader.source, settings.log_origin, retention, approvers)
    review_reader = await LogReader.open(settings.log)
    reviewing = Reviewing(
        queue,
        writer,
        review_reader.source,
        log_name(settings.log),
        default=review.default,
        retention_class=assign_class(retention, RecordedKind.ACCESS),
    )

    def on_state(connected: bool) -> None:
        gate.link_changed()
        watch.link_changed(connected=connected)
        log.info("connected" if connected else "disconnected", records=writer.size)
        with contextlib.suppress(OSError):
            write_status(settings.status_file, gate, link, writer)

    login = ComponentLogin(
        settings.jid,
        settings.secret_file.read_text().strip(),
        settings.address,
        settings.component_port,
        settings.reconnect_max_s,
    )
    link = GateLink(login, on_submissions=gate.take, on_state=on_state, on_canary=watch.canary_returned)
    tasks = [
        asyncio.create_task(gate.run(link.write), name="gate"),
        asyncio.create_task(report_status(settings.status_file, gate, link, writer), name="status"),
        asyncio.create_task(maintain_log(writer), name="maintenance"),
        asyncio.create_task(serve_orders(executor), name="orders"),
        asyncio.create_task(in_force.run(gate.use), name="rules"),
        asyncio.create_task(reviewing.run(link.write, lambda: watch.host), name="review"),
        asyncio.create_task(
            keep_watch(settings, watch, gate, link, writer, reader, writer.verifier_key), name="watch"
        ),
    ]
    link.open()
    await wait_for_end(tasks)
    await link.close()
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await review_reader.close()
    await orders_reader.close()
    await reader.close()
    await writer.close()
    await store.close()
    for result in results:
        if isinstance(result, Exception):
            raise result


def main() -> int:
    """Run the gate; exit status 0 when told to stop, 1 when it cannot go on, 2 for wrong settings."""
    configure_logging("gate", "info")
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        site_toml = Path(sys.argv[1])
        settings = load_gate(site_toml)
        configure_logging("gate", settings.log_level)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(
                run_gate(settings, load_archive(site_toml), load_sources(site_toml), load_review(site_toml))
            )
    except (ValueError, KeyFileError, IndexError) as err:
        log.error("wrong settings", reason=str(err))
        return 2
    except (LogError, OSError) as err:
        log.error("stopped", reason=str(err))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
