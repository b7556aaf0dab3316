"""Messages as they lie in the spool of an export."""

from dataclasses import asdict
from hashlib import blake2b

import orjson

from components.audit.export.message import ExportFile, ExportMessage
from components.audit.export.text import clean_value


def hash_alias(conversation: str, id_: str) -> bytes:
    """Return what stands for an id in a conversation."""
    return blake2b(f"{conversation}\n{id_}".encode(errors="replace"), digest_size=16).digest()


def encode_message(message: ExportMessage) -> bytes:
    """Encode a message for the spool; a lone half of a surrogate is replaced."""
    try:
        return orjson.dumps(message)
    except TypeError:
        return orjson.dumps(clean_value(asdict(message)))


def decode_message(data: bytes, gone: frozenset[str]) -> ExportMessage:
    """Decode a message of the spool, without the files that are `gone` since."""
    fields = orjson.loads(data)
    fields["ids"], fields["emojis"], fields["rules"] = (
        tuple(fields[name]) for name in ("ids", "emojis", "rules")
    )
    fields["files"] = tuple(_decode_file(each, gone) for each in fields["files"])
    return ExportMessage(**fields)


def _decode_file(fields: dict[str, str], gone: frozenset[str]) -> ExportFile:
    if fields["path"] in gone:
        fields = {**fields, "path": "", "fault": "destroyed during the export"}
    return ExportFile(**fields)  # type: ignore[arg-type]  # as _encode wrote them
