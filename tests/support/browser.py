"""A browser without a screen, driven by the WebDriver protocol (W3C), and the pages that it shows."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, ProcessUnderTest

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_POLL_S = 0.05
_ENTER = "\ue007"
_LEAVING = ("document unloaded", "aborted by navigation", "execution context")
"""What chromedriver says of a script that ran in a page just when that was left."""
_MIDDLE = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
"""


class ChromeDriver(ProcessUnderTest):
    """Debian's chromedriver, on a port of its own."""

    def __init__(self, root: Path, machine: Sequence[str | Path] = ()) -> None:
        super().__init__("chromedriver", root / "chromedriver.out")
        self._machine = machine
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it, and wait until it takes sessions."""
        program = shutil.which("chromedriver")
        assert program, "chromedriver is not installed; `.ci/setup tests` does it"
        self._launch([*self._machine, program, f"--port={self._port}"])
        await self._wait_until_ready(self._answers)

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/status") as answer:
                ready: bool = (await answer.json())["value"]["ready"]
                return ready
        except aiohttp.ClientError:
            return False


class Browser:
    """One window. What it looks for it waits for, as long as tests wait."""

    def __init__(self, http: aiohttp.ClientSession, session: str) -> None:
        self._http = http
        self._session = session

    async def open(self, url: str) -> None:
        """Show a page."""
        await self._post("url", {"url": url})

    async def type(self, css: str, text: str) -> None:
        """Type a text into an empty field, until it is what stands there: a page may draw the field anew meanwhile."""
        script = "return document.querySelector(arguments[0])?.value === arguments[1]"

        async def is_written() -> bool:
            if await self.run(script, css, text):
                return True
            await self._act(css, "clear", {})
            await self._act(css, "value", {"text": text})
            return False

        await self._until(f"{text!r} in {css}", is_written)

    async def enter(self, css: str) -> None:
        """Press Enter in a field until the page has taken what is in it: one that just draws itself anew does not."""
        script = "const e = document.querySelector(arguments[0]); return !e || !e.value"

        async def is_taken() -> bool:
            if await self.run(script, css):
                return True
            await self._act(css, "value", {"text": _ENTER})
            return False

        await self._until(f"{css} to be taken", is_taken)

    @asynccontextmanager
    async def new_page(self) -> AsyncIterator[None]:
        """Wait until what is done within has led to another page: to open one at once would cut off what is sent."""
        await self.run("window.isBefore = true")
        yield
        await self.wait_until("another page", "return !window.isBefore && document.readyState === 'complete'")

    async def click(self, css: str) -> None:
        """Click on the element that a selector finds."""
        await self._do(css, "click", {})

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the page's focus is."""
        acts = [
            act
            for key in keys
            for act in ({"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})
        ]
        await self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": acts}]})

    async def drag(self, css: str, to_css: str) -> None:
        """Drag from the middle of one element to that of another."""
        places = [await self.run(_MIDDLE, each) for each in (css, to_css)]
        (x, y), (to_x, to_y) = places
        acts = [
            {"type": "pointerMove", "duration": 0, "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "duration": 50, "x": to_x, "y": to_y},
            {"type": "pointerUp", "button": 0},
        ]
        await self._post("actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": acts}]})

    async def screenshot(self) -> bytes:
        """Return what the window shows, as PNG."""
        async with self._http.get(f"/session/{self._session}/screenshot") as answer:
            return base64.b64decode((await answer.json())["value"])

    async def command(self, name: str, **parameters: object) -> Any:
        """Send a command of Chromium's own (DevTools protocol)."""
        return await self._post("goog/cdp/execute", {"cmd": name, "params": parameters})

    async def add_authenticator(self) -> None:
        """Give the browser a passkey device that asks nobody (WebDriver, WebAuthn extension)."""
        device = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
        }
        await self._post(
            "webauthn/authenticator", {**device, "isUserConsenting": True, "isUserVerified": True}
        )

    async def messages(self) -> list[str]:
        """Return what pages have made the browser complain of since it was asked last."""
        return [each["message"] for each in await self._post("se/log", {"type": "browser"})]

    async def url(self) -> str:
        """Return the address of the page."""
        return str(await self.run("return location.href"))

    async def give_file(self, css: str, file: Path) -> None:
        """Choose a file in a field for files, which may be hidden."""
        await self._do(css, "value", {"text": str(file)})

    async def wait_until(self, what: str, script: str, *arguments: object) -> Any:
        """Wait until a script returns something, and return it; `what` says what is waited for."""
        found: Any = None

        async def is_so() -> Any:
            nonlocal found
            found = await self._look(script, *arguments)
            return found

        await self._until(what, is_so)
        return found

    async def wait_for(self, css: str, text: str) -> None:
        """Wait until an element that a selector finds contains a text."""
        script = "return [...document.querySelectorAll(arguments[0])].some(e => e.textContent.includes(arguments[1]))"
        await self._until(f"{css} with {text!r}", lambda: self._look(script, css, text))

    async def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page, and return what it returns."""
        status, value = await self._try("execute/sync", {"script": script, "args": list(arguments)})
        assert status == 200, value
        return value

    async def _look(self, script: str, *arguments: object) -> Any:
        """Run a script, and return what it returns: nothing, in a page that is just left."""
        status, value = await self._try("execute/sync", {"script": script, "args": list(arguments)})
        if status != 200 and any(each in str(value) for each in _LEAVING):
            return None
        assert status == 200, value
        return value

    async def _do(self, css: str, act: str, body: Mapping[str, object]) -> None:
        await self._until(css, lambda: self._act(css, act, body))

    async def _act(self, css: str, act: str, body: Mapping[str, object]) -> bool:
        # It may be there and not yet take a click, or be replaced between the two.
        status, found = await self._try("element", {"using": "css selector", "value": css})
        return status == 200 and (await self._try(f"element/{found[_ELEMENT]}/{act}", body))[0] == 200

    async def _until(self, what: str, is_so: Callable[[], Awaitable[Any]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await is_so():  # noqa: ASYNC110 - a page in another process has no events
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            page = await self.run("return document.body.innerText")
            log = "\n".join(each["message"] for each in await self._post("se/log", {"type": "browser"}))
            said = f"the page says:\n{page}\nits console:\n{log}"
            raise AssertionError(f"waited {PATIENCE_S} s for {what}; {said}") from None

    async def _post(self, path: str, body: Mapping[str, object]) -> Any:
        status, value = await self._try(path, body)
        assert status == 200, value
        return value

    async def _try(self, path: str, body: Mapping[str, object]) -> tuple[int, Any]:
        async with self._http.post(f"/session/{self._session}/{path}", json=body) as answer:
            return answer.status, (await answer.json())["value"]


@asynccontextmanager
async def open_browser(
    root: Path, certificate: Path | None, names: Mapping[str, str], machine: Sequence[str | Path] = ()
) -> AsyncIterator[Browser]:
    """Open a window that trusts one certificate and finds each of `names` (`host:port`) there, and no others.

    Without a certificate it trusts what the `machine` does, on which it runs (tests/support/machine.py).
    """
    pins = [f"--ignore-certificate-errors-spki-list={_pin(certificate)}"] if certificate else []
    await asyncio.to_thread(root.mkdir, exist_ok=True)
    rules = [f"MAP {name} {address}" for name, address in names.items()]
    options = {
        "args": [
            "--headless=new",
            "--no-sandbox",  # as root there is none, and what it shows is ours
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1200,900",
            f"--user-data-dir={root / 'profile'}",
            *pins,
            f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'])}",
        ]
    }
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    capabilities = {"capabilities": {"alwaysMatch": wanted}}
    async with ChromeDriver(root, machine) as driver, aiohttp.ClientSession(driver.url) as http:
        async with http.post("/session", json=capabilities) as answer:
            made = (await answer.json())["value"]
            assert answer.status == 200, made
        session = made["sessionId"]
        try:
            yield Browser(http, session)
        finally:
            async with http.delete(f"/session/{session}"):
                pass


def _pin(certificate: Path) -> str:
    """Return the hash of a certificate's key as browsers pin it (RFC 7469, 2.4)."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    return base64.b64encode(digest.finalize()).decode()


@asynccontextmanager
async def serve_page(page: str, files: Path) -> AsyncIterator[str]:
    """Serve a page at `/`, and a folder at `/files`; gives the page's URL."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    app.router.add_static("/files", files)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()
