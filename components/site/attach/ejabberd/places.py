"""Where an ejabberd keeps what its `ejabberdctl` says: its node's name, its data, its modules from elsewhere."""

import pwd
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_SETTING = re.compile(r"^\s*(?:export\s+)?([A-Z_]+)=(.*)$")


@dataclass(frozen=True, slots=True)
class Places:
    """What `ejabberdctl.cfg` beside a configuration says, or what holds without it.

    `data` has the cookie of the `node`; in a folder of its own below `modules` the server finds Steelyard's adapter.
    `configs` has further files that the server reads, or is None. `names` says how Erlang finds hosts (Debian's
    has the address of `localhost`, which need not be known elsewhere), or is None.
    """

    node: str
    data: Path
    modules: Path
    configs: Path | None
    names: Path | None

    @property
    def adapter(self) -> Path:
        """The folder of the adapter, which is Steelyard's alone."""
        return self.modules / "steelyard"


def read_places(config: Path) -> Places:
    """Read where the server of a configuration has its things, as ejabberdctl would."""
    said = _read_settings(config.with_name("ejabberdctl.cfg"))
    data = Path(said.get("SPOOL_DIR", "/var/lib/ejabberd"))
    modules = said.get("CONTRIB_MODULES_PATH")
    configs = said.get("CONTRIB_MODULES_CONF_DIR")
    return Places(
        said.get("ERLANG_NODE", "ejabberd@localhost"),
        data,
        Path(modules) if modules else _home(data) / ".ejabberd-modules",
        Path(configs) if configs else None,
        names if (names := config.with_name("inetrc")).is_file() else None,
    )


def _home(data: Path) -> Path:
    """Return the home of the user whom Debian's ejabberd runs as."""
    try:
        return Path(pwd.getpwnam("ejabberd").pw_dir)
    except KeyError:
        return data


def _read_settings(file: Path) -> dict[str, str]:
    """Read the assignments of a shell's file; what else is in it has no meaning here."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        if match := _SETTING.match(line):
            try:
                words = shlex.split(match[2], comments=True)
            except ValueError:
                continue
            found[match[1]] = words[0] if words else ""
    return {name: value for name, value in found.items() if value}
