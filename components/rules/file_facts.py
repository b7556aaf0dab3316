"""What is known of an uploaded file, as the transfer component tells it to the gate (JSON)."""

import json

from components.process.json_text import read_json
from policy.files.facts import ContentFacts, FileFacts, FileMark
from policy.files.slot import Purpose


def encode_facts(facts: FileFacts) -> str:
    """Return what is known of a file as a text."""
    content = facts.content
    return json.dumps(
        {
            "owner": facts.owner,
            "name": facts.name,
            "claimed_type": facts.claimed_type,
            "size_bytes": facts.size_bytes,
            "sha256": facts.sha256.hex(),
            "purpose": facts.purpose,
            "found_type": content.found_type,
            "marks": sorted(content.marks),
            "member_names": content.member_names,
            "pixels": [content.width, content.height],
        },
        separators=(",", ":"),
    )


def parse_facts(text: str) -> FileFacts:
    """Return what such a text says; raises ValueError."""
    try:
        said = read_json(text)
        width, height = map(int, said["pixels"])
        content = ContentFacts(
            str(said["found_type"]),
            frozenset(map(FileMark, said["marks"])),
            tuple(map(str, said["member_names"])),
            width,
            height,
        )
        return FileFacts(
            str(said["owner"]), str(said["name"]), str(said["claimed_type"]), int(said["size_bytes"]),
            bytes.fromhex(said["sha256"]), Purpose(said["purpose"]), content,
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError("not what is known of a file") from error
