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
    # Raised by the transfer component.
    SCANNER_DOWN = "scanner-down"
    FILES_NOT_STORED = "files-not-stored"
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
        AlarmName.SCANNER_DOWN,
        AlarmName.FILES_NOT_STORED,
    }
)

AT_TRANSFER = (AlarmName.SCANNER_DOWN, AlarmName.FILES_NOT_STORED)
"""Those that the transfer component raises: it has a figure for each."""

AT_GATE = tuple(name for name in AlarmName if name not in AT_TRANSFER)
"""Those that the gate raises, or its log's writer: it has a figure for each."""
