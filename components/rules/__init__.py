"""The rules in force, from their files: read as a whole or not at all, and followed while they change."""
