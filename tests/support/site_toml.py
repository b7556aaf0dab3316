"""A whole site.toml for tests of parts that need no running site: all required tables, and what a test adds."""

import json
from collections.abc import Mapping
from pathlib import Path

REQUIRED: Mapping[str, Mapping[str, object]] = {
    "site": {"name": "Metals", "logs": "logs"},
    "prosody": {"domains": ["metals.example"], "folder": "prosody", "certificates": "certs"},
    "gate": {
        "jid": "gate.metals.example",
        "secret_file": "keys/gate.secret",
        "directory": "directory.toml",
        "log": "archive/gate.db",
        "log_origin": "metals.example/gate",
        "log_key_file": "keys/log-gate.key",
        "status_file": "run/gate.status.json",
    },
    "archive": {
        "recipients": ["keys/auditor.pub", "keys/escrow.pub"],
        "conversation_key_file": "keys/conversation.key",
    },
    "audit": {
        "log": "archive/audit.db",
        "log_origin": "metals.example/audit",
        "log_key_file": "keys/log-audit.key",
        "index": "archive/index.db",
        "key_files": ["keys/auditor.key"],
    },
}


def write_site_toml(path: Path, more: str = "", **tables: Mapping[str, object]) -> Path:
    """Write it, and return its path; `tables` adds settings, `more` is put at its end as it is."""
    document = {name: {**REQUIRED.get(name, {}), **tables.get(name, {})} for name in (*REQUIRED, *tables)}
    lines = [
        line
        for name, settings in document.items()
        for line in (f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in settings.items()))
    ]
    path.write_text("\n".join((*lines, more)), "utf-8")
    return path


def _toml(value: object) -> str:
    return json.dumps(value if isinstance(value, int | float | list) else str(value))
