"""The `steelyard` command (docs/commands.md)."""

import os
import sys
from collections.abc import Sequence
from contextvars import copy_context

from cyclopts import App, Parameter

from components.cli.access import app as access_app
from components.cli.archive import app as archive_app
from components.cli.audit import app as audit_app
from components.cli.audit import verify
from components.cli.console import link
from components.cli.directory import app as directory_app
from components.cli.errors import told_in_lines
from components.cli.files import app as files_app
from components.cli.keys import app as keys_app
from components.cli.policy import app as policy_app
from components.cli.review import app as review_app
from components.cli.site import backup, check, init, restore, up


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
for command in (init, up, check, backup, restore, verify):
    app.command(command)
audit_app.command(link)
for group in (access_app, archive_app, audit_app, directory_app, files_app, keys_app, policy_app, review_app):
    app.command(group)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's own) and return its exit status.

    Errors that a person can fix go to standard error, and raise SystemExit with status 2.
    """
    with told_in_lines():
        # In a context of its own: what a command says of its looks is forgotten when it ends.
        status: int = copy_context().run(
            app,
            arguments,
            exit_on_error=False,
            print_error=False,
            result_action="return_int_as_exit_code_else_zero",
        )
    return status


def main() -> None:
    """Run this process's command line, and end with its exit status."""
    try:
        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has seen enough (`steelyard audit search ... | head`): print nothing more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
