"""The `steelyard directory` commands (docs/commands.md)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from components.cli.errors import errors_in_lines

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
DEFAULT_SITE = Path("var/site.toml")
NOT_AS_IT_SHOULD_BE = 1
WOULD_CHANGE = 3

app = App(name="directory", help="Show, plan and apply who is on the line (docs/directory.md).")


class _WrongError(Exception):
    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__()
        self.problems = problems


@app.command
def show(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> int:
    """Show who is on the line, by enterprise and desk."""
    from components.directory.apply import read_directory
    from components.directory.describe import describe_directory, directory_lines
    from components.settings.directory import find_directory_file

    try:
        with _problems_told():
            directory = read_directory(find_directory_file(site))
    except _WrongError as error:
        return _tell(error.problems, as_json=as_json)
    if as_json:
        _print_json(describe_directory(directory))
    else:
        print("\n".join(directory_lines(directory)))
    return 0


@app.command
def plan(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> int:
    """Show what the sources would change, and change nothing; status 3 when there is something to change."""
    from components.directory.apply import plan_site
    from components.directory.describe import describe_plan, plan_lines
    from components.settings.directory import load_site_directory

    try:
        with _problems_told():
            found = plan_site(load_site_directory(site))
    except _WrongError as error:
        return _tell(error.problems, as_json=as_json)
    if as_json:
        _print_json(describe_plan(found))
    else:
        print("\n".join(plan_lines(found)) or "nothing to change")
        for refusal in found.refusals:
            print(f"✘ {refusal}")
    return WOULD_CHANGE if found.changes else 0


@app.command
def apply(
    *,
    allow_departures: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> int:
    """Write what the sources list to directory.toml; the running gate takes it up at once.

    Parameters
    ----------
    allow_departures
        Let up to so many people leave each enterprise this time, whatever `directory.max_departures` says.
    """
    from components.directory.apply import ApplyRefusedError, apply_site
    from components.directory.describe import describe_plan, plan_lines
    from components.settings.directory import load_site_directory

    try:
        with _problems_told():
            done = apply_site(load_site_directory(site), allowed_departures=allow_departures)
    except _WrongError as error:
        return _tell(error.problems, as_json=as_json)
    except ApplyRefusedError as error:
        if as_json:
            _print_json(describe_plan(error.plan))
        else:
            print("\n".join(plan_lines(error.plan)))
            _tell(error.plan.refusals, as_json=False)
        return NOT_AS_IT_SHOULD_BE
    if as_json:
        _print_json(describe_plan(done, applied=bool(done.changes)))
    else:
        print("\n".join(plan_lines(done)) or "nothing to change")
    return 0


@contextmanager
def _problems_told() -> Iterator[None]:
    from components.directory.people import SourceError
    from components.directory.plan import PlanError

    with errors_in_lines():
        try:
            yield
        except (SourceError, PlanError) as error:
            raise _WrongError(error.problems) from None


def _tell(problems: tuple[str, ...], *, as_json: bool) -> int:
    if as_json:
        _print_json({"problems": list(problems)})
    else:
        for problem in problems:
            print(f"✘ {problem}")
    return NOT_AS_IT_SHOULD_BE


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
