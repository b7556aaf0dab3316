"""Makes pages of templates; what is put into one is escaped, and nothing that a person wrote is markup."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.audit.console.languages import DEFAULT, NAMES, QUERY, load_catalogue
from components.audit.query.error import QueryError, tell_fault
from components.audit.visible import show_text

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

_LONGEST_ZONE = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Texts:
    """The console's own words in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = load_catalogue(language if language in NAMES else DEFAULT)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text, with values in its places."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def fault(self, error: QueryError) -> str:
        """Return what is wrong with a query, and what to do."""
        return tell_fault(lambda key: self._texts[QUERY + key], error.key, error.values)

    def word(self, prefix: str, name: str) -> str:
        """Return the word for one of a set of names, such as a verdict; the name itself if there is none."""
        return self._texts.get(f"{prefix}.{name}", name)


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name (IANA); UTC if there is no such zone."""
    return _load_zone(name) if len(name) <= _LONGEST_ZONE else ZoneInfo("UTC")


# Bounded: browsers say which zone they are in, and could say a new one with each request.
@lru_cache(maxsize=256)
def _load_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_time(at_ns: int, zone: str) -> datetime:
    """Return a time (Unix, in nanoseconds) in a zone."""
    try:
        return (_EPOCH + timedelta(microseconds=at_ns // 1000)).astimezone(find_zone(zone))
    except OverflowError:
        return _EPOCH


def format_moment(at_ns: int, zone: str) -> str:
    """Format a time in a zone to the second, with the offset from UTC."""
    at = local_time(at_ns, zone)
    return f"{at:%Y-%m-%d %H:%M:%S} {format_offset(at)}"


def format_offset(at: datetime) -> str:
    """Format the offset from UTC that holds at a time, such as `+01:00`."""
    text = f"{at:%z}"
    return f"{text[:3]}:{text[3:5]}"


def format_size(size_bytes: int) -> str:
    """Format a size for people."""
    size, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size_bytes} B" if unit == "B" else f"{size:.1f} {unit}"


@cache
def address_of(name: str) -> str:
    """Return the address of a static file, which changes with its content."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{digest[:16]}/{name}"


def make_environment() -> Environment:
    """Return the templates, read when they are first used."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["shown"] = lambda text: show_text(str(text))
    environment.filters["shown_lines"] = lambda text: show_text(str(text), keep="\n")
    environment.filters["size"] = format_size
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.globals["static"] = address_of
    return environment


def render(environment: Environment, template: str, values: Mapping[str, Any]) -> bytes:
    """Return a page; what has no UTF-8 is shown as a mark in its place, never dropped with the page."""
    return environment.get_template(template).render(values).encode("utf-8", "replace")
