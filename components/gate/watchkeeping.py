"""Keeps the watch running beside the gate: canaries, the patrol, the records of alarms, the figures."""

import asyncio

from components.archive.log.note import VerifierKey
from components.archive.reader import LogReader
from components.archive.store.open import log_file, log_name
from components.archive.writer import LogWriter
from components.gate.service import Gate
from components.gate.watch.canary import Canary
from components.gate.watch.metrics import serve_metrics
from components.gate.watch.patrol import Patrol
from components.gate.watch.watch import Watch
from components.link.component import GateLink
from components.settings.gate import GateSettings


async def keep_watch(
    settings: GateSettings,
    watch: Watch,
    gate: Gate,
    link: GateLink,
    writer: LogWriter,
    reader: LogReader,
    key: VerifierKey,
) -> None:
    """Watch until cancelled; `key` verifies the log's checkpoints.

    Raises OSError when the port of the figures is in use, LogDamaged and LogFenced.
    """
    patrol = Patrol(writer, reader, watch.alarms, log_file(settings.log))
    _add_figures(watch, gate, link, writer, patrol)
    duties = [watch.run(patrol), patrol.run(), watch.alarms.recorder.run(writer, reader)]
    if settings.canary_interval_s:
        watch.canary = Canary(
            settings.jid,
            log_name(settings.log),
            reader,
            key,
            watch.alarms,
            watch.metrics,
            send=link.write,
        )
        duties.append(watch.canary.run(settings.canary_interval_s, lambda: watch.host))
    async with serve_metrics(watch.metrics, settings.metrics_port):
        await asyncio.gather(*duties)


def _add_figures(watch: Watch, gate: Gate, link: GateLink, writer: LogWriter, patrol: Patrol) -> None:
    metrics, counters = watch.metrics, gate.counters
    metrics.count("recorded", "Submissions recorded.", lambda: counters.recorded)
    metrics.count("refused", "Submissions refused.", lambda: counters.refused)
    metrics.count("repeated", "Submissions answered from the log.", lambda: counters.repeated)
    metrics.count("batches", "Batches answered.", lambda: counters.batches)
    metrics.count("failed_commits", "Commits that failed.", lambda: counters.failed_commits)
    metrics.gauge("records", "Records in the log.", lambda: writer.size)
    metrics.gauge("pending", "Submissions that wait for a commit.", lambda: gate.pending)
    metrics.gauge("window_stanzas", "Numbers in the adapter's window.", lambda: watch.metrics.window_stanzas)
    metrics.gauge("checkpoint_age_seconds", "Age of the newest checkpoint.", lambda: patrol.checkpoint_age_s)
    metrics.gauge("connected", "1 while the server has accepted the gate.", lambda: link.is_up)
    metrics.gauge("recording", "1 if the last commit succeeded.", lambda: gate.commits)
    metrics.gauge("held", "Messages that wait for a reviewer.", lambda: gate.held)
    metrics.gauge("uncertain", "Held messages that may have arrived.", lambda: gate.uncertain)
