"""Puts a gate together from a site's settings, each part from the parts made before it.

The process takes each opened thing at once, to close it. So a later failure leaves nothing open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.keep import keep_log
from components.archive.keys import load_conversation_key
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.recorder import Recorder
from components.archive.store.open import log_name
from components.archive.writer import LogWriter
from components.gate.adapter import GateName, Line
from components.gate.aftermath import Aftermath, Unknown
from components.gate.breaks import LinkBreaks
from components.gate.deciding import Decider, Filing, StanzaFiles
from components.gate.journal import Journal
from components.gate.kept import StanzaKeeper
from components.gate.memo import fetch_all_memos
from components.gate.memo_seal import MemoSeal
from components.gate.owed import OwedErrors
from components.gate.readers import load_readers
from components.gate.review.acts import ReviewActs
from components.gate.review.queue import ReviewQueue
from components.gate.review.store import ReviewStore, review_file
from components.gate.rules import RulesInForce
from components.gate.service import Gate
from components.gate.watch.canary import Canary
from components.gate.watch.figures import figures_of
from components.gate.watch.metrics import Metrics, expose
from components.gate.watch.patrol import Patrol
from components.gate.watch.status import describe_gate
from components.gate.watch.watch import Watch
from components.link.component import GateLink
from components.link.stream import ComponentLogin
from components.process.metrics import serve_metrics
from components.process.run import Process
from components.process.turn import wait_for_turn
from components.rules.decisions import Decisions
from components.rules.denied_hashes import DeniedHashesFollower
from components.rules.follow import RulesFollower
from components.rules.inside_files import InsideFiles
from components.rules.load import load_sources
from components.rules.reviewers import load_reviewers
from components.rules.sent_files import load_sent_files
from components.settings.archive import load_retention
from components.settings.gate import GateSettings
from components.settings.secret import read_secret
from components.settings.site import SiteFile
from policy.retention import RecordedKind, RetentionPolicy, assign_class


@dataclass(frozen=True, slots=True)
class _Log:
    """The gate's log: its writer, and a reader for each part that reads at the same time as others."""

    writer: LogWriter
    reader: LogReader
    reviews: LogReader


@dataclass(frozen=True, slots=True)
class _Watchers:
    """All parts that watch the gate and report on it."""

    recorder: Recorder
    alarms: Alarms
    metrics: Metrics
    canary: Canary | None
    patrol: Patrol
    watch: Watch


async def start_gate(process: Process, site: SiteFile) -> None:
    """Put the gate together, run it until the process ends, and begin to connect.

    Raises LogError, SettingsError, RulesError, KeyFileError and OSError.
    """
    settings = site.gate
    follower = RulesFollower(load_sources(site))
    retention = load_retention(site.archive.retention)
    site_key = load_conversation_key(site.archive.conversation_key_file)
    filing, keeper = Filing(retention, site_key), StanzaKeeper(site_key)
    login = _read_login(settings)
    await wait_for_turn()
    log = await _open_log(process, site, retention)
    line = Line(GateName(settings.jid, log_name(settings.log)), observes=settings.observes)
    watchers = _make_watchers(settings, log, line, retention)
    sound = partial(_sound, watchers.alarms, line.gate.log)
    queue = await _open_queue(process, site, partial(sound, AlarmName.RELEASE_UNCERTAIN))
    breaks = LinkBreaks(partial(sound, AlarmName.UNSENDABLE))
    errors = OwedErrors(queue)
    aftermath = Aftermath(keeper, errors, partial(_sound_unknown, watchers.alarms, line.gate.log))
    seal = MemoSeal(site_key)
    aftermath.load(await fetch_all_memos(log.writer, seal))
    files = StanzaFiles(load_sent_files(site), _run_inside(process, site), load_readers(site))
    decider = Decider(follower.rules, queue, filing, aftermath, files, observes=settings.observes)
    journal = Journal(
        log.writer, log.writer, aftermath, seal,
        delivery_class=assign_class(retention, RecordedKind.DELIVERY), log_name=line.gate.log,
    )  # fmt: skip
    gate = Gate(
        line, decider, journal, queue, watchers.watch, breaks,
        max_batch=settings.max_batch, report=process.report_soon,
    )  # fmt: skip
    rules = RulesInForce(follower, gate, watchers.recorder, watchers.alarms, mode=settings.mode.value)
    if settings.observes:
        watchers.alarms.sound(AlarmName.OBSERVING, mode=settings.mode.value)
    acts = ReviewActs(
        queue, line, log.writer, log.reviews.source, breaks,
        Decisions(
            load_reviewers(site), line.gate.log, settings.log_origin, lambda: follower.rules, site.review.default
        ),
        (errors.give_back, lambda: queue.let_join(gate.decider.rules.directory)),
        retention_class=assign_class(retention, RecordedKind.ACCESS),
    )  # fmt: skip
    process.report(settings.status_file, partial(describe_gate, gate, watchers.alarms, queue))
    process.run("gate", gate.run())
    process.run("rules", rules.run())
    process.run("review", acts.run())
    exposition = expose(watchers.metrics, watchers.alarms, figures_of(gate, queue, watchers.patrol))
    await process.stack.enter_async_context(serve_metrics(exposition.render, settings.metrics_port))
    _run_watchers(process, watchers, settings.canary_interval_s)
    process.keep(GateLink(login, gate)).open()


