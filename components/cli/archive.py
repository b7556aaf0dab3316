"""The archive's commands: `steelyard archive ...`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from components.cli import orders
from components.cli.options import COMMON, Common
from components.cli.output.json_printer import print_json
from components.process.errors import SiteError

if TYPE_CHECKING:
    from components.archive.log.note import VerifierKey
    from components.archive.store.open import StoreName

app = App(
    name="archive",
    help="Hold, expire and erase records; copy and publish the logs, sealed as they are (docs/retention.md).",
)
for command in (
    orders.hold,
    orders.release,
    orders.expire,
    orders.erase,
    orders.approve,
    orders.carry_out,
    orders.orders,
):
    app.command(command)


@app.command
def tiles(folder: Path, *, log: tuple[str, ...] = (), common: Common = COMMON) -> None:
    """Publish the logs as tiles in FOLDER, for any web server to serve. Only what is new is written (docs/tiles.md).

    Parameters
    ----------
    folder
        The folder that a web server serves. It is made if it does not exist.
    log
        Only this log, such as gate. May be repeated.
    """
    from components.archive.store.open import may_exist
    from components.cli.output.console import progress_bar
    from components.settings.site import SiteFile
    from components.tiles.export import export_log

    settings = SiteFile(common.site)
    named = [settings.require_log(name) for name in log]
    exported = {}
    for each in named or [each for each in settings.logs if may_exist(each.store)]:
        with progress_bar(f"Writing {each.name}", "files") as progress:
            exported[each.name] = asyncio.run(export_log(each, folder / each.name, progress))
    _ship_verifier(folder)
    if common.as_json:
        print_json({name: {"size": done.size, "files": done.files} for name, done in exported.items()})
        return
    for name, done in exported.items():
        print(f"{folder / name}: the tree of {done.size:,} records; {done.files:,} files written")


@app.command
def move(source: str, target: str, /, *, key: Path | None = None, common: Common = COMMON) -> None:
    """Copy a log to another store, with the same tree head. The first store stays as it is (docs/backup.md).

    Parameters
    ----------
    source
        The log: the path of an SQLite file, or postgresql://user@host/database#log.
    target
        The other store, written in the same way. It is empty, or has an earlier copy of the same log.
    key
        The log's public key (.pub). If left out: that of the site's log which is one of the two.
    """
    from components.archive.backup.move import move_log
    from components.archive.keys import load_verifier_key
    from components.archive.store.open import store_label
    from components.cli.output.console import run_with_bar

    old, new = _parse(source), _parse(target)
    verifier_key = load_verifier_key(key) if key is not None else _find_key(old, new, common.site)
    moved = run_with_bar(
        "Copying and reading back", "records", lambda progress: move_log(old, new, verifier_key, progress)
    )
    if common.as_json:
        print_json({"records": moved.records, "root": moved.root.hex()})
        return
    print(
        f"{store_label(new)}: {moved.records:,} records, verified, under the same root {moved.root.hex()}.\n"
        f"Name it in site.toml before you start the site; {store_label(old)} is as it was."
    )


def _ship_verifier(folder: Path) -> None:
    """Put the verifier beside the logs, as a file that needs nothing of ours."""
    from components.archive.durable import replace_durably
    from components.verifier.build import build_verifier

    replace_durably(folder / "verify.py", build_verifier())


def _parse(text: str) -> "StoreName":
    from components.archive.store.open import parse_private_name

    try:
        return parse_private_name(text, Path())
    except ValueError as error:
        raise SiteError(str(error)) from None


def _find_key(old: "StoreName", new: "StoreName", site: Path) -> "VerifierKey":
    """Find the key of the site's log whose store is one of these."""
    from components.archive.keys import load_verifier_key
    from components.settings.site import SiteFile

    wanted = {_absolute(old), _absolute(new)}
    for log in SiteFile(site).logs:
        if _absolute(log.store) in wanted:
            return load_verifier_key(log.verifier_key_file)
    raise SiteError(f"neither is a log of {site}; name the log's public key with --key")


def _absolute(name: "StoreName") -> "StoreName":
    return name.resolve() if isinstance(name, Path) else name
