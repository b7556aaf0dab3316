"""Stores files sealed, under a name derived from their content, in a directory or in S3 (docs/blobs.md)."""
