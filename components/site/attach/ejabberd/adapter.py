"""Puts the adapter where an ejabberd looks for modules from elsewhere, compiled for it, and takes it away."""

import shutil
from pathlib import Path

from components.process.errors import SiteError
from components.site.attach.ejabberd import survey
from components.site.attach.ejabberd.places import read_places
from components.site.ejabberd import compile_adapter

_SPEC = '[{author, "Steelyard"}, {summary, "Holds every stanza until the gate has recorded it"}].\n'


def place_adapter(config: Path) -> None:
    """Compile the adapter for the ejabberd that is installed, in a folder that its loader searches; raises SiteError.

    A server that runs goes on with what it has loaded. Killed between the two last lines: the adapter is gone, and a
    server that is started then refuses its configuration.
    """
    folder = read_places(config).adapter
    draft = folder.with_name(f"{folder.name}.new")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        above = () if folder.parent.exists() else (folder.parent,)
        draft.mkdir(parents=True)
        compile_adapter(draft / "ebin", survey.LIBRARIES)
        (draft / "steelyard.spec").write_text(_SPEC)
        # Whatever the umask: the server, which reads it, is another user.
        for each in (*above, draft, *draft.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError as err:
        raise SiteError(f"{folder} cannot be written: {err.strerror}; run this as root") from None


def remove_adapter(config: Path) -> None:
    """Take the adapter's folder away, and the one above it if it is empty then."""
    folder = read_places(config).adapter
    shutil.rmtree(folder.with_name(f"{folder.name}.new"), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()
