"""The media type of a file of which nobody says what it is (RFC 2046, 4.5.1)."""

UNTYPED = "application/octet-stream"
