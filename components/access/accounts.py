"""Makes and removes accounts on the server, and ends their sessions, by administration commands (XEP-0133)."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from xml.etree import ElementTree as ET

from components.access.form import encode_submission
from components.link.entity import EntityError

XMLNS_COMMANDS = "http://jabber.org/protocol/commands"
_ADMIN = "http://jabber.org/protocol/admin"
_OURS = "urn:steelyard:access:0"
_TIMEOUT_S = 10.0
_EXISTS = "already exists"


class AccountError(EntityError):
    """The server did not do what it was asked to do; the message is the server's."""


class Asking(Protocol):
    """The way to the server: the component's link."""

    async def request(
        self, to: str, payload: ET.Element, *, kind: str = "get", sender: str = "", timeout_s: float = 30.0
    ) -> ET.Element | None:
        """Send a request, and return the payload of its result; raises EntityError."""


async def add_account(link: Asking, jid: str, password: str) -> bool:
    """Make an account (XEP-0133, 4.1); return whether there was none before. Raises EntityError.

    The gate records this request with its password. So the password must be one that is replaced at once.
    """
    values = {"accountjid": [jid], "password": [password], "password-verify": [password]}
    try:
        await _run(link, jid, f"{_ADMIN}#add-user", values)
    except AccountError as error:
        if _EXISTS in str(error):
            return False
        raise
    return True


async def delete_account(link: Asking, jid: str) -> None:
    """Remove an account, if there is one, and end its sessions (XEP-0133, 4.2). Raises EntityError."""
    await _run(link, jid, f"{_ADMIN}#delete-user", {"accountjids": [jid]})


async def end_sessions(link: Asking, jid: str) -> None:
    """End all sessions of an account (XEP-0133, 4.5); raises EntityError."""
    await _run(link, jid, f"{_ADMIN}#end-user-session", {"accountjids": [jid]})


async def take_password(link: Asking, jid: str) -> None:
    """Have ejabberd take an account's drafted password from its file, so that no record has it. Raises EntityError."""
    await _run(link, jid, f"{_OURS}#take-password", {"accountjid": [jid]})


async def _run(link: Asking, jid: str, node: str, values: Mapping[str, Sequence[str]]) -> None:
    """Run a command on the server of an account: ask for its form, then send the filled-in form."""
    domain, command = jid.partition("@")[2], node.partition("#")[2]
    asked = ET.Element(f"{{{XMLNS_COMMANDS}}}command", node=node, action="execute")
    form = await link.request(domain, asked, kind="set", timeout_s=_TIMEOUT_S)
    session = form.get("sessionid", "") if form is not None else ""
    if form is None or form.get("status") != "executing":
        raise AccountError(f"{domain} does not offer {command}")
    filled = ET.Element(f"{{{XMLNS_COMMANDS}}}command", node=node, sessionid=session, action="complete")
    filled.append(encode_submission(_ADMIN, values))
    result = await link.request(domain, filled, kind="set", timeout_s=_TIMEOUT_S)
    note = result.find(f"{{{XMLNS_COMMANDS}}}note") if result is not None else None
    if result is None or result.get("status") != "completed":
        raise AccountError(f"{domain} did not complete {command} of {jid}")
    if note is not None and note.get("type") == "error":
        raise AccountError(f"{domain} refused {command} of {jid}: {note.text}")
