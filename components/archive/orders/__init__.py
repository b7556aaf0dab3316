"""Orders of two approvers to the archive: holds, expiry, erasure; given, carried out, answered."""
