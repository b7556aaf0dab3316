"""Ids of stanzas as the index knows them."""

from hashlib import blake2b


def hash_id(id_: str) -> int:
    """Return the number by which the index finds an id."""
    digest = blake2b(id_.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
