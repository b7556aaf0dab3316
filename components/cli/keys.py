"""The `steelyard keys` commands (docs/commands.md)."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from components.cli.errors import errors_in_lines
from components.process.errors import SiteError

if TYPE_CHECKING:
    from components.site.keys import KeyState
    from components.site.settings import SiteSettings

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Flag = Parameter(negative="")
DEFAULT_SITE = Path("var/site.toml")

app = App(name="keys", help="Make, list, rotate and split the keys of a site (docs/keys.md).")


@app.command(name="list")
def list_keys(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """List the keys that the settings name: where each is kept, and what there is of it."""
    from components.site.keys import describe_keys

    with _errors_told():
        states = list(describe_keys(_read(site)))
    if as_json:
        _print_json({"keys": [asdict(each) | {"public": str(each.public)} for each in states]})
    else:
        _print_states(states)


@app.command
def make(
    name: str,
    *,
    at: str | None = None,
    approver: Annotated[bool, Flag] = False,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Make a key: one that the settings name and that is missing, a further recipient's, or an approver's.

    Parameters
    ----------
    name
        A log's name or a recipient's, as `steelyard keys list` shows it, or a new recipient's.
    at
        Where to keep a new private key: a path, age:FILE or a pkcs11: URI.
    approver
        Make the key by which this person approves orders (docs/retention.md).
    """
    from components.site.keys import find_keys, make_approver_key, make_key

    with _errors_told():
        settings = _read(site)
        is_new = name not in {key.name for key in find_keys(settings)}
        public = make_approver_key(settings, name, at) if approver else make_key(settings, name, at)
    if as_json:
        _print_json({"key": name, "public": str(public)})
        return
    print(f"made the key {name}; its public half is {_relative(public)}")
    if approver:
        print(
            f"add {os.path.relpath(public, settings.folder)} to archive.approvers (orders) or access.approvers "
            "(admissions), and start the site again"
        )
        print("give the private half to this person, and leave no copy here")
    elif is_new:
        print(
            f"add {os.path.relpath(public, settings.folder)} to archive.recipients, and start the site again"
        )


@app.command
def rotate(name: str, *, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """Put a new key in place of a log's or a recipient's; what was signed or sealed before stays good.

    Parameters
    ----------
    name
        A log's name or a recipient's, as `steelyard keys list` shows it.
    """
    from components.site.keys import LogKeyPlace, find_key, rotate_key

    with _errors_told():
        settings = _read(site)
        is_log = isinstance(find_key(settings, name), LogKeyPlace)
        done = asyncio.run(rotate_key(settings, name))
    if as_json:
        _print_json({"key": name, "done": done})
    elif not done:
        print(f"the new key of {name} waits; its log goes over to it when the site starts again")
    elif is_log:
        print(f"the log {name} has a new key, and says so itself; whoever knows the first one can follow")
    else:
        print(f"{name} has a new key; start the site again, so that new segments are sealed to it")


@app.command
def split(
    name: str,
    *,
    to: Path,
    shares: int = 5,
    threshold: int = 3,
    keep: Annotated[bool, Flag] = False,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Split a recipient's key into shares (SLIP-39), and remove it once they are proved to restore it.

    Parameters
    ----------
    name
        A recipient's name, such as escrow.
    to
        Folder for the files with the shares; give each to somebody else, and delete them here.
    shares
        How many shares to make, at most 16.
    threshold
        How many of them restore the key, at least 2.
    keep
        Leave the whole key where it is.
    """
    from components.site.escrow import split_recipient_key

    with _errors_told():
        paths = split_recipient_key(_read(site), name, shares, threshold, to, keep=keep)
    if as_json:
        _print_json({"key": name, "shares": [str(path) for path in paths], "removed": not keep})
        return
    for path in paths:
        print(f"made {_relative(path)}")
    whole = "is still where it was" if keep else "is removed"
    print(f"any {threshold} of them restore the key, as was tried; the whole key {whole}")


@app.command
def join(
    name: str,
    *files: Path,
    trial: Annotated[bool, Flag] = False,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Restore a recipient's key from files with its shares.

    Parameters
    ----------
    name
        A recipient's name, such as escrow.
    files
        Files with shares, as many as are needed.
    trial
        Just try whether these shares restore it.
    """
    from components.site.escrow import join_recipient_key

    with _errors_told():
        place = join_recipient_key(_read(site), name, files, trial=trial)
    if as_json:
        _print_json({"key": name, "place": str(place), "restored": not trial})
    elif trial:
        print(f"these shares restore the key {name}")
    else:
        print(f"the key {name} is in {place} again; remove it when it is not needed any more")


def _read(site: Path) -> "SiteSettings":
    from components.site.settings import read_site

    return read_site(site)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Tell keys' and logs' errors as the site's others are told."""
    from components.archive.errors import LogError
    from components.archive.keys import KeyFileError
    from components.archive.keys.reference import KeyReferenceError

    with errors_in_lines():
        try:
            yield
        except (KeyFileError, KeyReferenceError, LogError) as error:
            raise SiteError(str(error)) from None


def _print_states(states: "list[KeyState]") -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("key", "of a", "id", "private half", "waiting", "earlier"):
        table.add_column(title, overflow="fold")
    for each in states:
        here = _relative_place(each) if each.is_here else ("not here" if each.key_id else "not made yet")
        waiting = "a new one" if each.waiting else ""
        table.add_row(each.name, each.role, each.key_id or "", here, waiting, str(each.earlier or ""))
    Console().print(table)


def _relative_place(state: "KeyState") -> str:
    return _relative(Path(state.place)) if state.place.startswith("/") else state.place


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _relative(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
