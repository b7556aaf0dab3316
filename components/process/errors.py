"""The error for problems that an operator or an auditor can fix."""

_MOST_CHARACTERS = 1000
_OF_THE_END = 300


class SiteError(Exception):
    """A problem that an operator or an auditor can fix; the message is one line that says how."""


def shorten(problem: str) -> str:
    """Return a line about a problem without the middle of what is too long for one, such as a value that it repeats."""
    left_out = len(problem) - _MOST_CHARACTERS
    if left_out <= 0:
        return problem
    begin = problem[: _MOST_CHARACTERS - _OF_THE_END]
    return f"{begin} [... {left_out:,} characters ...] {problem[-_OF_THE_END:]}"
