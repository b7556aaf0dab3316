"""The log's public formats (RFC 6962, C2SP), pure: bytes in, bytes out."""
