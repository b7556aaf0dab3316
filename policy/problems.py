"""The errors of what people write: all that is wrong with it, told at once."""

from collections.abc import Iterable


class ProblemsError(Exception):
    """What somebody wrote is wrong; `problems` has a line for each fault, `path: what to do`."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
