"""What can go wrong with a log. No message holds anything of a record's content."""


class LogError(Exception):
    """A log could not be opened, read or written."""


class LogUnavailable(LogError):  # noqa: N818 - the condition is the name
    """The store cannot do it now (disk full, input/output error, locked); it may later."""


class LogMissing(LogUnavailable):
    """There is no log in this store: nobody has written to it yet, or it is gone."""


class LogDamaged(LogError):  # noqa: N818
    """The content of the store contradicts itself, its checkpoint or the key; nothing more may be written."""


class LaterFormat(LogDamaged):
    """A later version of Steelyard wrote this; nothing of it is damaged, and nothing may be moved away."""


class LogBusy(LogError):  # noqa: N818
    """Another process writes this log."""


class LogFenced(LogError):  # noqa: N818
    """Another writer has taken this log's lease since; this one must not write any more."""
