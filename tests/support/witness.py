"""Witnesses to test with: fixed keys, a log in memory that can lie, and the real process."""

import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from components.archive.keys.log_key import write_verifier_keys
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.cosignature import Cosigner, CosignerKey, encode_cosigner_key
from components.archive.log.note import NoteSigner, encode_verifier_key
from components.witness.add_checkpoint import AddCheckpoint, WitnessAnswer, encode_add_checkpoint
from components.witness.cosign import Witness
from components.witness.keys import create_witness_keys, load_witness_vkeys
from components.witness.state import WitnessState, hash_origin
from tests.support import rfc6962
from tests.support.archive import ORIGIN, SIGNER, START_S, VERIFIER_KEY
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest

ROOT = Path(__file__).parents[2]
NAME = "other.example/witness"
COSIGNERS = (
    Cosigner(NAME, MLDSA44PrivateKey.from_seed_bytes(bytes([7] * 32))),
    Cosigner(NAME, Ed25519PrivateKey.from_private_bytes(bytes([8] * 32))),
)
COSIGNER_KEYS = tuple(cosigner.cosigner_key for cosigner in COSIGNERS)


@dataclass(frozen=True)
class MemoryLog:
    """A log whose first `common` leaves are those of every other such log, and the rest those of its `fork`."""

    fork: str = "a"
    common: int = 0
    signer: NoteSigner = SIGNER

    def leaves(self, size: int) -> list[bytes]:
        return [b"%d of %s" % (i, b"all" if i < self.common else self.fork.encode()) for i in range(size)]

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.signer.verifier_key.name, size, rfc6962.mth(self.leaves(size)))

    def note(self, size: int) -> str:
        return sign_checkpoint(self.checkpoint(size), self.signer)

    def proof(self, old_size: int, size: int) -> list[bytes]:
        return rfc6962.proof(old_size, self.leaves(size)) if 0 < old_size <= size else []

    def request(self, old_size: int, size: int) -> bytes:
        return encode_add_checkpoint(
            AddCheckpoint(old_size, tuple(self.proof(old_size, size)), self.note(size))
        )


def make_witness(folder: Path, clock_s: Sequence[int] = (START_S,)) -> tuple[Witness, WitnessState]:
    """Make a witness of the one log; its clock shows these times, and stops at the last."""
    times = list(clock_s)
    state = WitnessState.open(folder)
    clock = lambda: times.pop(0) if len(times) > 1 else times[0]  # noqa: E731
    return Witness(state, COSIGNERS, lambda: [VERIFIER_KEY], clock), state


class WitnessProcess(ProcessUnderTest):
    """The real process of one site, all of whose files are below `root`; `prefix` goes before its command."""

    def __init__(
        self, root: Path, name: str, *, logs: Sequence[str] = (), prefix: Sequence[str] = ()
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        super().__init__(f"the witness {name}", root / "witness.out")
        self.root = root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = root / "archive" / "gate.db"
        self.log_key_file = root / "keys" / "log-gate.key"
        self.kept = root / "archive" / "gate.witnessed"
        self.state = root / "witness"
        self.logs = list(logs)
        self.cosign_own = True
        self.asks: list[WitnessProcess] = []
        self.stamps: dict[str, object] = {}
        self.prefix = tuple(prefix)
        self._name = name
        for folder in ("archive", "keys"):
            (root / folder).mkdir(exist_ok=True)
        create_witness_keys(root / "keys" / "witness.key", name)

    @property
    def keys(self) -> list[CosignerKey]:
        return load_witness_vkeys(self.root / "keys" / "witness.pub")

    def checkpoint_file(self, origin: str = ORIGIN) -> Path:
        """Where it keeps what it cosigned of a log."""
        return self.state / f"{hash_origin(origin)}.checkpoint"

    def make_log(self, signer: NoteSigner = SIGNER) -> None:
        """Give the site a log, which is yet to be written."""
        write_verifier_keys(self.log_key_file.with_suffix(".pub"), [signer.verifier_key])

    async def start(self) -> None:
        self._write_settings()
        (self.root / "status.json").unlink(missing_ok=True)
        self._launch([*self.prefix, sys.executable, "-m", "components.witness", self.root / "site.toml"])
        await self._wait_until_ready(self._is_ready)

    def status(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = json.loads((self.root / "status.json").read_bytes())
        except FileNotFoundError:
            return {}
        return status

    async def post(self, body: bytes, path: str = "/add-checkpoint") -> WitnessAnswer:
        async with aiohttp.ClientSession() as session, session.post(self.url + path, data=body) as response:
            return WitnessAnswer(response.status, await response.text(), response.headers["Content-Type"])

    async def get(self, path: str) -> WitnessAnswer:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            return WitnessAnswer(response.status, await response.text(), response.headers["Content-Type"])

    async def _is_ready(self) -> bool:
        with socket.socket() as probe:
            return bool(self.status()) and probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _write_settings(self) -> None:
        lines = [
            "[gate]",
            'jid = "gate.example"\nsecret_file = "gate.secret"\ndirectory = "directory.toml"',
            f'status_file = "gate.status.json"\nlog_origin = "{ORIGIN}"',
            'log = "archive/gate.db"',
            'log_key_file = "keys/log-gate.key"',
            "[witness]",
            f'name = "{self._name}"',
            'key_file = "keys/witness.key"',
            'state = "witness"',
            'status_file = "status.json"',
            f"port = {self.port}",
            f"cosign_own = {str(self.cosign_own).lower()}",
            f"logs = {json.dumps(self.logs)}",
        ]
        for asked in self.asks:
            vkeys = [encode_cosigner_key(key) for key in asked.keys]
            lines += ["[[witness.asks]]", f'url = "{asked.url}"', f"vkeys = {json.dumps(vkeys)}"]
        if self.stamps:
            lines += ["[witness.time_stamps]"]
            lines += [f"{name} = {json.dumps(value)}" for name, value in self.stamps.items()]
        if not self.log_key_file.with_suffix(".pub").exists():
            lines = lines[lines.index("[witness]") :]
        (self.root / "site.toml").write_text("\n".join(lines) + "\n")


def vkey_of(signer: NoteSigner) -> str:
    return encode_verifier_key(signer.verifier_key)
