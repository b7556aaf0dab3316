"""The `steelyard directory` commands: who is on the line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from components.cli.options import DEFAULT_SITE, AsJson, SiteOption
from components.cli.output.json_printer import print_json

NOT_AS_IT_SHOULD_BE = 1
WOULD_CHANGE = 3

app = App(name="directory", help="Show and change who is on the line (docs/directory.md).")


@app.command
def show(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show who is on the line, by enterprise and desk."""
    from components.cli.output.directory import describe_directory, print_directory
    from components.directory.apply import read_directory
    from components.settings.site import SiteFile

    with _problems_told(as_json):
        directory = read_directory(SiteFile(site).gate.directory_file)
    if as_json:
        print_json(describe_directory(directory))
    else:
        print_directory(directory)


@app.command
def plan(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> int:
    """Show what the sources of people would change, and change nothing. Exit status 3 if there is a change."""
    from components.cli.output.directory import describe_plan, print_plan
    from components.directory.apply import find_site_directory, plan_site
    from components.settings.site import SiteFile

    with _problems_told(as_json):
        found = plan_site(find_site_directory(SiteFile(site)))
    if as_json:
        print_json(describe_plan(found))
    else:
        print_plan(found, found.refusals)
    return WOULD_CHANGE if found.changes else 0


@app.command
def apply(
    *,
    allow_departures: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
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
    with _problems_told(as_json):
        try:
            found = apply_site(find_site_directory(SiteFile(site)), allowed_departures=allow_departures)
        except ApplyRefusedError as error:
            found, refusals = error.plan, error.plan.refusals
    if as_json:
        print_json(describe_plan(found, applied=bool(found.changes) and not refusals))
    else:
        print_plan(found, refusals)
    return NOT_AS_IT_SHOULD_BE if refusals else 0


@contextmanager
def _problems_told(as_json: bool) -> Iterator[None]:
    """Tell what is wrong with the sources or the directory, and end with status 1."""
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
