"""The passwords of a demonstration's people."""

import secrets
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.settings.site import SiteFile
from policy.directory.directory import parse_directory

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look like others


def write_passwords(file: Path, settings: SiteFile) -> None:
    """Make a password for everybody in the directory who is of the site's domains; raises OSError."""
    directory = parse_directory(settings.gate.directory_file.read_text())
    people = sorted(jid for jid in directory.people if jid.partition("@")[2] in settings.prosody.domains)
    lines = ["# The demonstration's people and their passwords."]
    lines += [f'"{jid}" = "{_make_password()}"' for jid in people]
    replace_durably(file, ("\n".join(lines) + "\n").encode(), PRIVATE)


def _make_password() -> str:
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)
