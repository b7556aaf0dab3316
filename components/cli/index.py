"""The commands for the auditors' index: `steelyard audit index status`, `check` and `rebuild`."""

import asyncio

from cyclopts import App

from components.cli.options import COMMON, Common

app = App(name="index", help="Look after the index that searches use. It can be made again from the logs.")


@app.command
def status(*, common: Common = COMMON) -> int:
    """Say how far the index is, and whether the indexer is well. Exit status 1 if it is not."""
    from components.audit.checks.index import read_index_status
    from components.cli.output.index import describe_status, print_status
    from components.settings.site import SiteFile

    found = asyncio.run(read_index_status(SiteFile(common.site)))
    common.tell(found, describe_status, print_status)
    return 1 if found.fault else 0


@app.command
def check(*, common: Common = COMMON) -> int:
    """Make the index a second time, beside it, and compare every row. Exit status 1 if one differs."""
    from components.audit.checks.index import check_index
    from components.cli.output.index import describe_check, print_check

    found = common.run_with_bar("Indexing anew", "entries", check_index)
    common.tell(found, describe_check, print_check)
    return 1 if found.differences else 0


@app.command
def rebuild(*, common: Common = COMMON) -> None:
    """Delete the index and make it again from the logs. Searches meanwhile wait for it."""
    from components.audit.checks.index import rebuild_index
    from components.cli.output.index import describe_status, print_status

    found = common.run_with_bar("Indexing", "entries", rebuild_index)
    common.tell(found, describe_status, print_status)
