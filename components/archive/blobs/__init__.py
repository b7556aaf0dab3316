"""Files, kept sealed under a name that their content gives them, in a directory or in S3 (docs/blobs.md)."""
