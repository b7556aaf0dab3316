"""`steelyard doctor`: what is wrong with a running site, how bad it is, and what mends it (docs/operations.md)."""