def _run_inside(process: Process, site: SiteFile) -> InsideFiles:
    """Return what decides on files inside stanzas, and follow the list of those that are not sent."""
    transfer = site.transfer
    if transfer is None:
        return InsideFiles()
    refused = transfer.limits.for_slots.refused_types
    if transfer.denied_hashes is None:
        return InsideFiles(refused)
    denied = DeniedHashesFollower(transfer.denied_hashes)
    process.run("denied hashes", denied.run())
    return InsideFiles(refused, lambda: denied.denied)


async def _open_log(process: Process, site: SiteFile, retention: RetentionPolicy) -> _Log:
    writer = await keep_log(process, site.gate, site.archive, retention)
    reader = process.keep(await LogReader.open(site.gate.log))
    return _Log(writer, reader, process.keep(await LogReader.open(site.gate.log)))


def _sound(alarms: Alarms, log: str, name: AlarmName, record: int) -> None:
    alarms.sound(name, record=f"{log}/{record}")


def _sound_unknown(alarms: Alarms, log: str, unknown: Unknown) -> None:
    alarms.sound(
        AlarmName.DELIVERY_UNKNOWN,
        epoch=unknown.epoch[:64],
        stanzas=unknown.stanzas,
        record=f"{log}/{unknown.record}",
    )


async def _open_queue(process: Process, site: SiteFile, on_uncertain: Callable[[int], None]) -> ReviewQueue:
    settings, review = site.gate, site.review
    store = process.keep(await ReviewStore.open(review_file(site)))
    items = await store.load()
    return ReviewQueue(settings.jid, items, store, deadline_s=review.deadline_s, on_uncertain=on_uncertain)


def _make_watchers(settings: GateSettings, log: _Log, line: Line, retention: RetentionPolicy) -> _Watchers:
    classes = {
        RecordKind.ALARM: assign_class(retention, RecordedKind.ALARM),
        RecordKind.RULES: assign_class(retention, RecordedKind.ACCESS),
        RecordKind.ADMISSION: assign_class(retention, RecordedKind.ACCESS),
    }
    recorder = Recorder(log.writer, log.reader.source, classes)
    alarms, metrics = Alarms(recorder), Metrics()
    canary = None
    if settings.canary_interval_s:
        canary = Canary(line, log.reader, log.writer.verifier_key, alarms, metrics)
    patrol = Patrol(log.writer, log.reader.source, alarms)
    return _Watchers(recorder, alarms, metrics, canary, patrol, Watch(alarms, metrics, canary))


def _run_watchers(process: Process, watchers: _Watchers, canary_interval_s: float) -> None:
    process.run("alarms", watchers.recorder.run())
    process.run("patrol", watchers.patrol.run())
    process.run("watch", watchers.watch.run())
    if watchers.canary is not None:
        process.run("canary", watchers.canary.run(canary_interval_s))


def _read_login(settings: GateSettings) -> ComponentLogin:
    return ComponentLogin(
        settings.jid,
        read_secret(settings.secret_file),
        settings.address,
        settings.component_port,
        settings.reconnect_max_s,
    )
