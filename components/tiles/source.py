"""Reads a log's tiles and entries from its store: only those that its newest checkpoint covers."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.archive.errors import LogDamaged
from components.archive.log.tile import HASH_SIZE_BYTES, TILE_WIDTH
from components.archive.store import CheckpointRow, LogSource
from components.tiles.resource import ENTRIES, Resource, encode_entries


@dataclass(frozen=True, slots=True)
class TileSource:
    """Reads what a tiled log publishes. Every method raises LogUnavailable or LogDamaged."""

    source: LogSource

    async def fetch_checkpoint(self) -> CheckpointRow:
        """Return the newest checkpoint."""
        row = await self.source.fetch_newest_checkpoint()
        if row is None:
            raise LogDamaged("the log has no checkpoint")
        return row

    async def fetch(self, resource: Resource) -> bytes | None:
        """Return a tile's or a bundle's bytes, None if the newest checkpoint does not cover all of it."""
        if not resource.is_in_tree((await self.fetch_checkpoint()).size):
            return None
        if resource.level == ENTRIES:
            return encode_entries(await self.fetch_leaves(resource))
        return (await self.fetch_hashes([resource]))[0]

    async def fetch_hashes(self, resources: Sequence[Resource]) -> list[bytes]:
        """Return the hashes of tiles that the newest checkpoint covers, or of the tiles under bundles."""
        # Tiles only grow: one that is read a moment later still begins with the hashes of this tree.
        found = await self.source.fetch_tiles({resource.tile for resource in resources})
        return [_cut(found.get(resource.tile, b""), resource) for resource in resources]

    async def fetch_leaves(self, resource: Resource) -> list[bytes]:
        """Return the entries of a bundle that the newest checkpoint covers."""
        first = resource.n * TILE_WIDTH
        leaves = await self.source.fetch_leaves(first, first + resource.width)
        if len(leaves) != resource.width:
            raise LogDamaged(f"{len(leaves)} of the {resource.width} records from {first} on are there")
        return leaves


def _cut(hashes: bytes, resource: Resource) -> bytes:
    hashes = hashes[: resource.width * HASH_SIZE_BYTES]
    if len(hashes) != resource.width * HASH_SIZE_BYTES:
        raise LogDamaged(f"tile {resource.tile.level}/{resource.n} is missing or cut short")
    return hashes
