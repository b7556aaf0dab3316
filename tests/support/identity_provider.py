"""Other people's identity provider, run as a program of its own (tests/support/oidc)."""

import shutil
import ssl
from pathlib import Path

import aiohttp

from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / ".venv" / "share" / "oidc-provider-8.8.1"
PROGRAM = Path(__file__).with_name("oidc") / "provider.mjs"


class IdentityProvider(ProcessUnderTest):
    """The provider on a free port, with one client that it sends `back`."""

    def __init__(self, folder: Path, certificate: Path, authority: Path, secret: str, back: str) -> None:
        super().__init__("oidc-provider", folder / "provider.out")
        self.port = free_port()
        self.issuer = f"https://localhost:{self.port}"
        self._tls = ssl.create_default_context(cafile=authority)
        node = shutil.which("node")
        assert node, "node is not installed; `.ci/setup tests` does it"
        key = certificate.with_suffix(".key")
        self._command = [
            node,
            str(PROGRAM),
            str(LIBRARY),
            str(self.port),
            str(certificate),
            str(key),
            secret,
            back,
        ]

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._launch(self._command)
        await self._wait_until_ready(self._answers)

    async def _answers(self) -> bool:
        url = f"{self.issuer}/.well-known/openid-configuration"
        try:
            async with aiohttp.ClientSession() as http, http.get(url, ssl=self._tls) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
