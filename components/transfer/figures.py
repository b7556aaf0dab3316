"""The metrics that the transfer component and its parts report when somebody asks (docs/metrics.md)."""

from dataclasses import replace

from components.archive.alarm import Alarms
from components.archive.alarm_figures import alarm_figures
from components.archive.alarm_name import AT_TRANSFER
from components.process.metrics import Exposition, Figure
from components.process.status import Status
from components.transfer.acts import FileActs
from components.transfer.metrics import PREFIX, FileMetrics
from components.transfer.service import TransferService


def expose(metrics: FileMetrics, service: TransferService, acts: FileActs, alarms: Alarms) -> Exposition:
    """Return all metrics of a transfer component."""
    figures = (*_file_figures(metrics), *_own_figures(service, acts), *alarm_figures(alarms, AT_TRANSFER))
    return Exposition(PREFIX, figures, metrics.histograms)


def describe_transfer(service: TransferService, acts: FileActs, metrics: FileMetrics) -> Status:
    """Return what the status file says."""
    status = service.describe()
    files = {
        "files": {name: int(count) for name, count in metrics.decided.items()},
        "held": acts.held,
        "uploads_under_way": metrics.uploads.under_way,
        "fetches_under_way": metrics.fetches.under_way,
    }
    return replace(status, details={**status.details, **files})


def _file_figures(metrics: FileMetrics) -> tuple[Figure, ...]:
    uploads, fetches = metrics.uploads, metrics.fetches
    return (
        Figure("uploads", "Uploads answered.", lambda: uploads.by_status, True, "status"),
        Figure("upload_bytes", "Bytes that came in.", lambda: uploads.size_bytes, True),
        Figure(
            "uploads_under_way", "Uploads that are coming in or being checked.", lambda: uploads.under_way
        ),
        Figure("files", "Files decided on.", lambda: metrics.decided, True, "action"),
        Figure("marks", "Marks found in files.", lambda: metrics.marks, True, "mark"),
        Figure("scans", "Scans by the virus scanner.", lambda: metrics.scans, True, "result"),
        Figure("fetches", "Fetches answered.", lambda: fetches.by_status, True, "status"),
        Figure("fetch_bytes", "Bytes of files that went out.", lambda: fetches.size_bytes, True),
        Figure("fetches_under_way", "Files that are going out.", lambda: fetches.under_way),
    )


def _own_figures(service: TransferService, acts: FileActs) -> tuple[Figure, ...]:
    counters = service.slots.counters
    return (
        Figure("slots", "Slots given.", lambda: counters.slots, True),
        Figure("refused_slots", "Slots refused by policy.", lambda: counters.refused_slots, True),
        Figure("held", "Files that wait for a reviewer.", lambda: acts.held),
        Figure("records", "Records in the log.", lambda: service.journal.size),
        Figure("connected", "1 while the server has accepted the component.", lambda: service.is_connected),
    )
