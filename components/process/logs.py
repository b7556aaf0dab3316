"""Structured logs: one JSON object a line on standard error."""

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LOG_FILE_VARIABLE = "STEELYARD_LOG_FILE"
"""Names the file that standard output and error go to, for who can open it anew; unset where a manager keeps logs."""

_QUOTING_LIBRARIES = ("slixmpp", "aiosqlite")
"""Loggers that write whole stanzas and SQL parameters at debug level. No log may hold message bodies."""


def configure_logging(component: str, level: str) -> None:
    """Send all logs of this process, structlog's and the standard library's, to standard error as JSON lines.

    Each line has `time` (UTC, ISO 8601), `level`, `component`, `event` and the arguments of the call. The argument
    `level` is the lowest level that is written (`debug`, `info`, `warn`, `error`).
    """
    lowest = logging.getLevelNamesMapping()[level.upper()]

    def name_component(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["component"] = component
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_component,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(lowest)
    for library in _QUOTING_LIBRARIES:
        logging.getLogger(library).setLevel(max(lowest, logging.INFO))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def reopen_log() -> None:
    """Write on to a new file if the log was moved away, as logrotate does; raises OSError if it cannot be opened.

    Standard output and error change over, so that what Python itself or a library prints goes there too. Nothing
    happens where no file is named: then the service manager keeps the log.
    """
    path = os.environ.get(LOG_FILE_VARIABLE, "")
    if not path:
        return
    opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(opened, stream.fileno())
    finally:
        os.close(opened)
