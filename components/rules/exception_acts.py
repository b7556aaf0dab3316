"""What the `steelyard policy exception` commands do with a site's exceptions from barriers."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from components.archive.keys import KeyFileError, load_log_key
from components.archive.keys.reference import KeyReferenceError, parse_key_reference
from components.archive.log.note import NoteSigner
from components.process.errors import SiteError
from components.rules import exceptions
from components.rules.load import RulesError, RuleSources, load_rules, load_sources
from components.rules.person import read_jid
from components.settings.site import SiteFile
from policy.directory.directory import Directory
from policy.reach.exception import BarrierException, ExceptionError
from policy.utc import parse_utc

_DEFAULT_HOURS = 24


def propose(
    site: Path, people: Sequence[str], begins: str, ends: str, hours: float | None, reason: str
) -> Path:
    """Write a proposal that two approvers may sign, and return its file; raises SiteError and SettingsError.

    `begins` and `ends` are UTC, such as `2026-11-24T09:00:00Z`. Empty ones mean now, and `hours` later.
    """
    if ends and hours is not None:
        raise SiteError("give --ends or --hours, not both")
    with _scene(site) as scene:
        begins_s = _time(begins) if begins else scene.now_s
        length_s = int((hours if hours is not None else _DEFAULT_HOURS) * 3600)
        ends_s = _time(ends) if ends else begins_s + length_s
        named = tuple(sorted({read_jid(jid) for jid in people}))
        if unlisted := [jid for jid in named if jid not in scene.directory.people]:
            raise SiteError(f"{', '.join(unlisted)}: nobody of that address is in directory.toml")
        firms = {scene.directory.members[jid].enterprise for jid in named}
        if len(named) < 2 or len(firms) != 1:
            raise SiteError("name at least two people of one enterprise, by their JIDs")
        at = datetime.fromtimestamp(scene.now_s, UTC)
        id_ = f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        exception = BarrierException(id_, firms.pop(), named, begins_s, ends_s, reason)
        return exceptions.store_proposal(scene.sources.exceptions, exception)


def approve(site: Path, id_: str, key: str) -> exceptions.KeptException:
    """Sign an exception with the approver's key at this place (docs/keys.md); raises SiteError and SettingsError."""
    with _scene(site) as scene:
        keys = exceptions.load_approver_keys(scene.sources.approvers)
        exceptions.approve_exception(scene.sources.exceptions, id_, _load_key(key), scene.directory, keys)
        return next(each for each in _read(scene) if each.id == id_)


def withdraw(site: Path, id_: str, key: str, reason: str) -> exceptions.KeptException:
    """End an exception at once, in the name of the approver with this key; raises SiteError and SettingsError."""
    with _scene(site) as scene:
        exceptions.withdraw_exception(scene.sources.exceptions, id_, _load_key(key), reason)
        return next(each for each in _read(scene) if each.id == id_)


def fetch_all(site: Path) -> list[exceptions.KeptException]:
    """Return all exceptions of a site as they are now; raises SiteError and SettingsError."""
    with _scene(site) as scene:
        return _read(scene)


@dataclass(frozen=True, slots=True)
class _Rules:
    sources: RuleSources
    directory: Directory
    now_s: int


def _read(scene: _Rules) -> list[exceptions.KeptException]:
    keys = exceptions.load_approver_keys(scene.sources.approvers)
    return exceptions.read_exceptions(scene.sources.exceptions, keys, scene.directory, scene.now_s)


@contextmanager
def _scene(site: Path) -> Iterator[_Rules]:
    """Read the rules of a site; raises SiteError if they or an exception are wrong."""
    sources = load_sources(SiteFile(site))
    now_ns = time.time_ns()
    try:
        yield _Rules(sources, load_rules(sources, now_ns).rules.directory, now_ns // 10**9)
    except (RulesError, ExceptionError) as error:
        raise SiteError(str(error)) from None


def _load_key(place: str) -> NoteSigner:
    try:
        return load_log_key(parse_key_reference(place, Path.cwd()))
    except (KeyFileError, KeyReferenceError) as error:
        raise SiteError(str(error)) from None


def _time(text: str) -> int:
    try:
        return parse_utc(text)
    except ValueError:
        raise SiteError(f"{text!r} is no time: write it in UTC as 2026-11-24T09:00:00Z") from None
