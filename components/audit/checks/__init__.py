"""Checks of a whole archive: verified, reconciled, replayed, topics measured."""
