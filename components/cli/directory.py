"""The `steelyard directory` commands: who is on the line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from components.cli.options import COMMON, Common
from components.cli.output.json_printer import print_json

NOT_AS_IT_SHOULD_BE = 1
WOULD_CHANGE = 3

app = App(name="directory", help="Show and change who is on the line (docs/directory.md).")


@app.command
def show(*, common: Common = COMMON) -> None:
    """Show who is on the line, by enterprise and desk."""
    from components.cli.output.directory import describe_directory, print_directory
    from components.directory.apply import read_directory
    from components.settings.site import SiteFile

    with _problems_told(common.as_json):
        directory = read_directory(SiteFile(common.site).gate.directory_file)
    common.tell(directory, describe_directory, print_directory)


@app.command
def plan(*, common: Common = COMMON) -> int:
    """Show what the sources of people would change, and change nothing. Exit status 3 if there is a change."""
    from components.cli.output.directory import describe_plan, print_plan
    from components.directory.apply import find_site_directory, plan_site
    from components.settings.site import SiteFile

    with _problems_told(common.as_json):
        found = plan_site(find_site_directory(SiteFile(common.site)))
    common.tell(found, describe_plan, lambda change: print_plan(change, change.refusals))
    return WOULD_CHANGE if found.changes else 0


@app.command
def apply(
    *,
    allow_departures: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    common: Common = COMMON,
) -> int:
    """Write to directory.toml whom the sources list. The running gate takes it up at once.

    Parameters
    ----------
    allow_departures
        Let this many people leave each enterprise this time, whatever directory.max_departures says.
    """
    from components.cli.output.directory import describe_plan, print_plan
    from components.directory.apply import ApplyRefusedError, apply_site, find_site_directory
    from components.settings.site import SiteFile

    refusals: tuple[str, ...] = ()
    with _problems_told(common.as_json):
        try:
            found = apply_site(
                find_site_directory(SiteFile(common.site)), allowed_departures=allow_departures
            )
        except ApplyRefusedError as error:
            found, refusals = error.plan, error.plan.refusals
    common.tell(
        found,
        lambda change: describe_plan(change, applied=bool(change.changes) and not refusals),
        lambda change: print_plan(change, refusals),
    )
    return NOT_AS_IT_SHOULD_BE if refusals else 0


@contextmanager
def _problems_told(as_json: bool) -> Iterator[None]:
    """Print what is wrong with the sources or the directory, and end with status 1."""
    from components.cli.output.directory import print_problems
    from policy.problems import ProblemsError

    try:
        yield
    except ProblemsError as error:
        if as_json:
            print_json({"problems": list(error.problems)})
        else:
            print_problems(error.problems)
        sys.exit(NOT_AS_IT_SHOULD_BE)
