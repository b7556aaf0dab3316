"""The error for files that people write, with all mistakes at once."""

from collections.abc import Iterable


class ProblemsError(Exception):
    """A file is wrong; `problems` has a line for each mistake, `path: what to do`."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
