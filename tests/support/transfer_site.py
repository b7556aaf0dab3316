"""A recorded site that takes files: a real Prosody with the adapter, the real gate and the transfer component, TLS."""

import json
import ssl
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from components.archive.keys import create_log_key, create_recipient_key
from components.settings.prosody import WebSettings
from components.site.parts import TAKES_FILES
from components.site.prosody import PlannedComponent
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GateProcess, gated_plan
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest
from tests.support.prosody import ProsodyServer
from tests.support.stream import XmppStream

FILES = "files.metals.example"
# What the gate's settings need so that auditors can search.
AUDIT = """[audit]
log = "{root}/audit.db"
log_origin = "metals.example/audit"
log_key_file = "{root}/log-audit.key"
index = "{root}/index.db"
key_files = ["{key}"]
"""


class TransferProcess(ProcessUnderTest):
    """One transfer component, its settings beside the gate's; `settings` are further fields of its table."""

    def __init__(
        self, root: Path, own: PlannedComponent, gate: GateProcess, certificates: Path, **settings: Any
    ):
        root.mkdir(parents=True, exist_ok=True)
        super().__init__("the transfer component", root / "transfer.out")
        self.root = root
        self.log_file, self.log_origin = root / "transfer.db", f"{own.jid}/log"
        self._site_toml = gate.site_toml
        self.status_file = root / "transfer.status.json"
        create_log_key(root / "log-transfer.key", self.log_origin)
        create_recipient_key(root / "delivery.key", "delivery")
        texts = {"transfer.secret": own.secret, "link.key": "l" * 64, "address.key": "a" * 64}
        for name, text in texts.items():
            (root / name).write_text(text)
            (root / name).chmod(0o600)
        table: dict[str, object] = {
            "jid": own.jid,
            "secret_file": str(root / "transfer.secret"),
            "port": free_port(),
            "certificate": str(certificates / f"{own.jid}.crt"),
            "files": str(root / "files"),
            "state_file": str(root / "state.db"),
            "status_file": str(self.status_file),
            "link_key_file": str(root / "link.key"),
            "address_key_file": str(root / "address.key"),
            "delivery_key_file": str(root / "delivery.key"),
            "log": str(self.log_file),
            "log_origin": self.log_origin,
            "log_key_file": str(root / "log-transfer.key"),
            "reconnect_max_s": 0.5,
        }
        self.port = table["port"]
        table["limits"] = {"file_mib": 1, "person_day_mib": 2}
        lines = [f"{name} = {_toml(value)}" for name, value in (table | settings).items()]
        gate.add_table("\n".join(("[transfer]", *lines, "")))

    def launch(self) -> None:
        """Start it and do not wait."""
        self.status_file.unlink(missing_ok=True)
        self._launch([sys.executable, "-m", "components.transfer", self._site_toml])

    async def start(self) -> None:
        """Start it and wait until the server has accepted it."""
        self.launch()
        await self._wait_until_ready(self._is_connected)

    def status(self) -> dict[str, Any]:
        """Return what its status file says, or an empty dict while there is none."""
        try:
            status: dict[str, Any] = json.loads(self.status_file.read_bytes())
        except FileNotFoundError:
            return {}
        return status

    async def _is_connected(self) -> bool:
        return self.status().get("state") == "connected"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(each)}' for name, each in value.items())} }}"
    return json.dumps(value)


class TransferSite:
    """One site; all `people` and `rooms` are in the `directory`, and have accounts."""

    def __init__(
        self,
        root: Path,
        people: Iterable[str],
        directory: str,
        authority: CertificateAuthority,
        *,
        web: WebSettings | None = None,
        **settings: Any,
    ) -> None:
        own = PlannedComponent(FILES, "the component's own secret", TAKES_FILES)
        certificates = authority.issue(root / "certs", ("metals.example", "rooms.metals.example", FILES))
        plan = gated_plan(root / "prosody", components=(own,), certificates=certificates, web=web)
        self.web = web
        self._streams: list[XmppStream] = []
        self.tls: ssl.SSLContext = authority.client_context()
        self.prosody = ProsodyServer(plan)
        self.prosody.register(*people)
        self.gate = GateProcess(root / "gate", plan, directory)
        self.transfer = TransferProcess(root / "transfer", own, self.gate, certificates, **settings)

    async def __aenter__(self) -> Self:
        try:
            for process in (self.prosody, self.gate, self.transfer):
                await process.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self.transfer, self.prosody, self.gate):
            await process.kill9()
        for stream in self._streams:
            await stream.wait_for_end()

    async def login(self, jid: str) -> XmppStream:
        """Log in and become available."""
        stream = await XmppStream.login(self.prosody.address, jid, tls=self.tls)
        await stream.come_online()
        self._streams.append(stream)
        return stream
