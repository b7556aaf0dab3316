"""Steelyard's processes and the packages they are made of (the code map is in the README)."""

import os
import sys

# No plugin of another installed package takes part in checking settings; and to look for any takes long.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

_COLOURS = frozenset({"rich", "pygments"})
_IN_COLOURS = ("structlog.dev", "structlog.tracebacks", "slixmpp.xmlstream.tostring")


class _WithoutColours:
    """Hides what two libraries take up where it is installed, to write in colours: it takes 5 MB of each process.

    Whoever else imports it finds it.
    """

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> None:
        """Let others look; raises ModuleNotFoundError for what is hidden."""
        if fullname in _COLOURS and any(map(_is_beginning, _IN_COLOURS)):
            raise ModuleNotFoundError(f"no {fullname} here", name=fullname)


def _is_beginning(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


sys.meta_path.insert(0, _WithoutColours())
