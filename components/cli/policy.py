"""The `steelyard policy` commands: the rules of who may talk and what may be said."""

import time
from pathlib import Path

from cyclopts import App

from components.cli.exception import app as exception_app
from components.cli.options import COMMON, OUTPUT, Common, Limit, Output

app = App(
    name="policy",
    help="Check, try and prove the rules of who may talk and what may be said (docs/policy.md).",
)
app.command(exception_app)


@app.command
def check(file: Path, /, *, output: Output = OUTPUT) -> int:
    """Check a policy.toml and run the examples of every rule. Exit status 1 if anything is wrong.

    Parameters
    ----------
    file
        The policy. Its lexicon files lie beside it.
    """
    from components.cli.output.policy import describe_report, print_report
    from components.site.policy_check import check_policy

    report = check_policy(file)
    output.tell(report, describe_report, lambda found: print_report(found, file))
    return 0 if report.ok else 1


@app.command
def replay(
    file: Path,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    limit: Limit = 50,
    common: Common = COMMON,
) -> None:
    """Show which recorded messages a proposed policy.toml would have treated differently. The line does not change.

    Parameters
    ----------
    file
        The proposed policy. Its lexicon files lie beside it.
    since
        Begin at this time: a date (2026-11-23), a date and time, or how long ago (7d).
    until
        End before this time, written in the same way.
    """
    from components.audit.auditor import find_auditor
    from components.audit.checks.replay import parse_time_span
    from components.audit.checks.replay import replay as replay_policy
    from components.cli.output.replay import describe_replay, print_replay

    span = parse_time_span(since, until, time.time_ns())
    found = common.run_with_bar(
        "Deciding",
        "records",
        lambda site, bar: replay_policy(site, file, span, limit, bar, find_auditor(site)),
    )
    common.tell(found, describe_replay, print_replay)


@app.command
def prove(*, directory: Path | None = None, common: Common = COMMON) -> int:
    """Try the paths between people who must not reach each other. Exit status 1 if one is open.

    It takes the rules that the site has now, and needs no server: it only decides, and sends nothing.

    Parameters
    ----------
    directory
        Prove this directory.toml instead of the site's.
    """
    from components.cli.output.console import progress_bar
    from components.cli.output.policy import describe_proof, print_proof
    from components.site.policy_prove import prove_site

    found = prove_site(common.site, progress_bar, directory)
    common.tell(found, describe_proof, print_proof)
    return 1 if found.proof.holes else 0
