"""Debian's XMPP clients for terminals, each as somebody who begins with it has it: set up by its own files."""

import asyncio
import os
import re
from pathlib import Path
from typing import Self

from tests.support.process import ProcessUnderTest
from tests.support.prosody import PASSWORD
from tests.support.terminal import Terminal

_OF_ROOT = re.compile(r"go-sendxmpp as root user|does not require root privileges")


class GoSendxmpp(ProcessUnderTest):
    """go-sendxmpp, which has no screen: it sends what it is given, or prints what comes."""

    def __init__(
        self, root: Path, jid: str, address: tuple[str, int], authority: Path, password: str = PASSWORD
    ) -> None:
        root.mkdir(parents=True)
        super().__init__("go-sendxmpp", root / "output")
        host, port = address
        self._command = ["go-sendxmpp", "-u", jid, "-p", password, "-j", f"{host}:{port}"]
        self._environment = {"HOME": str(root), "SSL_CERT_FILE": str(authority)}

    async def start(self) -> None:
        """Have it listen; who is online sees when it does."""
        self._launch([*self._command, "--listen"], self._environment)

    async def send(self, text: str, *arguments: str) -> str:
        """Have it send a text and end; returns what it complains of, or nothing."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self._environment},
        )
        output, _ = await process.communicate(text.encode())
        # From 0.14 on it says to root that it should be somebody else.
        complaints = [line for line in output.decode().splitlines(True) if not _OF_ROOT.search(line)]
        return "".join(complaints)


class TerminalClient(Terminal):
    """A client that one person is logged in with; it trusts one authority, and knows nothing from an earlier login.

    `root` is for its files, `address` is where the server is, `authority` a file with a certificate.
    """

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self.expect(self.LOGGED_IN)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    LOGGED_IN = ""
    IN_ROOM = ""

    async def tell(self, jid: str, text: str) -> None:
        """Write to somebody, in the conversation with them, which is shown from now on."""
        raise NotImplementedError

    async def open(self, jid: str) -> None:
        """Show a conversation, which begins if there is none."""
        raise NotImplementedError

    async def show(self, jid: str) -> None:
        """Show a conversation or a room that there is."""
        raise NotImplementedError

    async def show_contacts(self) -> None:
        """Show everybody in the contact list."""
        raise NotImplementedError

    async def show_errors(self) -> None:
        """Show where it says what went wrong with a message to one session of somebody."""

    async def join(self, room: str) -> None:
        """Enter a room, and show it from now on."""
        raise NotImplementedError

    async def quit(self) -> None:
        """Log out in order, and wait until it has ended."""
        await self.command("/quit")
        await self.wait_for_end()

    async def command(self, line: str) -> None:
        """Type a command, in whichever window is shown."""
        await self.say(line)


class Profanity(TerminalClient):
    """Profanity; says what a person types in its commands."""

    LOGGED_IN = "logged in successfully"
    IN_ROOM = "You have joined the room as"

    def __init__(
        self,
        root: Path,
        jid: str,
        address: tuple[str, int],
        authority: Path,
        password: str = PASSWORD,
        *,
        trusts_system: bool = False,
    ) -> None:
        # What it fetches by HTTPS, it checks by its folder of certificates, if it has one, and not by this variable.
        settings = _PROFANITY.replace("tls.certpath=none\n", "") if trusts_system else _PROFANITY
        for folder, name, text in (
            ("config", "profrc", settings),
            ("data", "accounts", _account_of(jid, password, address)),
        ):
            (root / folder / "profanity").mkdir(parents=True)
            (root / folder / "profanity" / name).write_text(text)
        environment = {
            "HOME": str(root),
            "XDG_CONFIG_HOME": str(root / "config"),
            "XDG_DATA_HOME": str(root / "data"),
            # OpenSSL's own setting, in the place of the system's authorities.
            "SSL_CERT_FILE": str(authority),
        }
        super().__init__("Profanity", ["profanity", "--account", jid], environment)

    async def tell(self, jid: str, text: str) -> None:
        await self.open(jid)
        await self.say(text)

    async def open(self, jid: str) -> None:
        await self.say("/win 1")  # in a room it would be somebody in there
        await self.say(f"/msg {jid}")

    async def show(self, jid: str) -> None:
        await self.say(f"/win {jid}")

    async def show_contacts(self) -> None:
        await self.say("/win 1")
        await self.say("/roster")

    async def show_errors(self) -> None:
        await self.say("/win 1")

    async def join(self, room: str) -> None:
        await self.say(f"/join {room}")
        await self.expect(self.IN_ROOM)


class Poezio(TerminalClient):
    """Poezio; in its first window a command begins with a key of its own."""

    LOGGED_IN = "Authentication success"
    IN_ROOM = "joined the room"

    def __init__(
        self, root: Path, jid: str, address: tuple[str, int], authority: Path, password: str = PASSWORD
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        settings = root / "poezio.cfg"
        host, port = address
        settings.write_text(
            f"[Poezio]\njid = {jid}\npassword = {password}\ncustom_host = {host}\ncustom_port = {port}\n"
            f"ca_cert_path = {authority}\nlog_dir = {root}\n{_POEZIO}"
        )
        command: list[str | Path] = ["poezio", "--file", settings]
        if os.geteuid() == 0:  # as whom it says that it does not start
            command = ["/usr/bin/python3", "-c", _POEZIO_AS_ROOT, *command[1:]]
        super().__init__("Poezio", command, {"HOME": str(root)})

    async def tell(self, jid: str, text: str) -> None:
        await self.command(f"/message {jid} {text}")

    async def open(self, jid: str) -> None:
        await self.command(f"/message {jid}")

    async def show(self, jid: str) -> None:
        await self.command(f"/win {jid}")

    async def show_contacts(self) -> None:
        await self.command("/win 0")
        await self.press("o")  # those who are offline, too

    async def join(self, room: str) -> None:
        await self.command(f"/join {room}")

    async def command(self, line: str) -> None:
        """Type a command, in whichever window is shown."""
        if self.shows("Enter commands with"):
            await self.press("/")
            await self.expect_gone("Enter commands with")
            line = line.removeprefix("/")
        await self.say(line)


def _account_of(jid: str, password: str, address: tuple[str, int]) -> str:
    host, port = address
    return (
        f"[{jid}]\nenabled=true\njid={jid}\nserver={host}\nport={port}\nresource=terminal\n"
        f"password={password}\ntls.policy=force\nmuc.nick={jid.partition('@')[0]}\n"
    )


_PROFANITY = """
[connection]
tls.certpath=none
mam=true
[ui]
roster=false
occupants=false
splash=false
time.console=off
time.chat=off
time.muc=off
time.config=off
statusbar.show.name=false
[omemo]
policy=manual
[notifications]
message=false
invite=false
sub=false
room=false
[presence]
autoaway.mode=off
"""

_POEZIO_AS_ROOT = """
import os, runpy, shutil
os.geteuid = lambda: 1000
runpy.run_path(shutil.which("poezio"), run_name="__main__")
"""

_POEZIO = """
enable_vertical_tab_list = false
hide_user_list = true
show_timestamps = false
use_remote_bookmarks = false
"""
