"""Stored grants of admission: signed statements, one in each file, and the people whom they admit."""
