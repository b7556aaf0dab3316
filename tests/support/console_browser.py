"""A site's console in a real browser: over TLS, as its own process would serve it."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.audit.console.app import make_app
from components.audit.console.console import Console, make_console
from components.audit.console.login.link import make_link
from components.audit.console.state import ConsoleState
from components.process.http import serve_http
from components.settings.console import ConsoleSettings
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.browser import Browser, open_browser
from tests.support.certificates import CertificateAuthority
from tests.support.console_site import KEY, make_console_site
from tests.support.identity_provider import IdentityProvider
from tests.support.ports import free_port

AXE = Path(__file__).resolve().parents[2] / ".venv" / "share" / "axe-core-4.14.1" / "axe.min.js"
HOST = "localhost"
_SECRET = "s3cret-of-the-console"
_OIDC = """
[console.oidc]
issuer = "{issuer}"
client_id = "console"
client_secret_file = "keys/oidc.secret"
authority = "{authority}"
"""


@dataclass
class ConsoleInBrowser:
    """The browser, the console that it shows, and the site whose records that is about."""

    browser: Browser
    console: Console
    site: Site

    @property
    def origin(self) -> str:
        return self.console.settings.origin

    async def open(self, path: str) -> None:
        """Show a page of the console."""
        await self.browser.open(self.origin + path)

    async def log_in(self, auditor: str = "anna") -> None:
        """Log in by a one-time link, as a person does."""
        await self.browser.open("about:blank")
        await self.browser.open(make_link(KEY, self.origin, auditor, self.console.clock()))
        await self.browser.click("#link-login button")
        # Not until something is shown: who is somebody already sees the pages' head on the link's page, too.
        await self.browser.wait_until("somebody is in", "return location.pathname === '/search'")

    async def find_barriers(self) -> list[str]:
        """Return what axe-core finds wrong with the page, for people who do not see it or use no mouse."""
        # Its own script comes by the debugger: the page's policy would not let it in, and stays as it is.
        await self.browser.command("Runtime.evaluate", expression=AXE.read_text())
        answer: Any = await self.browser.command(
            "Runtime.evaluate",
            expression="axe.run().then(found => JSON.stringify(found.violations.map("
            "each => each.id + ': ' + each.nodes.map(node => node.target + ' ' + node.failureSummary).join('; '))))",
            awaitPromise=True,
            returnByValue=True,
        )
        found: list[str] = json.loads(answer["result"]["value"])
        return found


@asynccontextmanager
async def show_console(
    folder: Path, authority: CertificateAuthority, site: Site | None = None, *, has_provider: bool = False
) -> AsyncIterator[ConsoleInBrowser]:
    """Serve the console of a site, and open a browser; with an identity provider, if it `has_provider`."""
    certificates = authority.issue(folder / "certs", [HOST])
    site = site or await make_console_site(folder / "site")
    port = free_port()
    text = site.path.read_text()
    text = text.replace('host = "console.metals.example"', f'host = "{HOST}"').replace(
        "port = 8443", f"port = {port}"
    )
    certificate = certificates / f"{HOST}.crt"
    back = f"https://{HOST}:{port}/login/oidc/back"
    provider = IdentityProvider(folder, certificate, certificates / "ca.crt", _SECRET, back)
    if has_provider:
        text += _OIDC.format(issuer=provider.issuer, authority=certificates / "ca.crt")
        (site.path.parent / "keys" / "oidc.secret").write_text(_SECRET)
    site.path.write_text(text)
    site.settings = SiteFile(site.path)
    settings = site.settings.require(ConsoleSettings)
    console = make_console(site.settings, settings, KEY, ConsoleState.open(settings.state_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / f"{HOST}.crt", certificates / f"{HOST}.key")
    names = {f"{HOST}:{each}": f"127.0.0.1:{each}" for each in (port, provider.port)}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve_http(make_app(console), "127.0.0.1", port, tls))
        stack.push_async_callback(console.close)
        if has_provider:
            await stack.enter_async_context(provider)
        browser = await stack.enter_async_context(open_browser(folder / "browser", certificate, names))
        yield ConsoleInBrowser(browser, console, site)
