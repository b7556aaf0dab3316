"""A witness for tests: cosignatures made by hand from C2SP tlog-cosignature."""

import base64
import struct
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from components.archive.log.checkpoint import parse_checkpoint

TIME_S = 1_795_470_000
ED25519_KEY = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
ML_DSA_KEY = MLDSA44PrivateKey.from_seed_bytes(bytes([8] * 32))


def vkey(name: str, type_: int, public: bytes) -> str:
    raw = bytes([type_]) + public
    key_id = sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(raw).decode()}"


def line(vkey_: str, signature: bytes) -> str:
    name, key_id, _ = vkey_.split("+", 2)
    return f"— {name} {base64.b64encode(bytes.fromhex(key_id) + signature).decode()}\n"


ED25519_WITNESS = vkey("witness.example/w1", 4, ED25519_KEY.public_key().public_bytes_raw())
ML_DSA_WITNESS = vkey("witness.example/w2", 6, ML_DSA_KEY.public_key().public_bytes_raw())


def cosign_ed25519(text: str, time_s: int = TIME_S) -> str:
    message = f"cosignature/v1\ntime {time_s}\n{text}".encode()
    return line(ED25519_WITNESS, struct.pack(">Q", time_s) + ED25519_KEY.sign(message))


def cosign_ml_dsa(text: str, time_s: int = TIME_S) -> str:
    checkpoint = parse_checkpoint(text)
    name, origin = b"witness.example/w2", checkpoint.origin.encode()
    message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + struct.pack(">Q", time_s)
    message += bytes([len(origin)]) + origin + struct.pack(">QQ", 0, checkpoint.size) + checkpoint.root
    return line(ML_DSA_WITNESS, struct.pack(">Q", time_s) + ML_DSA_KEY.sign(message))
