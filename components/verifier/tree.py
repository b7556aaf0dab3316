"""The Merkle tree (RFC 6962, 2.1), a tile of 256 leaves at a time."""

from hashlib import sha256

from components.verifier.format import HASH_SIZE_BYTES, TILE_WIDTH


class Tree:
    """An RFC 6962 tree that grows by whole tiles; the last one may be shorter.

    `nodes` are the roots of the perfect subtrees of whole tiles, the tallest first; `upper[l]` gathers the hashes of
    tile level `l + 1`.
    """

    def __init__(self) -> None:
        self.upper: list[list[bytes]] = []
        self._nodes: list[bytes] = []
        self._tiles = 0
        self._before: list[bytes] = []
        self._rows: list[list[bytes]] = [[]]

    def add_tile(self, hashes: list[bytes]) -> None:
        """Add the leaf hashes of the next tile."""
        self._before, self._rows = list(self._nodes), build_rows(hashes)
        if len(hashes) < TILE_WIDTH:
            return
        node, height, carry = self._rows[8][0], 8, self._tiles
        self._gather(0, node)
        while carry & 1:
            node = sha256(b"\x01" + self._nodes.pop() + node).digest()
            carry >>= 1
            height += 1
            if height % 8 == 0:
                self._gather(height // 8 - 1, node)
        self._nodes.append(node)
        self._tiles += 1

    def root_at(self, width: int) -> bytes:
        """Return the root when the last tile added had its first `width` hashes only."""
        return join_nodes([*self._before, *nodes_of(self._rows, width)])

    def root_with(self, hashes: list[bytes]) -> bytes:
        """Return the root that the tree would have with these hashes as its next tile."""
        return join_nodes([*self._nodes, *nodes_of(build_rows(hashes), len(hashes))])

    def _gather(self, level: int, node: bytes) -> None:
        if level == len(self.upper):
            self.upper.append([])
        self.upper[level].append(node)


def build_rows(hashes: list[bytes]) -> list[list[bytes]]:
    """Hash leaf hashes into pairs, pairs into fours and so on; an odd one at the right stays below."""
    rows = [hashes]
    while len(rows[-1]) > 1:
        data = b"".join(rows[-1])
        ends = range(64, len(data) + 1, 64)
        rows.append([sha256(b"\x01" + data[end - 64 : end]).digest() for end in ends])
    return rows


def nodes_of(rows: list[list[bytes]], width: int) -> list[bytes]:
    """Return the roots of the perfect subtrees over the first `width` hashes, the tallest first."""
    nodes, start = [], 0
    for height in range(width.bit_length() - 1, -1, -1):
        if width >> height & 1:
            nodes.append(rows[height][start >> height])
            start += 1 << height
    return nodes


def join_nodes(nodes: list[bytes]) -> bytes:
    """Join the roots of perfect subtrees from the right into the tree's root."""
    if not nodes:
        return sha256(b"").digest()
    root = nodes[-1]
    for node in nodes[-2::-1]:
        root = sha256(b"\x01" + node + root).digest()
    return root


def hash_leaf(leaf: bytes) -> bytes:
    """Hash a leaf."""
    return sha256(b"\x00" + leaf).digest()


def split_hashes(tile: bytes) -> list[bytes]:
    """Split a tile into its hashes."""
    return [tile[start : start + HASH_SIZE_BYTES] for start in range(0, len(tile), HASH_SIZE_BYTES)]
