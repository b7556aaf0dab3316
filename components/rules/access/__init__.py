"""Grants of admission as they are kept: signed statements, one a file, and who is admitted by them."""
