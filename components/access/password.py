"""Makes the first password of a new account, and sets it on the server's own machine, never over the line."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look like others
_GROUPS, _GROUP_LENGTH = 4, 4
_TIMEOUT_S = 30.0
_DRAFT = ".draft"


class PasswordError(Exception):
    """The server's program did not set a password; the message is the program's."""


class PasswordFolder:
    """Files with first passwords, to be handed over: one for each new account, named by its JID.

    `set_password` sets a password of an account (JID, password) on the server; the draft is in its file meanwhile.
    """

    def __init__(self, path: Path, set_password: Callable[[str, str], Awaitable[None]]) -> None:
        self._path = path
        self._set_password = set_password

    def is_drafted(self, jid: str) -> bool:
        """Return whether an account was about to be made, or was made, when the component stopped."""
        return self._draft(jid).exists()

    def draft(self, jid: str) -> None:
        """Make a password for an account that is about to be made; raises OSError."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
        replace_durably(self._draft(jid), f"{'-'.join(groups)}\n".encode(), PRIVATE)

    async def hand_over(self, jid: str) -> None:
        """Set the drafted password on the server, and leave its file there.

        Raises PasswordError, EntityError and OSError.
        """
        password = self._draft(jid).read_text().strip()
        await self._set_password(jid, password)
        # Killed before: the draft is there, and the next start sets the password again.
        self._draft(jid).replace(self._path / jid)

    def drop_draft(self, jid: str) -> None:
        """Delete the drafted password of an account that existed already."""
        self._draft(jid).unlink(missing_ok=True)

    def drop(self, jid: str) -> None:
        """Delete everything about a person whose account is removed."""
        self.drop_draft(jid)
        (self._path / jid).unlink(missing_ok=True)

    def _draft(self, jid: str) -> Path:
        return self._path / f"{jid}{_DRAFT}"


async def set_by_prosodyctl(server_config: Path, jid: str, password: str) -> None:
    """Set a password by Prosody's own program, whether the server is up or not; raises PasswordError."""
    # Through standard input, because everybody on the machine can read a command line.
    command = ("prosodyctl", "--config", str(server_config), "mod_offline_accounts", "set")
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            said, _ = await process.communicate(f"{jid}\t{password}\n".encode())
    except TimeoutError:
        raise PasswordError(f"prosodyctl gave no answer in {_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise PasswordError(lines[-1] if lines else "prosodyctl failed")
