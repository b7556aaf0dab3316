"""`steelyard` commands run in the test's own process."""

from components.cli.app import run


def run_command(*arguments: object) -> int:
    """Run a command as it is typed, and return its exit status."""
    try:
        return run([str(argument) for argument in arguments])
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code
