"""Whether two records are of one message: of what a person reads, nothing changes on the way between sites; pure."""

from components.archive.record import Submission
from components.audit.stanza import Reading, read_stanza
from components.audit.view import RecordView


def read_as_sent(submission: Submission) -> Reading:
    """Read a message as it went out: with what the gate amended."""
    return read_stanza(submission.amended or submission.body)


def is_same(record: RecordView, other: RecordView) -> bool:
    """Return whether two records say the same to a person who reads the message.

    A room changes addresses and adds ids, so that only the texts are compared. What was destroyed says nothing.
    """
    if not isinstance(record.content, Submission) or not isinstance(other.content, Submission):
        return record.destroyed or other.destroyed
    return sorted(read_as_sent(record.content).text.split("\n")) == sorted(
        read_as_sent(other.content).text.split("\n")
    )
