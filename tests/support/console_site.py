"""A site with auditors and a console, and a browser of sorts, without one: it keeps cookies, and fills in forms."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from components.archive.record import Event, RecordKind
from components.audit.console.app import ROUTES, Route, make_app
from components.audit.console.console import Console, make_console
from components.audit.console.login.link import LIFETIME_S, make_link
from components.audit.console.state import ConsoleState
from components.rules.recorded_directory import DETAIL, write_listed
from components.settings.console import ConsoleSettings
from components.settings.site import SiteFile
from policy.directory.directory import parse_directory
from tests.support.audit_site import T0_NS, Site, make_site

HOST = "console.metals.example"
ORIGIN = f"https://{HOST}:8443"
KEY = b"k" * 64
CONSOLE: dict[str, object] = {
    "port": 8443,
    "host": HOST,
    "link_key_file": "keys/console.link",
    "state_file": "run/console.json",
    "status_file": "run/console.status.json",
    "requests_per_minute": 100_000,
}
AUDITORS = """
[[audit.auditors]]
id = "anna"
name = "Anna Auditor"
roles = ["auditor", "reviewer", "lead"]

[[audit.auditors]]
id = "greta"
name = "Greta Grain"
roles = ["auditor"]
enterprises = ["grain"]

[[audit.auditors]]
id = "oscar"
name = "Oscar Overseer"
roles = ["overseer"]
"""
DIRECTORY = """
gate = "gate.metals.example"

[enterprise.metals]
name = "Metals AG"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
desk = [{ id = "metals", name = "Base metals" }, { id = "options", name = "Options" }]
person = [
  { jid = "alice@metals.example", name = "Alice Adler", desk = "metals", roles = ["trader"] },
  { jid = "bob@metals.example", name = "Bob Brandt", desk = "metals", roles = ["trader"] },
  { jid = "chen@metals.example", name = "Chen Wei", desk = "metals", roles = ["trader"] },
  { jid = "dasom@metals.example", name = "Kim Dasom", desk = "options", roles = ["trader"] },
  { jid = "emir@metals.example", name = "Emir Haddad", desk = "options", roles = ["trader"] },
  { jid = "fedor@metals.example", name = "Fedor Orlov", desk = "options", roles = ["trader"] },
]

[enterprise.grain]
name = "Grain Ltd"
sites = [{ domain = "grain.example", rooms = "rooms.grain.example" }]
person = [{ jid = "george@grain.example", name = "George Green", roles = ["trader"] }]
"""


@dataclass
class Clock:
    """A clock that only tests turn."""

    now_s: float = 1_795_500_000.0

    def __call__(self) -> float:
        return self.now_s


async def make_console_site(folder: Path, **tables: Mapping[str, object]) -> Site:
    """Make a site with a console, and three auditors: Anna of all, Greta of one enterprise, Oscar without looks."""
    site = await make_site(folder, console=CONSOLE, **tables)
    site.path.write_text(site.path.read_text() + AUDITORS)
    (folder / "directory.toml").write_text(DIRECTORY)
    (folder / "keys" / "console.link").write_bytes(KEY)
    made = Site(site.path, SiteFile(site.path))
    # Who is who, a search knows from the log alone.
    listed = write_listed(parse_directory(DIRECTORY))
    await made.record(Event(RecordKind.RULES, "began", ((DETAIL, listed),), T0_NS - 10**9))
    made.places.clear()
    return made


@dataclass
class Visitor:
    """Somebody with a browser; `cookies` and `csrf` are what it has been given."""

    client: TestClient[web.Request, web.Application]
    console: Console
    origin: str = ORIGIN
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Ask for a page; return the status and the text."""
        response = await self.ask("GET", path, headers)
        return response.status, await response.text("utf-8")

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> ClientResponse:
        """Send a form of the console's own, with the token of the session."""
        return await self.ask("POST", path, {"Origin": self.origin, **headers}, {"csrf": self.csrf, **fields})

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        fields: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    ) -> ClientResponse:
        """Send a request just so, but for the host and the cookies."""
        sent = {"Host": self.origin.removeprefix("https://"), **_dashed(headers)}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = await self.client.request(method, path, headers=sent, data=fields, allow_redirects=False)
        for line in response.headers.getall("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := re.search(r'"X-CSRF-Token": "([^"]+)"', await response.text("utf-8", errors="replace")):
            self.csrf = found[1]
        return response

    async def log_in(self, auditor: str) -> None:
        """Log in by a one-time link."""
        response = await self.post("/login/link", {"token": self.token(auditor), "zone": "Europe/Berlin"})
        assert (response.status, response.headers["Location"]) == (303, "/search"), await response.text()
        await self.get("/account")

    def token(self, auditor: str, lifetime_s: int = LIFETIME_S) -> str:
        """Return what a new link for an auditor says."""
        link = make_link(KEY, self.origin, auditor, self.console.clock(), lifetime_s)
        return link.partition("#")[2]


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@asynccontextmanager
async def open_console(
    site: Site, clock: Callable[[], float] | None = None, routes: Sequence[Route] = ROUTES
) -> AsyncIterator[Visitor]:
    """Serve a site's console, without TLS as behind a proxy, and give a first visitor."""
    settings = site.settings.require(ConsoleSettings)
    state = ConsoleState.open(settings.state_file)
    console = make_console(site.settings, settings, KEY, state, clock or Clock())
    async with TestClient(TestServer(make_app(console, routes))) as client:
        try:
            yield Visitor(client, console)
        finally:
            await console.close()


def another(visitor: Visitor) -> Visitor:
    """Return somebody else, with a browser of their own."""
    return Visitor(visitor.client, visitor.console)
