"""Attaching to an ejabberd that already runs (docs/attach.md)."""
