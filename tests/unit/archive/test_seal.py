import base64
import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from components.archive.seal import (
    NoKeyError,
    RecipientKey,
    Seal,
    SealError,
    SegmentKeys,
    advance,
    encode_segment_keys,
    new_segment_keys,
    open_payload,
    open_segment_keys,
    parse_segment_keys,
    seal_segment_keys,
)
from tests.support.archive import AUDITOR, ESCROW, ORIGIN, RECIPIENTS

CHAIN = bytes(range(32))
KEYS = SegmentKeys(0, CHAIN, {})
ERASED = SegmentKeys(9, CHAIN, {0: b"k" * 32, 3: b"l" * 32, 7: b"m" * 32})  # 1, 2, 4, 5, 6 and 8 are gone
HEADER = bytes(45)
STRANGER = RecipientKey("stranger", X25519PrivateKey.from_private_bytes(bytes([9] * 32)))


def test_the_ratchet_by_known_answers() -> None:
    """Worked out with `sha256sum`: of 0x01 and the chain, of 0x02 and the chain, and once more."""
    first, chain = advance(CHAIN)
    assert first.hex() == "491176b0f443c65a7c7d72df47d6cbc0d04e111fb5a619f60d3e77677ab6f919"
    assert chain.hex() == "121e01fd47d8c2ecdb10fa6f0a51a97a48cebd0de5231f274f5076a03e371868"
    second, chain = advance(chain)
    assert second.hex() == "46d57c2439183bbdd700f1efacad37321a2bce1b7058ca136ee998562c83d410"
    assert chain.hex() == "bc65beda5441b171f268e9c85872f832397782903a0f35671be3a44efd7e1686"


def test_keys_and_chain_are_hashes_with_prefixes_of_their_own() -> None:
    chain = CHAIN
    seen = {chain}
    for _ in range(300):
        expected = sha256(b"\x01" + chain).digest(), sha256(b"\x02" + chain).digest()
        assert advance(chain) == expected
        chain = expected[1]
        seen |= {*expected}
    assert len(seen) == 601


def test_a_new_segment_has_a_chain_of_its_own() -> None:
    one, other = new_segment_keys(), new_segment_keys()
    assert one.chain != other.chain
    assert [(keys.chain_position, len(keys.chain), keys.single) for keys in (one, other)] == [(0, 32, {})] * 2


def test_the_encoding_of_keys() -> None:
    assert encode_segment_keys(KEYS) == bytes.fromhex("0000 0000") + CHAIN
    assert encode_segment_keys(ERASED) == (
        b"\x00\x03"
        + b"\x00\x00"
        + b"k" * 32
        + b"\x00\x03"
        + b"l" * 32
        + b"\x00\x07"
        + b"m" * 32
        + b"\x00\x09"
        + CHAIN
    )
    for keys in (KEYS, ERASED):
        assert parse_segment_keys(encode_segment_keys(keys)) == keys


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        encode_segment_keys(KEYS)[:-1],
        encode_segment_keys(KEYS) + b"\0",
        b"\x00\x01" + encode_segment_keys(KEYS)[2:],
        b"\xff\xff" + encode_segment_keys(ERASED)[2:],
    ],
)
def test_what_is_no_keys(data: bytes) -> None:
    with pytest.raises(SealError, match="not the keys"):
        parse_segment_keys(data)


def test_a_sealed_payload_is_aes_gcm_under_a_key_used_once() -> None:
    sealed = Seal(AESGCM(b"k" * 32), CHAIN).seal(HEADER, b"copper?")
    assert sealed == AESGCM(b"k" * 32).encrypt(bytes(12), b"copper?", HEADER)
    assert len(sealed) == len(b"copper?") + 16
    assert open_payload(b"k" * 32, HEADER, sealed) == b"copper?"


@pytest.mark.parametrize("payload", [b"", b"x", bytes(5000)])
def test_any_bit_of_a_sealed_record_is_noticed(payload: bytes) -> None:
    sealed = Seal(AESGCM(b"k" * 32), CHAIN).seal(HEADER, payload)
    for place in (*range(min(20, len(sealed))), *range(-16, 0)):
        with pytest.raises(SealError):
            open_payload(b"k" * 32, HEADER, flipped(sealed, place))
    for place in range(len(HEADER)):
        with pytest.raises(SealError):
            open_payload(b"k" * 32, flipped(HEADER, place), sealed)
    for place in range(32):
        with pytest.raises(SealError):
            open_payload(flipped(b"k" * 32, place), HEADER, sealed)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 22])
def test_a_sealed_record_cut_short(size: int) -> None:
    sealed = Seal(AESGCM(b"k" * 32), CHAIN).seal(HEADER, b"copper?")
    with pytest.raises(SealError):
        open_payload(b"k" * 32, HEADER, sealed[:size])


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << place % 8
    return bytes(changed)


@pytest.mark.parametrize("keys", [KEYS, ERASED])
@pytest.mark.parametrize("holder", [AUDITOR, ESCROW])
def test_each_recipient_opens_the_envelopes(holder: RecipientKey, keys: SegmentKeys) -> None:
    envelopes = seal_segment_keys(keys, ORIGIN, 7, RECIPIENTS)
    assert open_segment_keys(envelopes, ORIGIN, 7, [holder]) == keys
    assert open_segment_keys(envelopes, ORIGIN, 7, [STRANGER, holder]) == keys


