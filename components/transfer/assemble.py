"""Puts the transfer component together from its settings."""

import time
from collections.abc import Callable
from functools import partial

import structlog

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.blobs.reader import BlobReader
from components.archive.blobs.store import BlobStore
from components.archive.keep import keep_log
from components.archive.keys import load_recipient, load_recipient_key
from components.archive.reader import LogReader
from components.archive.store.open import log_name
from components.process.metrics import serve_metrics
from components.process.run import Process
from components.rules.decisions import Decisions
from components.rules.denied_hashes import DeniedHashesFollower
from components.rules.file_links import FileLinks, load_link_key
from components.rules.file_readers import FileReaders
from components.rules.follow import RulesFollower
from components.rules.load import load_sources
from components.rules.reviewers import load_reviewers
from components.settings.archive import load_retention
from components.settings.blobs import open_objects
from components.settings.certificate import open_server_tls
from components.settings.reload import follow_settings
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.transfer.acts import FileActs
from components.transfer.asking import AskedFrom
from components.transfer.checks import Examination, FileChecks
from components.transfer.conditions import require_conditions
from components.transfer.deciding import FileDecider
from components.transfer.destroyed import DestroyedFiles, keep_destroyed, keep_swept
from components.transfer.fetch import Sender
from components.transfer.figures import describe_transfer, expose
from components.transfer.inspect.assemble import open_inspector
from components.transfer.journal import FileJournal
from components.transfer.linked import LinkedUploads
from components.transfer.metrics import FileMetrics, MeasuredDecisions, MeasuredInspector, MeasuredScanner
from components.transfer.receive import Receiver
from components.transfer.scan.start import start_alarms, start_scanner
from components.transfer.server import FileServer
from components.transfer.service import SlotService, TransferService
from components.transfer.state import Upload, UploadStore
from components.transfer.tidy import finish_cut_off, keep_tidy
from policy.files.readers import may_fetch

log = structlog.get_logger("transfer")


async def run_transfer(process: Process, site: SiteFile) -> None:
    """Open the log and the files, and serve both sides until the process ends.

    Raises SettingsError, RulesError, KeyFileError, LogError, OSError.
    """
    settings = site.require(TransferSettings)
    follow_settings(process, site, TransferSettings)
    retention = load_retention(site.archive.retention)
    writer = await keep_log(process, settings, site.archive, retention)
    journal = FileJournal(writer, retention, log_name(settings.log))
    uploads = process.keep(await UploadStore.open(settings.state_file))
    log_reader = process.keep(await LogReader.open(settings.log))
    if count := await finish_cut_off(uploads, journal, log_reader):
        log.warning("uploads were cut off", count=count)
    alarms = start_alarms(process, writer, log_reader, retention)
    metrics = FileMetrics()
    links = FileLinks(settings.base_url, load_link_key(settings.link_key_file))
    follower = RulesFollower(load_sources(site))
    slots = SlotService(settings, links, uploads, follower.rules.directory)
    linked = LinkedUploads(links, uploads, time.time)
    decider = FileDecider(
        follower.rules,
        settings.limits.for_slots.refused_types,
        must_be_scanned=settings.clamd is None or settings.clamd.when_down == "refuse",
    )
    examination = _open_examination(process, settings, alarms, decider, metrics)
    store, reader = _open_blobs(process, site, settings)
    receiver, sender = _open_files(
        settings, (store, reader), linked, journal, slots, examination, alarms, metrics
    )
    server = process.keep(FileServer(receiver, sender, metrics))
    await server.start(settings.address, settings.port, open_server_tls(process, settings.certificate))
    service = TransferService(settings, site.gate, follower, slots, decider, journal, alarms)
    review = site.review
    reviewers = load_reviewers(site)
    decisions = Decisions(
        reviewers, journal.log_name, settings.log_origin, lambda: follower.rules, review.default
    )
    acts = FileActs(
        uploads, journal, log_reader.source, decisions, deadline_s=review.deadline_s, clock_s=time.time
    )
    process.report(settings.status_file, partial(describe_transfer, service, acts, metrics))
    exposition = expose(metrics, service, acts, alarms)
    await process.stack.enter_async_context(serve_metrics(exposition.render, settings.metrics_port))
    process.run("tidy", keep_tidy(uploads, journal, log_reader))
    process.run("destroyed", keep_destroyed(DestroyedFiles(log_reader.source, uploads, store)))
    process.run("review", acts.run())
    process.run("slots", service.run())


