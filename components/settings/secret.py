"""Secrets in files of one line: what a component of the server proves itself with, and the like."""

from pathlib import Path

from components.settings.table import SettingsError

SECRET_MIN = 24
"""With fewer characters it can be guessed; `steelyard init` makes 64."""


def read_secret(file: Path) -> str:
    """Read a secret; raises SettingsError, which says nothing of it, if it is empty, no text, or cannot be read."""
    try:
        secret = file.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        secret = ""
    if not secret.isprintable() or not secret:
        raise SettingsError([f"{file} holds no secret; delete it and run `steelyard init`"])
    return secret
