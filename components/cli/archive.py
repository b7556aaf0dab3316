"""The archive's commands: `steelyard archive ...`; each part adds its own with `app.command`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.cli import orders as retention_cli
from components.cli.audit import DEFAULT_SITE, AsJson, SiteFile, errors_in_one_line

if TYPE_CHECKING:
    from components.archive.log.note import VerifierKey
    from components.archive.store.open import StoreName

app = App(
    name="archive",
    help="Hold, expire and erase what is recorded; copy and publish the logs, sealed as they are.",
)
retention_cli.register(app)


@app.command
def move(
    source: str,
    target: str,
    /,
    *,
    key: Annotated[Path | None, Parameter(negative="")] = None,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Copy a log from one store to another, with the same tree head; the first is left as it is (docs/backup.md).

    Parameters
    ----------
    source
        The log: the path of an SQLite file, or postgresql://user@host/database#log.
    target
        Where it is to be: likewise; empty, or with an earlier copy of the same log.
    key
        The log's public key (.pub); else that of the site's log which one of the two is.
    """
    from components.archive.backup.move import move_log
    from components.archive.keys import KeyFileError, load_verifier_key
    from components.archive.store.open import store_label
    from components.cli.output.document import encode_document
    from components.cli.output.printing import progress_bar
    from components.process.errors import SiteError

    with errors_in_one_line():
        names = _parse(source), _parse(target)
        try:
            verifier_key = load_verifier_key(key) if key is not None else _find_key(names, site)
        except KeyFileError as error:
            raise SiteError(str(error)) from None
        with progress_bar("Copying and reading back", "records") as progress:
            moved = asyncio.run(move_log(*names, verifier_key, progress))
    if as_json:
        print(encode_document({"records": moved.records, "root": moved.root.hex()}), end="")
        return
    print(
        f"{store_label(names[1])}: {moved.records:,} records, verified, under the same root {moved.root.hex()}.\n"
        f"Name it in site.toml before you start the site; {store_label(names[0])} is as it was."
    )


def _parse(text: str) -> "StoreName":
    from components.archive.store.open import parse_store_name
    from components.process.errors import SiteError

    try:
        return parse_store_name(text, Path())
    except ValueError as error:
        raise SiteError(str(error)) from None


def _find_key(names: tuple["StoreName", "StoreName"], site: Path) -> "VerifierKey":
    """Find the key of the site's log that one of these stores is."""
    from components.archive.keys import load_verifier_key
    from components.process.errors import SiteError
    from components.settings.audit import load_audit_settings

    settings = load_audit_settings(site)
    wanted = {_absolute(name) for name in names}
    for log in settings.logs:
        if _absolute(log.store) in wanted:
            return load_verifier_key(log.verifier_key_file)
    raise SiteError(f"neither is a log of {site}; name the log's public key with --key")


def _absolute(name: "StoreName") -> "StoreName":
    return name.resolve() if isinstance(name, Path) else name
