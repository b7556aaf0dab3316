"""docs/blobs.md is enough to read a blob: a reader made from it alone, with `cryptography` and nothing of ours."""

import base64
import hmac
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from components.archive.blobs.directory import DirectoryObjects
from tests.support.blobs import ADDRESS_KEY, SITE, content, open_store, pieces

AUDITORS_PRIVATE_KEY = bytes([1] * 32)
CHUNK, TAG, TRAILER = 65_536, 16, 42


def read_blob(folder: Path, address: str, private_key: bytes) -> bytes:
    klass, digest = address.split("/")
    head = json.loads((folder / "head" / klass / digest[:2] / digest).read_bytes())
    assert head["format"] == "steelyard-blob/1"
    private = X25519PrivateKey.from_private_bytes(private_key)
    public = private.public_key().public_bytes_raw()
    key_id = sha256(b"steelyard-recipient/1\n" + public).digest()[:8].hex()
    (sealed,) = [each["sealed"] for each in head["envelopes"] if each["key_id"] == key_id]
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    info = f"steelyard-blob/1\n{SITE}\n{address}\n".encode()
    secret = suite.decrypt(base64.b64decode(sealed), private, info=info)
    key, size, digest_of_content = secret[:32], int.from_bytes(secret[32:40], "big"), secret[40:72]

    stored = (folder / head["data"]).read_bytes()
    assert len(stored) == head["stored_size_bytes"]
    assert sha256(stored).hexdigest() == head["stored_sha256"]
    trailer = stored[-TRAILER:]
    assert trailer[:34] == int(klass).to_bytes(2, "big") + bytes.fromhex(digest)
    assert trailer[34:] == sha256(b"steelyard-blob/1\n" + trailer[:34]).digest()[:8]
    count = max(1, -(-size // CHUNK))
    opened = b""
    for number in range(count):
        chunk = stored[:-TRAILER][number * (CHUNK + TAG) : (number + 1) * (CHUNK + TAG)]
        nonce = number.to_bytes(11, "big") + bytes([number == count - 1])
        opened += AESGCM(key).decrypt(nonce, chunk, None)
    assert (len(opened), sha256(opened).digest()) == (size, digest_of_content)
    expected = address_of(opened, int(klass), [each["key_id"] for each in head["envelopes"]])
    assert address == expected
    return opened


def address_of(data: bytes, klass: int, key_ids: list[str]) -> str:
    text = "".join(
        f"{line}\n"
        for line in ("steelyard-blob/1", SITE, "", klass, ",".join(sorted(key_ids)), sha256(data).hexdigest())
    )
    return f"{klass}/{hmac.digest(ADDRESS_KEY, text.encode(), 'sha256').hex()}"


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK + 99])
async def test_a_reader_made_from_the_document(size: int, tmp_path: Path) -> None:
    data = content(size)
    blob = await open_store(DirectoryObjects(tmp_path)).put(pieces(data), 7)
    assert read_blob(tmp_path, str(blob.address), AUDITORS_PRIVATE_KEY) == data


async def test_the_documents_example_is_what_is_written(tmp_path: Path) -> None:
    document = (Path(__file__).parents[4] / "docs/blobs.md").read_text()
    example: dict[str, Any] = json.loads(document.split("```json\n")[1].split("```")[0])
    store = open_store(DirectoryObjects(tmp_path))
    address = (await store.put(pieces(b"copper"), 1, enterprise="metals")).address
    head: dict[str, Any] = json.loads((tmp_path / address.head_name).read_bytes())
    assert list(head) == list(example)
    assert head["address"] == example["address"]
    assert [each["key_id"] for each in head["envelopes"]] == [each["key_id"] for each in example["envelopes"]]
    lines = document.split("## 1. Address")[1].split("```\n")[1]
    digest = hmac.digest(ADDRESS_KEY, lines.encode(), "sha256").hex()
    assert f"1/{digest}" == example["address"]
    tombstone_example = json.loads(document.split("```json\n")[2].split("```")[0])
    await store.destroy(address, "20261124T101500Z-3f2a")
    tombstone = json.loads((tmp_path / address.head_name).read_bytes())
    assert list(tombstone) == list(tombstone_example)
    assert tombstone["order"] == tombstone_example["order"]
