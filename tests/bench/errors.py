"""What can go wrong with a measurement itself."""


class BenchError(Exception):
    """A measurement cannot be made, or what it measured is not what it should have; one line that says which."""
