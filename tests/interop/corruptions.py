"""What can be wrong with published tiles and proofs, each by name."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.log.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from components.archive.log.leaf import LEAF_SIZE_BYTES
from components.archive.log.note import make_signer
from components.archive.log.proof import parse_proof
from tests.support.archive import ORIGIN, SIGNER

ENTRY_SIZE_BYTES = 2 + LEAF_SIZE_BYTES

Damage = Callable[[Path], None]
"""Changes a folder of tiles that has three whole tiles or fewer on level 0, and one tile on level 1."""


def flip_bit(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def partial(folder: Path, level: str) -> Path:
    """The unfinished tile that the newest checkpoint needs: the widest."""
    return max(folder.glob(f"tile/{level}/*.p/*"), key=lambda file: (file.parent.name, int(file.name)))


def swap(one: Path, other: Path) -> None:
    one_content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(one_content)


def edit_note(folder: Path, old: str, new: str) -> None:
    file = folder / "checkpoint"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def edit_checkpoint(folder: Path, size: int = 0, root: bytes = b"") -> None:
    """Change the text without signing it again."""
    checkpoint = parse_checkpoint((folder / "checkpoint").read_text().partition("\n\n")[0] + "\n")
    if size:
        edit_note(folder, f"\n{checkpoint.size}\n", f"\n{checkpoint.size + size}\n")
    if root:
        edit_note(folder, base64.b64encode(checkpoint.root).decode(), base64.b64encode(root).decode())


def sign_anew(folder: Path, size: int = 0, root: bytes = b"", name: str = ORIGIN) -> None:
    """Sign another checkpoint, by the log's own key unless `name` is another's."""
    text = (folder / "checkpoint").read_text().partition("\n\n")[0] + "\n"
    checkpoint = parse_checkpoint(text)
    signer = SIGNER if name == ORIGIN else make_signer(name, Ed25519PrivateKey.generate())
    forged = Checkpoint(name, checkpoint.size + size, root or checkpoint.root)
    (folder / "checkpoint").write_text(sign_checkpoint(forged, signer))


def drop_entry(folder: Path) -> None:
    file = folder / "tile/entries/000"
    file.write_bytes(file.read_bytes()[ENTRY_SIZE_BYTES:])


def swap_entries(folder: Path) -> None:
    file = folder / "tile/entries/000"
    bundle = file.read_bytes()
    first, second = bundle[:ENTRY_SIZE_BYTES], bundle[ENTRY_SIZE_BYTES : 2 * ENTRY_SIZE_BYTES]
    file.write_bytes(second + first + bundle[2 * ENTRY_SIZE_BYTES :])


def truncate(file: Path, bytes_less: int) -> None:
    file.write_bytes(file.read_bytes()[:-bytes_less])


FOLDERS: dict[str, Damage] = {
    "a bit of a whole tile": lambda folder: flip_bit(folder / "tile/0/001", 4000),
    "a bit of the unfinished tile": lambda folder: flip_bit(partial(folder, "0"), 5),
    "a bit of the tile on level 1": lambda folder: flip_bit(partial(folder, "1"), 40),
    "a bit of an entry": lambda folder: flip_bit(folder / "tile/entries/000", 10 * ENTRY_SIZE_BYTES + 20),
    "a bit of an entry's length": lambda folder: flip_bit(
        folder / "tile/entries/000", 10 * ENTRY_SIZE_BYTES + 1
    ),
    "a bit of the last bundle": lambda folder: flip_bit(partial(folder, "entries"), 30),
    "two tiles swapped": lambda folder: swap(folder / "tile/0/000", folder / "tile/0/001"),
    "two bundles swapped": lambda folder: swap(folder / "tile/entries/000", folder / "tile/entries/001"),
    "two entries swapped": swap_entries,
    "an entry left out": drop_entry,
    "a tile cut short by a hash": lambda folder: truncate(folder / "tile/0/001", 32),
    "a tile cut short by a byte": lambda folder: truncate(folder / "tile/0/001", 1),
    "a bundle cut short": lambda folder: truncate(folder / "tile/entries/001", 3),
    "a tile missing": lambda folder: (folder / "tile/0/000").unlink(),
    "a bundle missing": lambda folder: (folder / "tile/entries/000").unlink(),
    "no checkpoint": lambda folder: (folder / "checkpoint").unlink(),
    "no tiles": lambda folder: shutil.rmtree(folder / "tile"),
    "the checkpoint's size": lambda folder: edit_checkpoint(folder, size=-1),
    "the checkpoint's root": lambda folder: edit_checkpoint(folder, root=bytes(32)),
    "the checkpoint's origin": lambda folder: edit_note(folder, ORIGIN, "steelyard.example/gates"),
    "the signature": lambda folder: edit_note(folder, "=\n\n—", "=\n\n— a b\n—"),
    "signed for another root": lambda folder: sign_anew(folder, root=bytes(31) + b"\x01"),
    "signed for a smaller size": lambda folder: sign_anew(folder, size=-1),
    "signed for a larger size": lambda folder: sign_anew(folder, size=1),
    "signed by a stranger": lambda folder: sign_anew(folder, name="steelyard.example/other"),
}


def flip_signature(folder: Path) -> None:
    file = folder / "checkpoint"
    lines = file.read_text().splitlines()
    head, _, signature = lines[-1].rpartition(" ")
    raw = bytearray(base64.b64decode(signature))
    raw[20] ^= 1
    lines[-1] = f"{head} {base64.b64encode(raw).decode()}"
    file.write_text("\n".join(lines) + "\n")


FOLDERS["a bit of the signature"] = flip_signature

Edit = Callable[[list[str]], list[str]]


def _replaced(lines: list[str], place: int, line: str) -> list[str]:
    return [*lines[:place], line, *lines[place + 1 :]]


def _flipped(lines: list[str], place: int, byte: int, word: str = "") -> list[str]:
    raw = bytearray(base64.b64decode(lines[place].removeprefix(word)))
    raw[byte] ^= 1
    return _replaced(lines, place, word + base64.b64encode(raw).decode())


# A proof's lines: the format's name, extra, index, hashes, an empty one, origin, size, root, an empty one, signature.
PROOFS: dict[str, Edit] = {
    "the format's name": lambda lines: _replaced(lines, 0, "c2sp.org/tlog-proof@v2"),
    "a bit of the leaf's kind": lambda lines: _flipped(lines, 1, 1, "extra "),
    "a bit of the leaf's hash": lambda lines: _flipped(lines, 1, 76, "extra "),
    "no leaf": lambda lines: [lines[0], *lines[2:]],
    "the next index": lambda lines: _replaced(lines, 2, f"index {int(lines[2].split()[1]) + 1}"),
    "the index before": lambda lines: _replaced(lines, 2, f"index {int(lines[2].split()[1]) - 1}"),
    "an index beyond the tree": lambda lines: _replaced(lines, 2, "index 100000"),
    "no index": lambda lines: [*lines[:2], *lines[3:]],
    "a bit of the first hash": lambda lines: _flipped(lines, 3, 0),
    "a bit of the second hash": lambda lines: _flipped(lines, 4, 31),
    "two hashes swapped": lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
    "a hash too few": lambda lines: [*lines[:3], *lines[4:]],
    "a hash too many": lambda lines: [*lines[:4], lines[3], *lines[4:]],
    "a hash cut short": lambda lines: _replaced(lines, 3, base64.b64encode(bytes(31)).decode()),
    "the checkpoint's size": lambda lines: _replaced(lines, -5, str(int(lines[-5]) - 1)),
    "a bit of the checkpoint's root": lambda lines: _flipped(lines, -4, 9),
    "the checkpoint's origin": lambda lines: _replaced(lines, -6, "steelyard.example/gates"),
    "no signature": lambda lines: [*lines[:-2], ""],
    "no checkpoint": lambda lines: [*lines[: lines.index("")], ""],
}


def forge_proof(text: str, signed: str) -> str:
    """Put a checkpoint of another tree, which the log did sign, into a proof."""
    return text.removesuffix(parse_proof(text).note) + signed
