"""Sessions of the console: kept here, and known to the browser by a random name alone."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

COOKIE = "__Host-steelyard"
"""The prefix has browsers refuse it without Secure, with a domain, or for another path (RFC 6265bis, 4.1.3.2)."""

_MOST_SESSIONS = 2_000
_MOST_OF_ONE = 20


@dataclass(slots=True)
class Session:
    """One auditor's browser. `csrf` is in each form; `language`, `zone` and `theme` are as the auditor chose.

    `matter` and `reason` say why they look; every look records them.
    """

    auditor: str
    started_s: float
    seen_s: float
    language: str
    zone: str = "UTC"
    theme: str = "auto"
    matter: str = ""
    reason: str = ""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    marked: dict[str, None] = field(default_factory=dict)

    def takes(self, csrf: str) -> bool:
        """Return whether a form is one that this session was given."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode(errors="replace"))


class Sessions:
    """All sessions. A restart ends them: nobody is logged in by what lies on a disk."""

    def __init__(self, idle_s: float, longest_s: float, clock: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._clock = clock
        self._sessions: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def idle_s(self) -> float:
        """How long a session lives without a request."""
        return self._idle_s

    def begin(self, auditor: str, language: str, zone: str) -> str:
        """Begin a session, and return its name, which only the browser then has."""
        self._forget_ended()
        # Whoever begins one after another ends their own, and nobody else's.
        own = [digest for digest, session in self._sessions.items() if session.auditor == auditor]
        for digest in own[: max(0, len(own) - _MOST_OF_ONE + 1)]:
            del self._sessions[digest]
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        name, now_s = secrets.token_urlsafe(32), self._clock()
        self._sessions[_digest(name)] = Session(auditor, now_s, now_s, language, zone)
        return name

    def find(self, name: str) -> Session | None:
        """Return a session that goes on, and note that it was used."""
        session = self._sessions.get(_digest(name))
        if session is None or self._is_over(session):
            self.end(name)
            return None
        session.seen_s = self._clock()
        return session

    def end(self, name: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(name), None)

    def _is_over(self, session: Session) -> bool:
        now_s = self._clock()
        return now_s - session.seen_s >= self._idle_s or now_s - session.started_s >= self._longest_s

    def _forget_ended(self) -> None:
        for digest in [digest for digest, session in self._sessions.items() if self._is_over(session)]:
            del self._sessions[digest]


def _digest(name: str) -> bytes:
    # By its digest: how long it takes to find one says nothing of the names of others.
    return hashlib.sha256(name.encode(errors="replace")).digest()
