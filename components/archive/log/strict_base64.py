"""Base64 in its one encoding (RFC 4648, section 4), as keys, signatures and hashes are written."""

import base64


def encode_base64(data: bytes) -> str:
    """Encode bytes, with padding."""
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """Decode what `encode_base64` writes; raises ValueError for anything else."""
    data = base64.b64decode(text, validate=True)
    # Else bits that are not used could be flipped unnoticed.
    if encode_base64(data) != text:
        raise ValueError("base64 with bits left over")
    return data
