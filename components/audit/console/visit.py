"""One request to the console: who asks, in which language and time zone, and how it is answered."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web
from multidict import MultiDict, MultiMapping

from components.archive.alarm_name import AlarmName
from components.audit.access import LookNotRecordedError, Purpose, set_purpose
from components.audit.auditor import Auditor, Role
from components.audit.console.console import Console
from components.audit.console.hidden import Hidden
from components.audit.console.languages import NAMES, choose_language
from components.audit.console.looks import Looks
from components.audit.console.render import Texts, format_moment, local_time, render
from components.audit.console.session import COOKIE, Session
from components.audit.purpose import check_purpose, found_at

_Found = TypeVar("_Found")


LOOKERS = frozenset({Role.AUDITOR, Role.REVIEWER, Role.LEAD})
"""Who may look at what was said."""

REVIEWERS = frozenset({Role.REVIEWER, Role.LEAD})
"""Who may decide on it."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the console; `roles`: who has one of these sees it."""

    path: str
    key: str
    roles: frozenset[Role] = LOOKERS


SECTIONS = (
    Section("/search", "section.search"),
    Section("/review", "section.review", REVIEWERS),
    Section("/held", "section.held", REVIEWERS),
    Section("/matters", "section.matters"),
    Section("/exports", "section.exports"),
    Section("/overview", "section.overview"),
)

# An id, a query, a reason: nothing that a form of ours says is longer.
_MOST_CHARACTERS = 20_000


class Refused(Exception):  # noqa: N818 - it is an answer
    """The request is answered with this status and a text of the catalogue."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values


@dataclass(slots=True)
class Visit:
    """A request. `session` and `auditor` are None for who is not logged in; `form` is what was posted."""

    request: web.Request
    console: Console
    session: Session | None = None
    session_name: str = ""
    auditor: Auditor | None = None
    form: MultiMapping[Any] = field(default_factory=MultiDict)

    @property
    def texts(self) -> Texts:
        """The console's words in the language of who asks."""
        if self.session:
            return Texts(self.session.language)
        return Texts(choose_language(self.request.headers.get("Accept-Language", "")))

    @property
    def zone(self) -> str:
        """The time zone of who asks."""
        return self.session.zone if self.session else "UTC"

    @property
    def who(self) -> Auditor:
        """The auditor who asks; only pages for auditors need one."""
        if self.auditor is None:
            raise Refused(401, "error.login")
        return self.auditor

    @property
    def own_session(self) -> Session:
        """The session of who asks."""
        if self.session is None:
            raise Refused(401, "error.login")
        return self.session

    @property
    def address(self) -> str:
        """The network address that the request comes from."""
        return self.request.remote or "unknown"

    @property
    def links(self) -> tuple[Section, ...]:
        """The sections that who asks may open."""
        roles = self.auditor.roles if self.auditor else frozenset[Role]()
        return tuple(section for section in SECTIONS if section.roles & roles)

    @property
    def site_names(self) -> tuple[str, ...]:
        """The names of all sites that this console looks into, its own first."""
        own = self.console.site
        return own.site.name, *(each.name for each in own.audit.sites)

    def name_records(self, records: Iterable[tuple[str, str]]) -> str:
        """Return ids of records, each with its site's name where there are several sites."""
        is_one = len(self.site_names) == 1
        return ", ".join(id_ if is_one else f"{name}:{id_}" for name, id_ in records)

    @property
    def is_fragment(self) -> bool:
        """Whether a page asks for a part of itself."""
        return self.request.headers.get("HX-Request") == "true"

    def argument(self, name: str, default: str = "") -> str:
        """Return what the address says of a name; raises Refused if it is too long."""
        return _bounded(self.request.query.get(name, default))

    def said(self, name: str, default: str = "") -> str:
        """Return what the form says of a name; raises Refused if it is too long."""
        value = self.form.get(name, default)
        return _bounded(value) if isinstance(value, str) else default

    def said_all(self, name: str) -> list[str]:
        """Return all that the form says of a name; raises Refused if one of it is too long."""
        return [_bounded(value) for value in self.form.getall(name, []) if isinstance(value, str)]

    def may(self, role: Role) -> bool:
        """Return whether who asks has a role."""
        return self.auditor is not None and role in self.auditor.roles

    async def look(
        self, take: Callable[[], Coroutine[Any, Any, _Found]], looks: Looks | None = None
    ) -> _Found:
        """Take a look in the name of who asks, to its end; it records why they look.

        Raises PurposeError if the matter that they stated does not count any more: closed since, or not theirs.
        """
        auditor, site, purpose = self.auditor, self.console.site, self.purpose

        async def look() -> _Found:
            if auditor:
                await check_purpose(site, auditor, purpose)
            return await self._for(found_at(site, purpose) if auditor else purpose, take)

        try:
            return await (looks or self.console.looks).take(look)
        except LookNotRecordedError as error:
            self.console.alarms.sound(AlarmName.LOOKS_NOT_RECORDED, reason=str(error.__cause__))
            raise

    async def record(self, take: Callable[[], Coroutine[Any, Any, _Found]]) -> _Found:
        """Record what shows nothing, such as a login, to its end, whatever purpose was stated."""
        purpose = self.purpose
        return await self.console.looks.take(lambda: self._for(purpose, take))

    async def _for(self, purpose: Purpose, take: Callable[[], Coroutine[Any, Any, _Found]]) -> _Found:
        set_purpose(purpose)
        return await take()

    @property
    def purpose(self) -> Purpose:
        """Why they look, as they have stated it."""
        return Purpose(self.session.matter, self.session.reason) if self.session else Purpose()

    @property
    def hidden(self) -> Hidden | None:
        """What knows which names are hidden; None for an auditor who has stated a reason."""
        return None if self.own_session.reason else self.console.hidden

    def page(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Answer with a page."""
        session, texts = self.session, self.texts
        shared: dict[str, object] = {
            "t": texts,
            "visit": self,
            "auditor": self.auditor,
            "csrf": session.csrf if session else "",
            "theme": session.theme if session else "auto",
            "languages": NAMES,
            "path": self.request.path,
            "site_name": self.console.site.site.name,
            "other_sites": ", ".join(each.name for each in self.console.site.audit.sites),
            "at": lambda at_ns: format_moment(at_ns, self.zone),
            "day": lambda at_ns: f"{local_time(at_ns, self.zone):%Y-%m-%d}",
            "clock": lambda at_ns: f"{local_time(at_ns, self.zone):%H:%M:%S}",
            "zone": self.zone,
            "purpose": self.purpose,
            "idle_s": int(self.console.sessions.idle_s),
        }
        body = render(self.console.templates, template, shared | values)
        return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")

    def go_to(self, path: str) -> web.Response:
        """Answer with the way to another page of the console."""
        return web.Response(status=303, headers={"Location": path})

    def log_in(self, auditor: str, zone: str) -> str:
        """Begin a session, and return the header that gives it to the browser."""
        self.console.sessions.end(self.session_name)
        name = self.console.sessions.begin(auditor, self.texts.language, zone)
        return f"{COOKIE}={name}; Path=/; Secure; HttpOnly; SameSite=Strict"


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]

FORGET_SESSION = f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"


def _bounded(value: str) -> str:
    if len(value) > _MOST_CHARACTERS:
        raise Refused(413, "error.long")
    return value
