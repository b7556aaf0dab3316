"""The names of all alarms (docs/alarms.md)."""

from enum import StrEnum


class AlarmName(StrEnum):
    """Everything that can be wrong; docs/alarms.md says for each what it means and what to do."""

    # States, which end when the fault has ended.
    NOT_RECORDING = "not-recording"
    LINK_DOWN = "link-down"
    ADAPTER_MISSING = "adapter-missing"
    CANARY_LOST = "canary-lost"
    CHECKPOINT_LATE = "checkpoint-late"
    LOG_UNREADABLE = "log-unreadable"
    RULES_BROKEN = "rules-broken"
    HOST_UNHELD = "host-unheld"
    UPLOAD_UNRECORDED = "upload-unrecorded"
    OBSERVING = "observing"
    # Raised by the transfer component.
    SCANNER_DOWN = "scanner-down"
    FILES_NOT_STORED = "files-not-stored"
    # Raised by the auditors' console.
    LOOKS_NOT_RECORDED = "looks-not-recorded"
    INDEX_BEHIND = "index-behind"
    COPY_BEHIND = "copy-behind"
    CONSOLE_STATE_NOT_KEPT = "console-state-not-kept"
    # Events of the console.
    LOGINS_REFUSED = "logins-refused"
    PAGE_FAILED = "page-failed"
    # Events, which nobody can undo.
    CANARY_UNPROVED = "canary-unproved"
    RELEASE_UNCERTAIN = "release-uncertain"
    UNSENDABLE = "unsendable"
    UNDECIDABLE = "undecidable"
    QUARANTINED = "quarantined"
    DELIVERY_UNKNOWN = "delivery-unknown"
    # Recorded by a log's writer when it opens (components/archive/opening.py).
    RECORDS_LOST = "records-lost"
    LAST_SIGNED_MISSING = "last-signed-missing"
    TAIL_UNPROVED = "tail-unproved"
    RECORDS_MISSING = "records-missing"
    NUMBERS_MISSING = "numbers-missing"
    NUMBER_REPEATED = "number-repeated"
    NUMBER_REUSED = "number-reused"
    NUMBERS_BACK = "numbers-back"
    LEFT_UNRECORDED = "left-unrecorded"
    STATUS_CONTRADICTS = "status-contradicts"
    UNANNOUNCED = "unannounced"


STATES = frozenset(
    {
        AlarmName.NOT_RECORDING,
        AlarmName.LINK_DOWN,
        AlarmName.ADAPTER_MISSING,
        AlarmName.CANARY_LOST,
        AlarmName.CHECKPOINT_LATE,
        AlarmName.LOG_UNREADABLE,
        AlarmName.RULES_BROKEN,
        AlarmName.HOST_UNHELD,
        AlarmName.UPLOAD_UNRECORDED,
        AlarmName.OBSERVING,
        AlarmName.SCANNER_DOWN,
        AlarmName.FILES_NOT_STORED,
        AlarmName.LOOKS_NOT_RECORDED,
        AlarmName.INDEX_BEHIND,
        AlarmName.COPY_BEHIND,
        AlarmName.CONSOLE_STATE_NOT_KEPT,
    }
)

AT_TRANSFER = (AlarmName.SCANNER_DOWN, AlarmName.FILES_NOT_STORED)
"""Those that the transfer component raises: it has a figure for each."""

AT_CONSOLE = (
    AlarmName.LOOKS_NOT_RECORDED,
    AlarmName.INDEX_BEHIND,
    AlarmName.COPY_BEHIND,
    AlarmName.CONSOLE_STATE_NOT_KEPT,
    AlarmName.LOGINS_REFUSED,
    AlarmName.PAGE_FAILED,
)
"""Those that the auditors' console raises, likewise."""

AT_GATE = tuple(name for name in AlarmName if name not in (*AT_TRANSFER, *AT_CONSOLE))
"""Those that the gate raises, or its log's writer: it has a figure for each."""
