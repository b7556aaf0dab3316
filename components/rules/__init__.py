"""The rules in force, as files say them: read whole or not at all, and followed while they change."""
