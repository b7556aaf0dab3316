"""A private, real Prosody for a test: its own directory, its own loopback ports."""

import asyncio
import hashlib
import hmac
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.site.prosody import ADAPTER_DIR, ENVIRONMENT, ProsodyPlan, render_config
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, ProcessUnderTest

PASSWORD = "correct horse"

Version = tuple[int, int]
"""A version of Prosody, such as (0, 12) or (13, 0)."""

_MODULES_OF_TESTS = Path(__file__).resolve().parent / "prosody_modules"
_SALT = "the salt of all test accounts"
_ITERATIONS = 4096


class ProsodyServer(ProcessUnderTest):
    """One Prosody process and its directory; accounts may be added whether it runs or not.

    `peers` says where the federated domains are found; `options` are global options of Prosody, as Lua
    expressions by name, that replace the rendered ones.
    """

    def __init__(
        self,
        plan: ProsodyPlan,
        *,
        peers: Mapping[str, tuple[str, int]] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        plan.root.mkdir(parents=True, exist_ok=True)
        super().__init__("Prosody", plan.root / "prosody.out", plan.log_file or plan.root / "prosody.log")
        self.plan = plan
        self._peers = dict(peers or {})
        self._options = options or {}
        self._contacts: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return self.plan.address, self.plan.c2s_port

    async def __aexit__(self, *_: object) -> None:
        await self.kill9()  # a clean stop takes a second, and nobody needs the data any more

    async def start(self) -> None:
        """Start it and wait until it answers a stream header; raises `NotReadyError`."""
        (self.plan.root / "data").mkdir(parents=True, exist_ok=True)
        config_file = self.plan.root / "prosody.cfg.lua"
        config_file.write_text(self._config(), encoding="utf-8")
        self._launch(["prosody", "-F", "--config", config_file], ENVIRONMENT)
        await self._wait_until_ready(self._answers)

    def reach(self, domain: str, port: int) -> None:
        """Find the server of a domain at this port of this machine from its next start on."""
        self._peers[domain] = (self.plan.address, port)

    def register(self, *jids: str, password: str = PASSWORD) -> None:
        """Create accounts, by bare JID, in the server's own store (keys of RFC 5802, section 3)."""
        salted = hashlib.pbkdf2_hmac("sha1", password.encode(), _SALT.encode(), _ITERATIONS)
        stored_key = hashlib.sha1(hmac.digest(salted, b"Client Key", "sha1")).hexdigest()
        server_key = hmac.digest(salted, b"Server Key", "sha1").hex()
        for jid in jids:
            self._store(
                jid,
                "accounts",
                f"stored_key = '{stored_key}', server_key = '{server_key}', "
                f"salt = '{_SALT}', iteration_count = {_ITERATIONS}",
            )

    def befriend(self, jid: str, contact: str) -> None:
        """Put two people into each other's rosters, subscribed both ways, before their sessions begin."""
        for owner, other in ((jid, contact), (contact, jid)):
            self._contacts[owner].add(other)
            items = (
                f"['{jid}'] = {{ subscription = 'both', groups = {{}} }}"
                for jid in sorted(self._contacts[owner])
            )
            self._store(owner, "roster", f"[false] = {{ version = 1 }}, {', '.join(items)}")

    def _config(self) -> str:
        peers = ", ".join(
            f"['{domain}'] = {{ address = '{address}', port = {port} }}"
            for domain, (address, port) in self._peers.items()
        )
        options = {
            "plugin_paths": f"{{ '{ADAPTER_DIR}', '{_MODULES_OF_TESTS}' }}",
            "s2s_peers": f"{{ {peers} }}",
            **self._options,
        }
        config = render_config(replace(self.plan, modules=(*self.plan.modules, "s2s_peers")))
        # The one form in which Prosody takes a global option again without a warning, which it cannot print itself.
        again = "".join(f"  {name} = {value};\n" for name, value in options.items())
        return f"{config}Host '*' {{\n{again}}}\n"

    async def _answers(self) -> bool:
        header = (
            f"<stream:stream to='{self.plan.domains[0]}' version='1.0' "
            "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(*self.address)
            try:
                writer.write(header.encode())
                await reader.readuntil(b"</stream:features>")
                writer.write(b"</stream:stream>")
                await reader.readuntil(b"</stream:stream>")
                return True
            finally:
                writer.close()
        return False

    def _store(self, jid: str, store: str, fields: str) -> None:
        """Write a person's record as Prosody's `internal` storage has it: a Lua table in its own file."""
        user, domain = jid.split("@")
        file = self.plan.root / "data" / _file_name(domain) / store / f"{_file_name(user)}.dat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"return {{ {fields} }}\n", encoding="utf-8")


def server_folder() -> Path:
    """Return where the server that the tests use, the first `prosody` of PATH, has its own files."""
    program = shutil.which("prosody")
    assert program, "prosody is not installed"
    return Path(program).resolve().parent.parent / "lib" / "prosody"


def server_version() -> Version:
    """Return which version the tests use."""
    major, minor = (server_folder() / "prosody.version").read_text().split(".")[:2]
    return int(major), int(minor)


def private_plan(root: Path, **changes: Any) -> ProsodyPlan:
    """Plan a bare server of `metals.example`, without TLS; `changes` are fields of `ProsodyPlan`.

    What a gate gives no verdict on waits with the tests' patience: nothing is bounced because the machine is busy.
    """
    plan = ProsodyPlan(
        root=root,
        domains=("metals.example",),
        room_domains=("rooms.metals.example",),
        c2s_port=free_port(),
        component_port=free_port(),
        plain_port_allowed=True,
        hold_timeout_s=PATIENCE_S,
    )
    return replace(plan, **changes)


def peers_of(*plans: ProsodyPlan) -> dict[str, tuple[str, int]]:
    """Return where the domains of federating servers are found, for `ProsodyServer(peers=...)`."""
    return {
        domain: (plan.address, plan.s2s_port) for plan in plans for domain in plan.domains + plan.room_domains
    }


def _file_name(text: str) -> str:
    return re.sub(rb"[^0-9A-Za-z]", lambda match: b"%%%02x" % match[0][0], text.encode()).decode()
