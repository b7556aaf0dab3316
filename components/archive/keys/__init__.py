"""The keys of logs and of their readers, in files, in age files, or in a PKCS#11 token (docs/keys.md)."""

from components.archive.keys.conversation import create_conversation_key, load_conversation_key
from components.archive.keys.errors import KeyFileError
from components.archive.keys.log_key import create_log_key, load_log_key, load_verifier_key, rename_log_key
from components.archive.keys.recipient import create_recipient_key, load_recipient, load_recipient_key

__all__ = [
    "KeyFileError",
    "create_conversation_key",
    "create_log_key",
    "create_recipient_key",
    "load_conversation_key",
    "load_log_key",
    "load_recipient",
    "load_recipient_key",
    "load_verifier_key",
    "rename_log_key",
]
