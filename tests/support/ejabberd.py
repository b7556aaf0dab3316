"""A private, real ejabberd for a test: its own directory, its own loopback ports, as `tests/support/prosody.py`."""

import asyncio
import functools
import json
import os
import shutil
import socket
import tempfile
from atexit import register as at_exit
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from components.site.ejabberd import (
    SYSTEM_LIBRARIES,
    compile_adapter,
    compile_erlang,
    environment,
    render_config,
    start_command,
)
from components.site.ejabberd_cluster import ClusterPlan, names_of
from components.site.prosody import ProsodyPlan
from tests.support.names import NameServer
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S, ProcessUnderTest, wait_until
from tests.support.prosody import PASSWORD

LIBRARIES = Path(os.environ.get("STEELYARD_EJABBERD", SYSTEM_LIBRARIES))
"""Below which ejabberd is: the system's, or another version that `.ci/other-ejabberd` has unpacked."""

_MODULES_OF_TESTS = Path(__file__).resolve().parent / "ejabberd_modules"


@functools.cache
def compiled_beams() -> Path:
    """Compile the adapter and the tests' own modules, once for each process that runs tests."""
    folder = Path(tempfile.mkdtemp(prefix="steelyard-ejabberd-"))
    at_exit(shutil.rmtree, folder, ignore_errors=True)
    compile_adapter(folder, LIBRARIES)
    compile_erlang(sorted(_MODULES_OF_TESTS.glob("*.erl")), folder, LIBRARIES)
    return folder


class EjabberdServer(ProcessUnderTest):
    """One ejabberd process and its directory; accounts may be added whether it runs or not.

    `without` are modules that it does not load, `flags` the options of its Erlang, `cluster` makes it a node.
    """

    def __init__(
        self,
        plan: ProsodyPlan,
        *,
        peers: Mapping[str, tuple[str, int]] | None = None,
        options: Mapping[str, str] | None = None,
        without: Collection[str] = (),
        flags: str = "",
        cluster: ClusterPlan | None = None,
    ) -> None:
        assert not options, "these options are Prosody's"
        plan.root.mkdir(parents=True, exist_ok=True)
        super().__init__("ejabberd", plan.root / "ejabberd.out", plan.root / "ejabberd.log")
        self.plan = plan
        self._without, self._flags, self._cluster = without, flags, cluster
        self._peers = dict(peers or {})
        self._names: NameServer | None = None
        self._console_port = free_port()
        self._console: socket.socket | None = None
        self._wanted: list[str] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return self.plan.address, self.plan.c2s_port

    async def __aexit__(self, *_: object) -> None:
        await self.kill9()

    async def start(self) -> None:
        """Start it and wait until it answers a stream header; raises `NotReadyError`."""
        self._close_console()
        (self.plan.root / "data").mkdir(parents=True, exist_ok=True)
        (self.plan.root / "ejabberd.yml").write_text(self._config(), encoding="utf-8")
        self._write_names()
        started = start_command(self.plan.root, (compiled_beams(),), LIBRARIES, cluster=self._cluster)
        command = [*started, "-s", "test_console"]
        own = {
            "TEST_CONSOLE_PORT": str(self._console_port),
            "ERL_AFLAGS": self._flags,
            "ERL_INETRC": str(self.plan.root / "inetrc"),
        }
        self._launch(command, {**environment(self.plan.root), **own})
        await self._wait_until_ready(self._answers)
        wanted, self._wanted = self._wanted, []
        for expression in wanted:
            self.evaluate(expression)

    def _write_names(self) -> None:
        """Have it ask for names where only its peers are known."""
        if self._peers and self._names is None:
            self._names = NameServer(self._peers).start()
        lines = ['{resolv_conf, ""}.', '{hosts_file, ""}.', "{lookup, [file]}."]
        if self._cluster:
            lines += names_of(self._cluster)
        if self._names:
            lines.append(f"{{nameserver, {{127,0,0,1}}, {self._names.port}}}.")
        (self.plan.root / "inetrc").write_text("\n".join((*lines, "")), encoding="utf-8")

    async def kill9(self) -> None:
        """Kill it where it stands."""
        self._close_console()
        if self._names is not None:
            self._names.close()
            self._names = None
        await super().kill9()

    def register(self, *jids: str, password: str = PASSWORD) -> None:
        """Create accounts, by bare JID."""
        for jid in jids:
            self._when_running(f'test_console:register(<<"{jid}">>, <<"{password}">>).')

    def befriend(self, jid: str, contact: str) -> None:
        """Put two people into each other's rosters, subscribed both ways, before their sessions begin."""
        self._when_running(f'test_console:befriend(<<"{jid}">>, <<"{contact}">>).')

    def evaluate(self, expression: str) -> str:
        """Evaluate an Erlang expression in it, and return the value as Erlang writes it."""
        if self._console is None:
            self._console = socket.create_connection(("127.0.0.1", self._console_port), PATIENCE_S)
        self._console.sendall(expression.encode() + b"\n")
        said = b""
        while not said.endswith(b"\n"):
            piece = self._console.recv(65536)
            assert piece, f"ejabberd's console ended:\n{self.log_tail()}"
            said += piece
        answer = said.decode().rstrip("\n")
        assert not answer.startswith("crashed: "), answer
        return answer

    def settle(self) -> None:
        """Wait until nothing is on its way inside it, but what waits for the gate."""
        self.evaluate("test_console:settle().")

    async def wait_for_no_gate(self) -> None:
        """Wait until it knows that the gate is gone: it turns away a second one."""
        link = "maps:get(link, sys:get_state(stanza_gate_window))."
        assert await wait_until(lambda: self.evaluate(link) == "none")

    def _when_running(self, expression: str) -> None:
        if self.running:
            self.evaluate(expression)
        else:
            self._wanted.append(expression)

    def _close_console(self) -> None:
        if self._console is not None:
            self._console.close()
            self._console = None

    def _config(self) -> str:
        config = json.loads(render_config(self.plan))
        config["modules"] = {
            name: options for name, options in config["modules"].items() if name not in self._without
        }
        return json.dumps(config)

    async def _answers(self) -> bool:
        header = (
            f"<stream:stream to='{self.plan.domains[0]}' version='1.0' "
            "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        with suppress(OSError, asyncio.IncompleteReadError):
            for address, port in (self.address, ("127.0.0.1", self._console_port)):
                _, writer = await asyncio.open_connection(address, port)
                writer.close()
            reader, writer = await asyncio.open_connection(*self.address)
            try:
                writer.write(header.encode())
                await reader.readuntil(b"</stream:features>")
                return True
            finally:
                writer.close()
        return False
