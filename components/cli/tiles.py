"""`steelyard archive tiles`: a site's logs as files that any web server can serve."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from components.cli.audit import DEFAULT_SITE, AsJson, SiteFile, errors_in_one_line

if TYPE_CHECKING:
    from components.archive.store.open import StoreName
    from components.settings.log import LogSettings
    from components.tiles.export import Exported


def tiles(
    folder: Path,
    *,
    log: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Write the tiles, entries and newest checkpoint of each log to FOLDER/<log>; only what is new (docs/tiles.md).

    Parameters
    ----------
    folder
        The folder that a web server serves; it is made if it is not there.
    log
        Only this log, such as gate; may be given more than once.
    """
    from components.cli.output.document import encode_document
    from components.process.errors import SiteError
    from components.settings.audit import load_audit_settings

    exported: dict[str, Exported] = {}
    with errors_in_one_line():
        settings = load_audit_settings(site)
        known = {each.name: each for each in settings.logs}
        if unknown := [name for name in log if name not in known]:
            raise SiteError(f"there is no log {unknown[0]}: name {' or '.join(known)}")
        for name in log or [name for name, each in known.items() if _may_exist(each.store)]:
            exported[name] = _export(known[name], folder / name)
        _ship_verifier(folder)
    if as_json:
        print(
            encode_document(
                {name: {"size": each.size, "files": each.files} for name, each in exported.items()}
            )
        )
        return
    for name, each in exported.items():
        print(f"{folder / name}: the tree of {each.size:,} records; {each.files:,} files written")


def _ship_verifier(folder: Path) -> None:
    """Put the verifier beside the logs, as a file that needs nothing of ours."""
    from components.archive.durable import replace_durably
    from components.verifier.build import build_verifier

    replace_durably(folder / "verify.py", build_verifier())


def _may_exist(store: "StoreName") -> bool:
    """Tell whether there may be a log: the auditors' is made by the first look."""
    from components.archive.store.open import log_file

    file = log_file(store)
    return file is None or file.exists()


def _export(log: "LogSettings", folder: Path) -> "Exported":
    from components.archive.keys import KeyFileError
    from components.archive.keys.log_key import load_verifier_keys
    from components.archive.reader import LogReader
    from components.cli.output.printing import progress_bar
    from components.process.errors import SiteError
    from components.tiles.export import export_tiles
    from components.tiles.folder import TileFolder, TileFolderError

    async def export() -> "Exported":
        keys = load_verifier_keys(log.verifier_key_file)
        reader = await LogReader.open(log.store)
        try:
            with progress_bar(f"Writing {log.name}", "files") as progress, TileFolder.open(folder) as target:
                return await export_tiles(reader, keys, target, progress)
        finally:
            await reader.close()

    try:
        return asyncio.run(export())
    except (KeyFileError, TileFolderError) as error:
        raise SiteError(str(error)) from error
