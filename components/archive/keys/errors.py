"""What can go wrong with a key. No message holds anything of a private one."""


class KeyFileError(Exception):
    """A key is missing, malformed, readable by others, or already there; the message says what to do."""
