"""Attaches a server, and undoes exactly that: two files change, each as a whole, and a copy is kept."""

import os
from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import sync_folder
from components.process.errors import SiteError
from components.settings.secret import read_secret
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.attach.check import Note
from components.site.attach.kinds import KINDS
from components.site.attach.lines import (
    Secret,
    add_include,
    include_lines,
    included_file,
    take_include,
)
from components.site.attach.survey import Survey

COPY_SUFFIX = ".before-steelyard"
_HELD_SECRET_MODE = 0o640


@dataclass(frozen=True, slots=True)
class AttachPlan:
    """What attaching would do: `added` are the lines of the configuration, `shown` Steelyard's file without the secret.

    `content` is that file. If the server `is_attached`, the lines are there already.
    """

    server: ServerName
    config: Path
    included: Path
    added: tuple[str, ...]
    content: str
    shown: str
    notes: tuple[Note, ...]
    is_attached: bool

    @property
    def is_old(self) -> bool:
        """Whether the server has another file of Steelyard's than this."""
        try:
            return self.is_attached and self.included.read_text() != self.content
        except OSError:
            return True

    @property
    def problems(self) -> tuple[str, ...]:
        """What has to be mended before anything is applied."""
        return tuple(note.text for note in self.notes if note.is_problem)


def plan_attach(settings: SiteFile, config: Path) -> AttachPlan:
    """Look at a server, and plan the lines for it; change nothing. Raises SiteError and SettingsError."""
    config = config.resolve()
    kind = KINDS[settings.site.server]
    included = included_file(config, kind.name)
    survey = kind.survey_settings(config)
    secret = Secret(read_secret(settings.gate.secret_file))
    text = _read(config)
    is_attached = add_include(text, included) == text
    notes = kind.check(survey, settings)
    if included.exists() and not is_attached:
        notes = (
            *notes,
            Note(True, f"{included} is there, and {config.name} does not include it; move it away"),
        )
    return AttachPlan(
        kind.name,
        config,
        included,
        tuple(include_lines(included)),
        kind.render(settings, survey, secret.value),
        kind.render(settings, survey, secret.shown),
        notes,
        is_attached,
    )


def apply_attach(plan: AttachPlan, gate: str) -> Path:
    """Write both files, the included one first; return the copy of the configuration as it was before.

    The server's own loader then reads the result; if it does not find the gate there, all is undone. Raises SiteError.
    """
    kind = KINDS[plan.server]
    if plan.problems:
        raise SiteError("nothing was changed: " + "; ".join(plan.problems))
    text = _read(plan.config)
    copy = plan.config.with_name(plan.config.name + COPY_SUFFIX)
    before = plan.included.read_bytes() if plan.included.exists() else None
    # Killed behind this line: an adapter that nobody loads; applying again, or undoing, takes it away.
    kind.place(plan.config)
    _replace_like(plan.included, plan.content.encode(), plan.config, _HELD_SECRET_MODE)
    if not plan.is_attached:
        _replace_like(copy, os.fsencode(text), plan.config)
        # Killed before this line: a file that nobody includes, and a copy; applying again replaces both.
        _replace_like(plan.config, os.fsencode(add_include(text, plan.included)), plan.config)
    try:
        _require_attached(kind.survey_settings(plan.config), gate)
    except SiteError as err:
        _put_back(plan, text, before)
        raise SiteError(f"nothing was changed, as the server could not read the result: {err}") from None
    return copy


def undo_attach(config: Path, server: ServerName = "prosody") -> bool:
    """Take out what was added, and nothing else; return whether the configuration is then as it was before.

    It is another if somebody has changed it since. Raises SiteError if it is not attached.
    """
    config = config.resolve()
    included, copy = included_file(config, server), config.with_name(config.name + COPY_SUFFIX)
    text = _read(config)
    kept = _read(copy) if copy.exists() else None
    if kept is not None and add_include(kept, included) == text:
        text = kept
    else:
        try:
            text = take_include(text, included)
        except ValueError:
            raise SiteError(f"{config} does not include {included.name}: there is nothing to undo") from None
    _replace_like(config, os.fsencode(text), config)
    # Killed before this line: a file that nobody includes is left, and undoing says that there is nothing to undo.
    included.unlink(missing_ok=True)
    KINDS[server].remove(config)
    if text == kept:
        copy.unlink()
    sync_folder(config.parent)
    return text == kept


def is_attached(config: Path, server: ServerName = "prosody") -> bool:
    """Return whether a configuration includes Steelyard's file; raises SiteError if it cannot be read."""
    config = config.resolve()
    text = _read(config)
    return add_include(text, included_file(config, server)) == text


def _require_attached(survey: Survey, gate: str) -> None:
    if survey.find_host(gate) is None or survey.options.get("stanza_gate") != gate:
        raise SiteError(f"it has no component {gate}")


def _put_back(plan: AttachPlan, text: str, included: bytes | None) -> None:
    if not plan.is_attached:
        _replace_like(plan.config, os.fsencode(text), plan.config)
        plan.config.with_name(plan.config.name + COPY_SUFFIX).unlink(missing_ok=True)
    if included is None:
        plan.included.unlink(missing_ok=True)
        KINDS[plan.server].remove(plan.config)
    else:
        _replace_like(plan.included, included, plan.config, _HELD_SECRET_MODE)


def _read(file: Path) -> str:
    """Return a file's text such that it can be written again byte by byte."""
    try:
        return os.fsdecode(file.read_bytes())
    except OSError as err:
        raise SiteError(f"{file} cannot be read: {err.strerror}") from None


def _replace_like(path: Path, content: bytes, like: Path, mode: int = 0o777) -> None:
    """Write a file as a whole, with owner, group and mode of another one, but no more than `mode`."""
    draft = path.with_name(f"{path.name}.new")
    try:
        shape = like.stat()
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            os.fchown(file.fileno(), shape.st_uid, shape.st_gid)
            os.fchmod(file.fileno(), shape.st_mode & mode & 0o777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as err:
        raise SiteError(f"{path} cannot be written: {err.strerror}; run this as root") from None
