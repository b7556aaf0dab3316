"""Attaching to a server that already runs, whose configuration somebody else writes (docs/attach.md)."""
