"""An operator at the console of a running Prosody (mod_admin_shell, over its own socket)."""

import asyncio
from pathlib import Path

from lxml import etree

from tests.support.ejabberd import EjabberdServer
from tests.support.process import PATIENCE_S
from tests.support.prosody import ProsodyServer

CONSOLE_MODULES = ("admin_socket", "admin_shell")
"""What a server loads to have a console (`ProsodyPlan.modules`)."""

_HEADER = b"<stream:stream xmlns='xmpp:prosody.im/admin' xmlns:stream='http://etherx.jabber.org/streams'>"
_RESULT_ENDS = b"</repl-result>"


class Console:
    """The console of a server whose modules are among others `CONSOLE_MODULES`."""

    def __init__(self, prosody: ProsodyServer | EjabberdServer) -> None:
        assert isinstance(prosody, ProsodyServer)
        self._socket: Path = prosody.plan.root / "data" / "prosody.sock"

    async def say(self, command: str) -> str:
        """Have a command done, such as `module:reload('stanza_gate')`; return what the console says of it."""
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = etree.Element("repl-input")
                line.text = command
                writer.write(_HEADER + etree.tostring(line))
                answer = await reader.readuntil(_RESULT_ENDS)
        finally:
            writer.close()
        return answer.decode()
