"""Attempts that a store cannot carry out now, but maybe later: logs the first failure, not each one."""

from types import TracebackType

from structlog.typing import FilteringBoundLogger

from components.archive.errors import LogUnavailable


class Outage:
    """A context that lets LogUnavailable end an attempt, and nothing else; the first of a row is logged as `event`."""

    def __init__(self, log: FilteringBoundLogger, event: str) -> None:
        self._log = log
        self._event = event
        self._lasts = False

    def __enter__(self) -> None:
        """Begin an attempt."""

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> bool:
        """End an attempt; one that succeeds ends the outage, too."""
        if not isinstance(error, LogUnavailable):
            self._lasts = self._lasts and error is not None
            return False
        if not self._lasts:
            self._log.error(self._event, reason=str(error))
        self._lasts = True
        return True