def test_envelopes_are_json_around_the_ciphertext_of_rfc_9180() -> None:
    envelopes = seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS)
    entries = json.loads(envelopes)
    assert json.dumps(entries, separators=(",", ":")).encode() == envelopes
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    for entry, holder in zip(entries, (AUDITOR, ESCROW), strict=True):
        assert list(entry) == ["name", "key_id", "sealed"]
        public = holder.private_key.public_key().public_bytes_raw()
        key_id = sha256(b"steelyard-recipient/1\n" + public).hexdigest()[:16]
        assert (entry["name"], entry["key_id"]) == (holder.name, key_id)
        opened = suite.decrypt(
            base64.b64decode(entry["sealed"]),
            holder.private_key,
            info=b"steelyard-segment/2\nsteelyard.example/gate\n7\n",
        )
        assert opened == encode_segment_keys(KEYS)


def test_no_two_envelopes_are_alike() -> None:
    sealed = [
        entry["sealed"]
        for _ in range(2)
        for entry in json.loads(seal_segment_keys(KEYS, ORIGIN, 7, [*RECIPIENTS, *RECIPIENTS]))
    ]
    assert len(set(sealed)) == 8


@pytest.mark.parametrize(("origin", "segment"), [(ORIGIN, 8), (ORIGIN, 71), ("steelyard.example/audit", 7)])
def test_envelopes_are_for_one_segment_of_one_log(origin: str, segment: int) -> None:
    envelopes = seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS)
    with pytest.raises(SealError, match="not for this key, or was altered"):
        open_segment_keys(envelopes, origin, segment, [AUDITOR])


def test_somebody_elses_keys_open_nothing_and_are_told_whose_would() -> None:
    envelopes = seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS)
    for openers in ([STRANGER], []):
        with pytest.raises(NoKeyError, match="segment 7 is sealed to auditor, escrow"):
            open_segment_keys(envelopes, ORIGIN, 7, openers)
    with pytest.raises(NoKeyError, match="sealed to nobody"):
        open_segment_keys(b"[]", ORIGIN, 7, [AUDITOR])


def test_a_key_that_was_put_under_anothers_id_opens_nothing() -> None:
    envelopes = seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS)
    entries = json.loads(envelopes)
    entries[0]["key_id"], entries[1]["key_id"] = entries[1]["key_id"], entries[0]["key_id"]
    for holder in (AUDITOR, ESCROW):
        with pytest.raises(SealError, match="not for this key"):
            open_segment_keys(json.dumps(entries).encode(), ORIGIN, 7, [holder])


def test_any_byte_of_an_envelope_is_noticed() -> None:
    (entry, *_) = json.loads(seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS))
    sealed = base64.b64decode(entry["sealed"])
    assert len(sealed) == 32 + 2 + 34 + 16
    for place in range(len(sealed)):
        with pytest.raises(SealError):
            AUDITOR.open_envelope(flipped(sealed, place), b"steelyard-segment/2\nsteelyard.example/gate\n7\n")


@pytest.mark.parametrize("sealed", [b"", bytes(31), bytes(32), bytes(48), bytes(84), b"\xff" * 84])
def test_bytes_that_are_no_envelope(sealed: bytes) -> None:
    with pytest.raises(SealError):
        AUDITOR.open_envelope(sealed, b"")


SEALED = json.loads(seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS))[0]["sealed"]
MALFORMED: list[Callable[[dict[str, object]], object]] = [
    lambda entry: None,
    lambda entry: 7,
    lambda entry: entry,
    lambda entry: [None],
    lambda entry: ["sealed"],
    lambda entry: [entry | {"sealed": None}],
    lambda entry: [entry | {"sealed": 1}],
    lambda entry: [entry | {"sealed": f"{SEALED} "}],
    lambda entry: [entry | {"sealed": f"{SEALED[:9]}*{SEALED[9:]}"}],
    lambda entry: [entry | {"sealed": SEALED[:-1]}],
    lambda entry: [entry | {"sealed": "é"}],
    lambda entry: [entry | {"key_id": [1]}],
    lambda entry: [{"name": "auditor", "sealed": SEALED}],
    lambda entry: [{"name": "auditor", "key_id": AUDITOR.key_id}],
    lambda entry: [{"key_id": AUDITOR.key_id, "sealed": SEALED}],
]


@pytest.mark.parametrize("malform", MALFORMED)
def test_envelopes_that_are_malformed(malform: Callable[[dict[str, object]], object]) -> None:
    entry: dict[str, object] = {"name": "auditor", "key_id": AUDITOR.key_id, "sealed": SEALED}
    with pytest.raises(SealError, match="segment 7 are malformed") as error:
        open_segment_keys(json.dumps(malform(entry)).encode(), ORIGIN, 7, [AUDITOR])
    assert not isinstance(error.value, NoKeyError)


@pytest.mark.parametrize("envelopes", [b"", b"no JSON", b"\xff", b"[" * 100_000])
def test_envelopes_that_are_no_json(envelopes: bytes) -> None:
    with pytest.raises(SealError, match="malformed"):
        open_segment_keys(envelopes, ORIGIN, 7, [AUDITOR])


def test_no_key_gets_into_a_message() -> None:
    envelopes = seal_segment_keys(KEYS, ORIGIN, 7, RECIPIENTS)
    for openers in ([STRANGER], [RecipientKey("auditor", STRANGER.private_key)]):
        with pytest.raises(SealError) as error:
            open_segment_keys(envelopes, ORIGIN, 7, openers)
        assert CHAIN.hex() not in str(error.value)
    assert CHAIN.hex() not in repr(AUDITOR)
