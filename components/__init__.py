"""Steelyard's processes and the packages they are made of (the code map is in the README)."""
