"""Proves that no path crosses a border: every pair, every path."""
