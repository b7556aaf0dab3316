"""The demonstration's chat page: a newcomer is one of its traders, in a browser (docs/chat.md)."""
