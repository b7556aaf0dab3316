"""docs/archive-format.md says what the code does."""

import base64
import hmac
import json
import re
import sqlite3
import struct
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from components.archive.conversation import ConversationHash
from components.archive.log.leaf import LEAF_SIZE_BYTES, LEAF_VERSION
from components.archive.log.note import make_signer
from components.archive.record import RecordKind, encode_submission, parse_record
from components.archive.seal import Recipient, SegmentKeys
from components.archive.segment import MAX_AGE_S, MAX_RECORDS
from components.archive.store import FORMAT
from components.archive.store.migrations import known_migrations
from components.archive.store.sqlite import WAL_PAGES, SqliteStore
from components.archive.writer import Entry, LogWriter
from components.verifier.build import build_verifier
from tests.support.sealed_log import read_payloads, read_segments

DOCUMENT = (Path(__file__).parents[3] / "docs/archive-format.md").read_text("utf-8")

# The keys that the example's text describes.
ORIGIN = "steelyard.example/gate"
AUDITOR = X25519PrivateKey.from_private_bytes(bytes([1] * 32))
CONVERSATION_KEY = bytes([2] * 32)
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
START_NS = 1_795_464_245_000_000_000  # 2026-11-23T20:04:05Z


def given(name: str) -> str:
    """Find a line `name  value` of the example; a value may go on in indented lines."""
    found = re.search(rf"^{name} {{2,}}(\S+(?:\n {{11}}\S+)*)$", DOCUMENT, re.MULTILINE)
    assert found, name
    return re.sub(r"\s+", "", found[1])


def example_payload() -> bytes:
    documented = re.search(r'```\n(\{"epoch".*?)\n```', DOCUMENT, re.DOTALL)
    assert documented
    return documented[1].encode()


def example_checkpoint() -> str:
    documented = re.search(rf"```\n({ORIGIN}\n.*?)```", DOCUMENT, re.DOTALL)
    assert documented
    return documented[1]


