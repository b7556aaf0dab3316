"""Gajim, on a screen that nobody sees, as somebody who begins with it has it; a plugin clicks for its person."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.support.process import PATIENCE_S, ProcessUnderTest, wait_until
from tests.support.prosody import PASSWORD

_PLUGIN = Path(__file__).parent / "gajim_plugin"
# It refuses to run as root, which tests may be.
_START = """
import importlib.util, os, sys
import gi
os.geteuid = lambda: 1000
root = sys.argv.pop(1)
if importlib.util.find_spec("gajim.main"):  # from version 2 on
    from gajim.main import gi_require_versions, run
    gi_require_versions()
else:
    for name in ("Gtk", "Gdk"):
        gi.require_version(name, "3.0")
    from gajim.gajim import main as run
from gajim.common import app, configpaths  # the others need that it comes first
configpaths.set_config_root(root)
from gajim.plugins.manifest import PluginManifest
# So that the plugin is at work from the beginning.
PluginManifest.is_shipped = property(lambda manifest: True)
run()
"""


class Gajim(ProcessUnderTest):
    """Gajim with one account on `machine` (tests.support.machine); it sends the file at `path` to somebody, `to`.

    What comes is in the folder `out`: `message` (JSON), `file` and `error`.
    """

    def __init__(
        self,
        root: Path,
        jid: str,
        address: tuple[str, int],
        machine: Sequence[str | Path],
        **sends: object,
    ) -> None:
        root.mkdir(parents=True)
        super().__init__("Gajim", root / "gajim.out")
        self._machine, self._root, self.out = machine, root, root / "out"
        self.out.mkdir()
        told = {"jid": jid, "password": PASSWORD, "address": f"{address[0]}:{address[1]}", "out": self.out}
        self._told = json.dumps(told | sends, default=str)

    async def start(self) -> None:
        """Start it and wait until it is logged in."""
        plugins = self._root / "config" / "plugins"
        plugins.mkdir(parents=True)
        shutil.copytree(_PLUGIN, plugins / _PLUGIN.name)
        environment = {"HOME": str(self._root), "STEELYARD_GAJIM": self._told, "NO_AT_BRIDGE": "1"}
        # In a place of their own, where all of them end with the first.
        together = ("unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh")
        screen = ("xvfb-run", "--auto-servernum", "dbus-run-session", "--")
        command = ("/usr/bin/python3", "-c", _START, self._root / "config")
        self._launch([*self._machine, *together, *screen, *command], environment)
        await self._wait_until_ready(self._is_logged_in)

    async def stop(self) -> None:
        """End it with its screen."""
        await self.kill9()

    async def read(self, name: str) -> bytes:
        """Wait for what it writes, and return it."""
        there = await wait_until((self.out / name).exists)
        error = self.out / "error"
        told = error.read_text() if error.exists() else self.log_tail()
        assert there, f"no {name} within {PATIENCE_S} s: {told}"
        return (self.out / name).read_bytes()

    async def _is_logged_in(self) -> bool:
        return (self.out / "signed-in").exists()
