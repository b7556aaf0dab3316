"""Checks that people whom an order names exist: a hold on a misspelt name would look right and hold nothing."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Set
from pathlib import Path

from components.audit.index.index import Index
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.process.errors import SiteError
from policy.directory.directory import DirectoryError, parse_directory


class UnknownPersonError(SiteError):
    """Somebody is named whom neither the directory nor any record knows."""


def _anybody(_jid: str) -> bool:
    return True


def require_known(
    jids: Iterable[str],
    directory_file: Path,
    index: Index,
    now_ns: int,
    owns: Callable[[str], bool] = _anybody,
) -> None:
    """Raise UnknownPersonError unless the directory lists each of these people and rooms, or a record names them.

    Nothing is said of those whom somebody does not own, whose enterprises they may not see.
    """
    listed = {jid for jid in _read_members(directory_file) if owns(jid)}
    if problems := list(_find_unknown(filter(owns, jids), listed, index, now_ns)):
        raise UnknownPersonError("; ".join(problems))


def _find_unknown(jids: Iterable[str], listed: Set[str], index: Index, now_ns: int) -> Iterator[str]:
    for jid in jids:
        # A person who has left the directory can still be held if records name them.
        if jid in listed or index.find(compile_query(parse_query(f'with:"{jid}"', now_ns)), 1).matched:
            continue
        near = difflib.get_close_matches(jid, listed, n=1)
        advice = (
            f"did you mean {near[0]}?" if near else "look for their address with `steelyard directory show`"
        )
        yield f"{jid} is in neither the directory nor any record; {advice}"


def _read_members(file: Path) -> Set[str]:
    """Return all addresses in the directory; none if the auditors have no readable directory."""
    try:
        return parse_directory(file.read_text(encoding="utf-8")).members.keys()
    except (OSError, UnicodeDecodeError, DirectoryError):
        return set()
