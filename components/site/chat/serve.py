"""Serves the chat page of a demonstration, as long as the demonstration is up."""

import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from components.process.http import serve_http
from components.settings.site import SiteFile
from components.site.chat.headers import NAMES
from components.site.chat.page import ChatPage, make_app
from components.site.chat.people import list_firms
from components.site.chat.relay import Relay, find_line
from components.site.demo_scenes import ChatLink
from components.site.init import load_passwords
from policy.directory.directory import parse_directory

CONVERSE = "converse.js-14.0.0"
_ADDRESS = "127.0.0.1"


def converse_folder() -> Path:
    """Return where `.ci/setup` puts Converse.js, from its package in the npm registry."""
    return Path(sys.prefix) / "share" / CONVERSE


@asynccontextmanager
async def serve_chat(settings: SiteFile) -> AsyncIterator[ChatLink]:
    """Serve the page on a free port of loopback while in this context; yields the link to it, or why nobody can chat.

    Raises SiteError if the site is no demonstration: no other has passwords in a file.
    """
    page = plan_page(settings, converse_folder(), secrets.token_urlsafe(32))
    async with serve_http(make_app(page), _ADDRESS, 0) as port:
        yield ChatLink(f"http://{NAMES[0]}:{port}/#{page.key}", page.fault)


def plan_page(settings: SiteFile, converse: Path, key: str) -> ChatPage:
    """Return the page of a demonstration, with Converse.js from this folder; raises SiteError if it is none."""
    directory = parse_directory(settings.gate.directory_file.read_text())
    web, console = settings.prosody.web, settings.console
    fault = ""
    if not (converse / "converse.min.js").is_file():
        fault = f"Converse.js is not installed (there is no {converse}); `make setup` does it, with npm"
    elif web is None or not web.websocket_path:
        fault = (
            f"the server takes no browsers: {settings.path.name} has no [prosody.web] with a websocket_path"
        )
    return ChatPage(
        firms=list_firms(directory, load_passwords(settings)),
        converse=converse,
        key=key,
        relay=None if fault or web is None else Relay(find_line(settings.prosody, web)),
        fault=fault,
        console=console.origin if console else "",
        files=settings.own_links,
    )
