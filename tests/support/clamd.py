"""A private, real clamd for a test: its own folder, socket and signatures, which know EICAR and nothing else."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner finds, and what harms nobody (eicar.org)."""
SIGNATURE = "Eicar-Test-Signature.UNOFFICIAL"
"""What clamd calls it: a signature that is not ClamAV's own says so."""

_CLAMD = Path("/usr/sbin/clamd")


class ClamdServer(ProcessUnderTest):
    """One clamd; `settings` are further lines of its configuration. It also listens on a loopback port."""

    def __init__(
        self, root: Path, settings: str = "AlertExceedsMax yes", *, knows_eicar: bool = True
    ) -> None:
        super().__init__("clamd", root / "clamd.out")
        (root / "signatures").mkdir(parents=True)
        self.socket, self.port = root / "clamd.sock", free_port()
        # A copy of the program: what confines the system's own scanner to the system's folders goes by its path.
        self._program = root / "clamd"
        shutil.copy(_CLAMD, self._program)
        self._config = root / "clamd.conf"
        # Without any signature it does not start.
        content = EICAR if knows_eicar else b"this is in no file"
        signature = f"Eicar-Test-Signature:0:0:{content.hex()}\n"
        (root / "signatures" / "test.ndb").write_text(signature)
        lines = (
            f"LocalSocket {self.socket}",
            "FixStaleSocket yes",
            f"TCPSocket {self.port}",
            "TCPAddr 127.0.0.1",
            f"DatabaseDirectory {root / 'signatures'}",
            f"TemporaryDirectory {root}",
            "Foreground yes",
            "MaxThreads 4",
        )
        self._config.write_text("\n".join((*lines, settings, "")))

    async def start(self) -> None:
        """Start it and wait until it answers; raises `NotReadyError`."""
        self._launch([self._program, "--config-file", self._config])
        await self._wait_until_ready(self._answers)

    async def _answers(self) -> bool:
        with suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(self.socket)
            writer.write(b"zPING\0")
            answer = await reader.read()
            writer.close()
            return answer == b"PONG\0"
        return False


class FakeClamd:
    """What answers in clamd's place: with `answer`, or not at all if it is None; then it ends the connection."""

    def __init__(self, path: Path, answer: bytes | None) -> None:
        self.answer = answer
        self.answers_pings = False
        self.asked: list[bytes] = []
        self._path = path
        self._server: asyncio.AbstractServer | None = None

    async def __aenter__(self) -> "FakeClamd":
        self._server = await asyncio.start_unix_server(self._take, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._path.unlink()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Unlike a socket's own `recv`, this one does not see handed files: they are closed as they come.
        self.asked.append(await reader.readuntil(b"\0"))
        if self.answers_pings and self.asked[-1] == b"zPING\0":
            writer.write(b"PONG\0")
        elif self.answer is None:
            await reader.read()
        else:
            writer.write(self.answer)
        with suppress(OSError):
            await writer.drain()
        writer.close()
