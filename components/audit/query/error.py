"""An error in a query, with its place."""


class QueryError(ValueError):
    """The query cannot be understood: `message` says what to do, `position` is the character, from 0."""

    def __init__(self, message: str, query: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.query = query
        self.position = position
