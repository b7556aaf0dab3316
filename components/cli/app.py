"""What the `steelyard` command line has, and how one is run (docs/commands.md)."""

from collections.abc import Sequence
from contextvars import copy_context

from cyclopts import App, Parameter

from components.cli.errors import told_in_lines


def _version() -> str:
    import importlib.metadata

    return f"steelyard {importlib.metadata.version('steelyard')}"


app = App(
    name="steelyard",
    help="A recorded line for trading firms, on open XMPP.",
    version=_version,
    version_flags=["--version"],
    # There is no `--no-json`, and the help shows no default for options that are off or empty unless they are given.
    default_parameter=Parameter(negative="", show_default=lambda value: value or None),
)
# By name: a command line imports the command that it runs, and no other.
for command in ("init", "up", "run", "units", "check", "doctor", "restart", "backup", "restore"):
    app.command(f"components.cli.site:{command}")
app.command("components.cli.audit:verify")
for group in (
    "access", "archive", "attach", "audit", "directory", "federation", "files", "keys", "policy", "review",
):  # fmt: skip
    app.command(f"components.cli.{group}:app", name=group)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's own) and return its exit status.

    Errors that a person can fix go to standard error, and raise SystemExit with status 2.
    """
    with told_in_lines():
        _import_what_help_lists(arguments)
        # In a context of its own: what a command says of its looks is forgotten when it ends.
        status: int = copy_context().run(
            app,
            arguments,
            exit_on_error=False,
            print_error=False,
            result_action="return_int_as_exit_code_else_zero",
        )
    return status


def _import_what_help_lists(arguments: Sequence[str] | None) -> None:
    """Import the commands of the last group that is named: its help, shown without a command too, tells of each."""
    names, named, _ = app.parse_commands(arguments)
    group = named[-2 if {"--help", "-h"} & {*names} else -1]
    if group.default_command is None:
        for name in group:
            _ = group[name]
