"""An ejabberd as a firm has it: Debian's example configuration, a node with a name, and nothing of ours."""

import re
import socket
from contextlib import suppress
from pathlib import Path

from components.site.ejabberd import compile_erlang, environment, start_command
from tests.support.ejabberd import LIBRARIES, EjabberdServer
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest
from tests.support.prosody import private_plan

EXAMPLE = LIBRARIES.parent / "share" / "ejabberd" / "ejabberd.yml.example"
_CONSOLE = Path(__file__).resolve().parent / "ejabberd_modules" / "test_console.erl"

# Of the example: MQTT, which goes past the archive, and the machine's certificate, which not everybody can read.
_TAKEN_OUT = ("  mod_mqtt: {}\n", "    starttls_required: true\n")
_MQTT_LISTENER = re.compile(r"  -\n    port: 1883\n.*?(?=\n\n)", re.DOTALL)
_CERTIFICATES = re.compile(r"^certfiles:\n(  - .*\n)+", re.MULTILINE)


def example_config(c2s_port: int) -> str:
    """Return Debian's example for metals.example, on ports of its own and without a way past the archive."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for line in _TAKEN_OUT:
        assert line in text
        text = text.replace(line, "")
    text = _CERTIFICATES.sub("", _MQTT_LISTENER.sub("", text))
    text = text.replace("  - localhost\n", "  - metals.example\n").replace('ip: "::"', 'ip: "127.0.0.1"')
    text = text.replace("port: 5222", f"port: {c2s_port}")
    text = re.sub(
        r"port: (5223|5269|5443|5280|3478)$", lambda _: f"port: {free_port()}", text, flags=re.MULTILINE
    )
    return f"{text}\ns2s_access: none"


class PortMapper(ProcessUnderTest):
    """Erlang's port mapper, for the names of the test's own nodes."""

    def __init__(self, folder: Path) -> None:
        super().__init__("epmd", folder / "epmd.out")
        self.port = free_port()

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._launch(["epmd", "-port", str(self.port), "-address", "127.0.0.1"])
        await self._wait_until_ready(self._answers)

    async def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class OwnEjabberd(EjabberdServer):
    """An ejabberd with a configuration that it did not get from us, which is only written once."""

    def __init__(self, root: Path, mapper: PortMapper) -> None:
        super().__init__(private_plan(root))
        self.config, self.modules = root / "ejabberd.yml", root / "modules"
        self.mapper, self.node = mapper, f"firm{self.plan.c2s_port}@localhost"
        (root / "data").mkdir()
        self.config.write_text(example_config(self.plan.c2s_port), encoding="utf-8")
        (root / "ejabberdctl.cfg").write_text(
            f'ERLANG_NODE={self.node}\nSPOOL_DIR="{root}"\nCONTRIB_MODULES_PATH="{self.modules}"  # ours\n'
        )
        compile_erlang([_CONSOLE], root / "console", LIBRARIES)

    async def start(self) -> None:
        """Start it as it is."""
        self._close_console()
        root = self.plan.root
        named = ["-sname", self.node, "-start_epmd", "false"]
        command = [*start_command(root, (root / "console",), LIBRARIES), *named, "-s", "test_console"]
        own = {
            "TEST_CONSOLE_PORT": str(self._console_port),
            "CONTRIB_MODULES_PATH": str(self.modules),
            "ERL_EPMD_PORT": str(self.mapper.port),
        }
        self._launch(command, {**environment(root), **own})
        await self._wait_until_ready(self._answers)
        wanted, self._wanted = self._wanted, []
        for expression in wanted:
            self.evaluate(expression)
