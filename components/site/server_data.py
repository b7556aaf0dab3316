"""What the server keeps, as one file of a backup: accounts, rosters, rooms, avatars, what waits for who is away.

Its archives of messages are left out: what was said is in the logs, and they would be the larger part of a backup.
"""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from components.archive.backup import CopyError
from components.archive.durable import PRIVATE, PRIVATE_FOLDER, make_folder, write_whole
from components.process.json_text import read_json

FORMAT = "steelyard-server-data/1"
# Prosody's stores of messages (mod_mam, mod_muc_mam), and the lists of what is due to leave them.
LEFT_OUT = frozenset({"archive", "archive_cleanup", "muc_log", "muc_log_cleanup"})
_DRAFT = "~"


def pack_server_data(folder: Path) -> bytes:
    """Return the files below a folder of Prosody's as one JSON document; raises OSError.

    The server may write meanwhile. It replaces each file as a whole.
    """
    files = {name: base64.b64encode(content).decode() for name, content in _read_files(folder)}
    return json.dumps({"format": FORMAT, "files": files}, separators=(",", ":"), sort_keys=True).encode()


def _read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if LEFT_OUT & set(place.parts[:-1]) or path.name.endswith(_DRAFT) or not path.is_file():
            continue
        try:
            yield place.as_posix(), path.read_bytes()
        except FileNotFoundError:
            continue  # the server has just removed it, as what waited for somebody who came


def unpack_server_data(content: bytes, folder: Path) -> list[Path]:
    """Write the files of such a document into a folder that is not there yet, and return them.

    They are made beside it: killed in between, the folder is not there. Raises CopyError and OSError.
    """
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    names = []
    for name, data in _parse(content):
        place = draft / name
        make_folder(place.parent, PRIVATE_FOLDER)
        write_whole(place, data, PRIVATE)
        names.append(name)
    make_folder(draft, PRIVATE_FOLDER)
    draft.replace(folder)
    return [folder / name for name in names]


def _parse(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        document = read_json(content)
        if document["format"] != FORMAT:
            raise CopyError(f"the server's data are of the format {document['format']!r}, not {FORMAT!r}")
        for name, data in document["files"].items():
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts:
                raise CopyError(f"the server's data have a file outside its folder: {name!r}")
            yield name, base64.b64decode(data, validate=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CopyError(f"the server's data are malformed: {error}") from None
