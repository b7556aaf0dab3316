"""The commands about several sites: `steelyard federation reconcile`."""

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from components.cli.options import COMMON, Common

app = App(name="federation", help="Several sites: whether their archives agree (docs/sites.md).")


@app.command
def reconcile(
    *, grace_s: Annotated[float, Parameter(validator=Number(gte=0))] = 60.0, common: Common = COMMON
) -> int:
    """Compare what each site's archive says it sent to another with what the other's says it received.

    Exit status 1 if they do not agree, or if a site was not read.

    Parameters
    ----------
    grace_s
        What was sent so many seconds before the newest record of the other archive may still be on its way.
    """
    from components.audit.sites.reconcile import reconcile_sites
    from components.cli.output.federation import describe_reconciled, print_reconciled

    found = common.run_with_bar("Reading", "records", lambda site, bar: reconcile_sites(site, grace_s, bar))
    common.tell(found, describe_reconciled, print_reconciled)
    return 0 if found.ok else 1