def test_the_schema() -> None:
    documented = re.search(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    assert documented
    with closing(sqlite3.connect(":memory:")) as database:
        for migration in known_migrations("sqlite"):
            database.executescript(migration.sql)
        tables = database.execute(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
        ).fetchall()
    assert documented[1].splitlines() == [sql for (sql,) in tables]


def test_the_example_of_sealing_by_itself() -> None:
    """Worked out from the document alone, with hashes, AES-GCM and HPKE from elsewhere."""
    chain = bytes.fromhex(given("c0"))
    record_key = sha256(b"\x01" + chain).digest()
    assert (given("k0"), given("c1")) == (record_key.hex(), sha256(b"\x02" + chain).hexdigest())

    (envelope,) = json.loads(given("envelopes"))
    public = AUDITOR.public_key().public_bytes_raw()
    key_id = sha256(b"steelyard-recipient/1\n" + public).digest()[:8].hex()
    assert (envelope["name"], envelope["key_id"]) == ("auditor", key_id)
    sealed = base64.b64decode(envelope["sealed"])
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    opened = suite.decrypt(sealed, AUDITOR, info=f"steelyard-segment/2\n{ORIGIN}\n1\n".encode())
    assert opened == bytes(2) + bytes(2) + chain

    header, stored = bytes.fromhex(given("header")), base64.b64decode(given("stored"))
    assert AESGCM(record_key).encrypt(bytes(12), example_payload(), header) == stored
    assert len(stored) == len(example_payload()) + 16


def test_the_example_of_leaves_and_checkpoint_by_itself() -> None:
    beginning = given("payload 0").encode()
    assert json.loads(beginning) == {
        "segment": 1,
        "retention_class": 1,
        "keys_sha256": sha256(given("envelopes").encode()).hexdigest(),
        "recipients": ["auditor"],
    }
    talk = b"alice@metals.example\nbob@metals.example\n"
    conversation = hmac.digest(CONVERSATION_KEY, talk, "sha256")[:16]
    stored = base64.b64decode(given("stored"))
    leaves = [
        struct.pack(">BBQQIBHI", 2, 64, 0, START_NS, 0, 0, 0, len(beginning))
        + bytes(16)
        + sha256(beginning).digest(),
        struct.pack(">BBQQIBHI", 2, 1, 1, START_NS, 1, 1, 0, len(stored))
        + conversation
        + sha256(stored).digest(),
    ]
    assert leaves[1][:45].hex() == given("header")
    hashes = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    for number in (0, 1):
        assert leaves[number].hex() == given(f"leaf {number}")
        assert hashes[number].hex() == given(f"hash {number}")

    root = sha256(b"\x01" + hashes[0] + hashes[1]).digest()
    text = f"{ORIGIN}\n2\n{base64.b64encode(root).decode()}\n"
    raw_key = b"\x01" + LOG_KEY.public_key().public_bytes_raw()
    key_id = sha256(ORIGIN.encode() + b"\n" + raw_key).digest()[:4]
    signature = base64.b64encode(key_id + LOG_KEY.sign(text.encode())).decode()
    assert example_checkpoint() == f"{text}\n— {ORIGIN} {signature}\n"
    assert f"`{ORIGIN}+{key_id.hex()}+{base64.b64encode(raw_key).decode()}`" in DOCUMENT


def test_the_example_of_a_mac_by_itself() -> None:
    """HKDF (RFC 5869) by its two steps, and HMAC, from elsewhere."""
    text = f"steelyard-tail-key/1\n{ORIGIN}\n".encode()
    extracted = hmac.digest(bytes(32), LOG_KEY.sign(text), "sha256")
    key = hmac.digest(extracted, text + b"\x01", "sha256")
    assert given("k") == key.hex()
    leaves = bytes.fromhex(given("leaf 0") + given("leaf 1"))
    assert given("mac") == hmac.digest(key, leaves, "sha256")[:16].hex()


async def test_the_example_is_what_the_writer_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its random bytes replaced by those of the example: the chain key, and the envelopes' own."""
    chain, envelopes = bytes.fromhex(given("c0")), given("envelopes").encode()
    monkeypatch.setattr("components.archive.segment.new_segment_keys", lambda: SegmentKeys(0, chain, {}))
    monkeypatch.setattr("components.archive.segment.seal_segment_keys", lambda *_: envelopes)
    recipients = [Recipient("auditor", AUDITOR.public_key())]
    store = await SqliteStore.open(tmp_path / "gate.db")
    writer = await LogWriter.open_on(store, make_signer(ORIGIN, LOG_KEY), recipients, lambda: START_NS)
    conversation = ConversationHash(CONVERSATION_KEY).of_people("bob@metals.example", "alice@metals.example")
    await writer.append([Entry(RecordKind.STANZA, example_payload(), 1, conversation)])
    await writer.sign()
    await store.close()

    with closing(sqlite3.connect(tmp_path / "gate.db")) as database:
        leaves = [leaf.hex() for (leaf,) in database.execute("SELECT leaf FROM record ORDER BY idx")]
        (note,) = database.execute("SELECT note FROM checkpoint WHERE size = 2").fetchone()
    assert leaves == [given("leaf 0"), given("leaf 1")]
    stored = base64.b64decode(given("stored"))
    assert read_payloads(tmp_path / "gate.db") == [given("payload 0").encode(), stored]
    assert read_segments(tmp_path / "gate.db")[0].keys == envelopes
    assert note == example_checkpoint()


def test_the_example_of_a_payload() -> None:
    payload = example_payload()
    assert encode_submission(parse_record(RecordKind.STANZA, payload)) == payload  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", RecordKind)
def test_every_kind_of_record(kind: RecordKind) -> None:
    name = kind.name.lower().replace("_", " ")
    in_a_table = f"| {kind.value} {name} |" in DOCUMENT
    assert in_a_table or (name, f"*details* (kind {kind.value}," in DOCUMENT) == ("order details", True)


def test_every_problem_that_the_verifier_names() -> None:
    source = build_verifier().decode()
    named = set(
        re.findall(
            r'(?:add\(|Problem\(|flaw ?= ?|kind(?:, detail)? = |else )\s*"([a-z]+(?:-[a-z]+)*)"', source
        )
    )
    table = DOCUMENT.partition("| problem | what it means |")[2].partition("\n\n")[0]
    documented = {
        name
        for row in table.splitlines()
        for name in re.findall(r"`([a-z-]+)`", row.split("|")[1:2][0] if "|" in row else "")
    }
    assert named == documented


def test_the_numbers() -> None:
    prose = " ".join(DOCUMENT.split())
    assert f"steelyard-log/{LEAF_VERSION}" == FORMAT
    for said in (
        f"`{FORMAT}`",
        f"| leaf | {LEAF_SIZE_BYTES} bytes",
        f"every {WAL_PAGES:,} pages",
        f"more than {MAX_RECORDS:,} records",
        f"after {MAX_AGE_S // 60} minutes",
    ):
        assert said in prose
    assert "EXAMPLE" not in DOCUMENT
