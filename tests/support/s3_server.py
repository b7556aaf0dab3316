"""A server that speaks S3 (moto's), as a process of its own on loopback."""

import asyncio
import re
import sys
import urllib.request
from pathlib import Path

from components.archive.blobs.s3 import S3Objects, S3Settings
from tests.support.process import ProcessUnderTest

BUCKET = "steelyard-blobs"
_PORT = re.compile(r"Running on http://127\.0\.0\.1:([0-9]+)")


class S3Server(ProcessUnderTest):
    """Keeps its objects in memory: they end with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__("moto", folder / "moto.log")
        self._output = folder / "moto.log"

    async def start(self) -> None:
        self._launch([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
        await self._wait_until_ready(self._listens)
        await asyncio.to_thread(self.request, "PUT", f"/{BUCKET}")

    @property
    def endpoint(self) -> str:
        found = _PORT.search(self._output.read_text())
        assert found is not None
        return f"http://127.0.0.1:{found[1]}"

    def settings(self, prefix: str = "") -> S3Settings:
        return S3Settings(
            BUCKET, prefix, self.endpoint, access_key_id="one", secret_access_key="two", timeout_s=10.0
        )

    def objects(self, prefix: str = "") -> S3Objects:
        return S3Objects.open(self.settings(prefix))

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Speak to it without the code under test."""
        request = urllib.request.Request(self.endpoint + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def unfinished_uploads(self) -> int:
        return self.request("GET", f"/{BUCKET}?uploads").count(b"<Upload>")

    async def _listens(self) -> bool:
        return _PORT.search(self._output.read_text()) is not None
