"""The command that hands over what is recorded: `steelyard audit export`."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from components.cli.options import LOOK, AtSite, Look


def export(
    *query: Annotated[str, Parameter(allow_leading_hyphen=True)],
    output: Annotated[Path, Parameter(alias="-o")],
    format_: Annotated[str, Parameter(name="--format")] = "jsonl",
    resume: Annotated[bool, Parameter(negative=())] = False,
    zone: str = "UTC",
    limit: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    incomplete: Annotated[bool, Parameter(negative=())] = False,
    at: AtSite = "",
    common: Look = LOOK,
) -> int:
    """Export what a query matches, with a manifest and what proves each record (docs/export.md).

    Where site.toml names other sites (audit.sites), each is exported to a folder of its own, and messages.jsonl has
    each message once. Exit status 1 if one was left out, or was behind.

    Parameters
    ----------
    query
        As for `audit search`; leave it out with --resume.
    output
        The folder to write: a new or an empty one.
    format_
        rsmf, eml, actiance, jsonl, csv, html, pdf or xep0227.
    resume
        Go on with the export in this folder, which was stopped.
    zone
        The time zone in which times are written and days divided, such as Europe/London.
    limit
        Export nothing if more records than this match; 0: any number.
    incomplete
        Of several sites, export those that can be exported now; the manifest names what is missing.
    """
    from components.audit.export.export import Wanted
    from components.audit.sites.export import Asking
    from components.audit.sites.handed_over import HandOver, hand_over
    from components.cli.output.console import run_with_bar
    from components.cli.output.export import tell_export
    from components.process.errors import SiteError

    if resume == bool(query):
        raise SiteError("name a query to export, or --resume without one")
    wanted = Wanted(" ".join(query), format_, zone, common.matter, common.reason, limit)
    settings, asked = common.open_site(at), HandOver(output, None if resume else wanted, is_of_all=not at)
    exported = run_with_bar(
        "Exporting", "steps", lambda bar: hand_over(settings, asked, Asking(bar, is_partial=incomplete))
    )
    return tell_export(exported, common)


def check_export(
    folder: Path,
    *,
    key: Annotated[list[Path] | None, Parameter(negative=())] = None,
    at: AtSite = "",
    common: Look = LOOK,
) -> int:
    """Check an export as whoever gets it does, with what to do if something is wrong. Exit status 1 if something is.

    Parameters
    ----------
    folder
        The export's folder.
    key
        File with the public key of a log: of each that has records in it, and of the audit log. This site's own if it
        is left out.
    """
    from components.audit.checks.export import check_export as check
    from components.cli.output.export import describe_checked, print_checked

    checked = asyncio.run(check(common.open_site(at), folder, tuple(key or ())))
    common.tell(checked, describe_checked, print_checked)
    return 0 if checked.report.ok else 1