def _open_examination(
    process: Process, settings: TransferSettings, alarms: Alarms, decider: FileDecider, metrics: FileMetrics
) -> Examination:
    """Return what looks at files and decides on them, and run what it needs."""
    inspector = process.keep(open_inspector(settings.inspect))
    checks = _open_checks(process, settings, alarms, MeasuredInspector(inspector, metrics), metrics)
    decide = MeasuredDecisions(decider.decide, metrics)
    return Examination(
        settings.state_file.parent, checks, decide, stripper=inspector, tell_amended=metrics.count_decision
    )


def _open_checks(
    process: Process,
    settings: TransferSettings,
    alarms: Alarms,
    inspector: MeasuredInspector,
    metrics: FileMetrics,
) -> FileChecks:
    clamd = start_scanner(process, settings.clamd, alarms) if settings.clamd else None
    scanner = MeasuredScanner(clamd, metrics) if clamd else None
    if settings.denied_hashes is None:
        return FileChecks(inspector, scanner)
    follower = DeniedHashesFollower(settings.denied_hashes)
    process.run("denied hashes", follower.run())
    return FileChecks(inspector, scanner, lambda sha256: follower.denied.find(sha256) is not None)


def _open_files(
    settings: TransferSettings,
    blobs: tuple[BlobStore, BlobReader],
    linked: LinkedUploads,
    journal: FileJournal,
    slots: SlotService,
    examination: Examination,
    alarms: Alarms,
    metrics: FileMetrics,
) -> tuple[Receiver, Sender]:
    """Return what takes files and what hands them out."""
    store, reader = blobs
    sender = Sender(
        linked,
        reader,
        journal,
        asked_from=AskedFrom(
            settings.networks if settings.download_from == "networks" else (),
            behind_proxy=settings.certificate is None,
        ),
        **_by_sessions(settings, slots),
    )
    receiver = Receiver(
        linked,
        store,
        journal,
        examination,
        is_admitted=slots.is_admitted,
        person_at_once=settings.limits.person_at_once,
        on_stored=partial(_tell_stored, alarms),
        on_durable=metrics.store_seconds.observe,
    )
    return receiver, sender


def _tell_stored(alarms: Alarms, problem: str) -> None:
    if problem:
        alarms.sound(AlarmName.FILES_NOT_STORED, reason=problem)
    else:
        alarms.end(AlarmName.FILES_NOT_STORED)


def _by_sessions(settings: TransferSettings, slots: SlotService) -> dict[str, Callable[[Upload, str], bool]]:
    """Return what the sender asks of each address, where only those fetch who are logged in there."""
    if settings.sessions_file is None:
        return {}
    readers = FileReaders(settings.sessions_file)

    def is_reader(upload: Upload, address: str) -> bool:
        people, sent_to = readers.find_people(address), readers.find_sent_to(upload.id)
        return may_fetch(slots.directory, people, upload.owner, sent_to)

    return {"may_fetch": is_reader}


def _open_blobs(process: Process, site: SiteFile, settings: TransferSettings) -> tuple[BlobStore, BlobReader]:
    """Return what stores files and what reads them: sealed to the site's recipients, and to the component itself."""
    objects = process.keep(open_objects(settings))
    process.run("swept", keep_swept(objects))
    if settings.s3 is not None:
        process.run("conditions", require_conditions(objects))
    own = load_recipient_key(settings.delivery_key_file)
    recipients = [*(load_recipient(path) for path in site.archive.recipients), own.recipient]
    address_key = load_link_key(settings.address_key_file)
    return (
        BlobStore(objects, settings.log_origin, address_key, recipients),
        BlobReader(objects, settings.log_origin, (own,)),
    )
