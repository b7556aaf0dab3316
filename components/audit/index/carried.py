"""Files inside stanzas, in the index: found by name, type, hash and words, as uploads are (docs/files.md).

What a stanza says of an upload is there, too, whether it links to it itself or a later message does (XEP-0367).
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.audit.index.database import Connection, Value
from components.audit.reading.content import ContentState
from components.rules.file_links import FileLinks

# What reads stanzas for files is imported where there are new ones: most looks find the index up to date.
if TYPE_CHECKING:
    from policy.files.carried import CarriedFile

# `number` is that of the file among those of its stanza, as `audit show` counts them. `content` is empty for a file
# that lies elsewhere. `description` has a row for each description of an upload: in which stanza it stands, and which
# one (`source`) says that this is the upload.
SCHEMA = """
CREATE TABLE carried (
    idx INTEGER NOT NULL, number INTEGER NOT NULL, carrier TEXT NOT NULL, name TEXT NOT NULL,
    media_type TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, description TEXT NOT NULL,
    share TEXT NOT NULL, message TEXT NOT NULL, content INTEGER, PRIMARY KEY (idx, number)
) WITHOUT ROWID;
CREATE INDEX carried_type ON carried (media_type);
CREATE INDEX carried_sha256 ON carried (sha256);
CREATE INDEX carried_content ON carried (content);
CREATE INDEX carried_share ON carried (share) WHERE share != '';
CREATE INDEX carried_message ON carried (message) WHERE message != '';
CREATE TABLE description (
    id TEXT NOT NULL, idx INTEGER NOT NULL, number INTEGER NOT NULL, source INTEGER NOT NULL,
    PRIMARY KEY (id, idx, number, source)
) WITHOUT ROWID;
CREATE INDEX description_idx ON description (idx);
CREATE INDEX description_source ON description (source);
"""
TABLES = ("carried", "description")

_INSERT = """
INSERT OR IGNORE INTO carried
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT id FROM content WHERE sha256 = ? AND ? != 0))
"""
# The newest description of a shared file that the same person sent to the same one, or into the same room.
_DESCRIBED = """
SELECT carried.idx, carried.number FROM carried JOIN submission AS said USING (idx)
JOIN submission AS own ON own.idx = :idx
WHERE {match} AND carried.idx < :idx
AND (said.from_local, said.from_domain, said.to_local, said.to_domain)
  = (own.from_local, own.from_domain, own.to_local, own.to_domain)
ORDER BY carried.idx DESC LIMIT 1
"""
_BY_SHARE = _DESCRIBED.format(
    match="carried.share = :share AND carried.share != '' AND carried.message != ''"
)
_BY_MESSAGE = _DESCRIBED.format(match="carried.message = :message AND carried.message != ''")
_AT = """
SELECT number, carrier, name, media_type, size_bytes, carried.sha256, content.state, content.id, content.text
FROM carried JOIN content ON content.id = carried.content WHERE idx = ? ORDER BY number
"""
_KEPT = """
SELECT idx, number, carrier, name, media_type, size_bytes, sha256, received_at_ns,
       from_local || CASE from_local WHEN '' THEN '' ELSE '@' END || from_domain,
       to_local || CASE to_local WHEN '' THEN '' ELSE '@' END || to_domain
FROM carried JOIN submission USING (idx)
WHERE content IS NOT NULL AND received_at_ns >= ? AND received_at_ns < ? ORDER BY idx, number
"""
_SAID = """
SELECT carried.idx, name, carried.description, sha256 FROM carried
WHERE (idx, number) IN (SELECT idx, number FROM description WHERE id = ?) ORDER BY idx, number LIMIT 20
"""


@dataclass(frozen=True, slots=True)
class CarriedRow:
    """A file of the stanza at a place in the index, its number there, and the id of the upload that it is, if any."""

    idx: int
    number: int
    file: "CarriedFile"
    upload: str = ""

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.file.name


@dataclass(frozen=True, slots=True)
class IndexedCarried:
    """A file inside a stanza, what it says, and the `state` of reading that."""

    number: int
    carrier: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    state: ContentState
    content: int
    text: str


@dataclass(frozen=True, slots=True)
class KeptInside:
    """A file inside the stanza at a place, for a list: who sent it to whom, and when (Unix time in nanoseconds)."""

    place: int
    number: int
    carrier: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    at_ns: int
    owner: str
    to: str


@dataclass(frozen=True, slots=True)
class SaidOfUpload:
    """What the stanza at a place says of an upload; `sha256` is empty if it says no hash."""

    place: int
    name: str
    description: str
    sha256: str


def read_carried(place: int, stanza: bytes, links: FileLinks | None = None) -> list[CarriedRow]:
    """Return the files of a recorded stanza: those in it, and those that it describes.

    A link alone is none: where it leads to a file of the site, that file is found.
    """
    from policy.files.carried import Carrier, find_carried

    return [
        CarriedRow(place, number, file, _find_upload(links, file.url))
        for number, file in enumerate(find_carried(stanza), 1)
        if file.carrier is not Carrier.LINK
    ]


def _find_upload(links: FileLinks | None, url: str) -> str:
    found = links.find_links([url]) if links is not None and url else ()
    return next((link.id.hex() for link in found), "")


def insert_carried(db: Connection, rows: Iterable[CarriedRow]) -> None:
    """Insert rows, within the caller's transaction, after the stanzas themselves.

    The words of their names go elsewhere; what the files say is read later.
    """
    for row in rows:
        file, digest, is_inside = row.file, row.file.sha256.hex(), row.file.content is not None
        if is_inside:
            db.execute("INSERT OR IGNORE INTO content (sha256, blob) VALUES (?, '')", (digest,))
        about = (file.name, file.media_type, file.size_bytes, digest, file.description)
        ids = (file.share, file.message)
        db.execute(_INSERT, (row.idx, row.number, file.carrier, *about, *ids, digest, is_inside))
        if row.upload and (described := _find_description(db, row)):
            sql = "INSERT OR IGNORE INTO description VALUES (?, ?, ?, ?)"
            db.execute(sql, (row.upload, *described, row.idx))


def _find_description(db: Connection, row: CarriedRow) -> tuple[int, int] | None:
    """Return where an upload is described: here, or in an earlier message that this one is attached to, if any."""
    file = row.file
    if not file.is_attached:
        return row.idx, row.number
    sql = _BY_SHARE if file.share else _BY_MESSAGE
    values: dict[str, Value] = {"idx": row.idx, "share": file.share, "message": file.attached_to}
    found: tuple[int, int] | None = db.execute(sql, values).fetchone()
    return found


def find_inside(db: Connection, place: int) -> list[IndexedCarried]:
    """Find the files inside the stanza at a place, by their numbers."""
    found = []
    for number, carrier, name, media_type, size_bytes, sha256, state, content, text in db.execute(
        _AT, (place,)
    ):
        said = zlib.decompress(text).decode() if text else ""
        kind = ContentState(state)
        found.append(
            IndexedCarried(number, carrier, name, media_type, size_bytes, sha256, kind, content, said)
        )
    return found


def list_inside(db: Connection, begin_ns: int, end_ns: int) -> Iterator[KeptInside]:
    """Yield the files inside stanzas that came in a time, in the log's order."""
    return (KeptInside(*row) for row in db.execute(_KEPT, (begin_ns, end_ns)))


def find_said(db: Connection, upload: str) -> list[SaidOfUpload]:
    """Find what stanzas say of an upload, by its id, the oldest first."""
    return [SaidOfUpload(*row) for row in db.execute(_SAID, (upload,))]
