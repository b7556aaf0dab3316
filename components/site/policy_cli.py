"""The `steelyard policy` commands (docs/commands.md)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from components.audit.cli import DEFAULT_SITE, AsJson, SiteFile
from components.site.errors import errors_in_lines
from components.site.exception_cli import app as exception_app

if TYPE_CHECKING:
    from components.site.policy_check import PolicyReport

app = App(
    name="policy",
    help="Check, try and prove the rules of who may talk and what may be said (docs/policy.md).",
)
app.command(exception_app)


@app.command
def check(file: Path, /, *, as_json: AsJson = False) -> int:
    """Check a policy.toml and run every rule's own examples; status 1 when anything is wrong.

    Parameters
    ----------
    file
        The policy; its lexicon files lie beside it.
    """
    from components.site.policy_check import check_policy, describe_report

    with errors_in_lines():
        report = check_policy(file)
    if as_json:
        print(json.dumps(describe_report(report), indent=2, ensure_ascii=False))
    else:
        _print_report(report, file)
    return 0 if report.ok else 1


@app.command
def replay(
    file: Path,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 50,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Show what a proposed policy.toml would have changed in what is recorded; the line itself is left alone.

    Parameters
    ----------
    file
        The proposed policy; its lexicon files lie beside it.
    since
        Begin with this time: a date (2026-11-23), a date and time, or how long ago (7d).
    until
        End before this time; likewise.
    limit
        Show at most so many records, the newest.
    """
    import asyncio
    import time

    from components.audit import printing
    from components.audit.checks.replay import parse_time_span
    from components.audit.checks.replay import replay as replay_policy
    from components.audit.cli import errors_in_one_line
    from components.audit.document import encode_document
    from components.audit.replay_report import describe_replay, print_replay
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        span = parse_time_span(since, until, time.time_ns())
        with printing.progress_bar("Deciding", "records") as progress:
            found = asyncio.run(replay_policy(settings, file, span, limit, progress))
    if as_json:
        print(encode_document(describe_replay(found)), end="")
    else:
        print_replay(found, printing.make_console())


@app.command
def prove(*, directory: Path | None = None, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> int:
    """Try every path between people who must not reach each other; status 1 when one is open.

    It takes the rules that the site has now, and needs no server: what it tries is decided, not sent.

    Parameters
    ----------
    directory
        Another directory.toml, to prove instead.
    """
    from components.audit.printing import progress_bar
    from components.site.policy_prove import describe_proof, format_proof, prove_site

    with errors_in_lines():
        found = prove_site(site, lambda title: progress_bar(title, "steps"), directory)
    if as_json:
        print(json.dumps(describe_proof(found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(format_proof(found)))
    return 1 if found.proof.holes else 0


def _print_report(report: "PolicyReport", file: Path) -> None:
    for problem in report.problems:
        print(f"✘ {problem}")
    for failure in report.failures:
        print(f"✘ {failure.path}: {failure.problem}")
    if not report.digest:
        print(f"{file} is not usable: {_count(len(report.problems), 'problem')}")
    elif report.failures:
        print(f"{file}: {len(report.failures)} of {_count(report.examples, 'example')} went wrong")
    else:
        print(
            f"✔ {file}: {_count(report.rules, 'rule')}, {_count(report.examples, 'example')} as they should be"
        )
        print(f"  digest {report.digest}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
