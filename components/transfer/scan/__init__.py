"""Asks a virus scanner, clamd, about each file."""
