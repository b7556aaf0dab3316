"""The `steelyard policy` commands (docs/commands.md)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.site.errors import errors_in_lines
from components.site.exception_cli import app as exception_app

if TYPE_CHECKING:
    from components.site.policy_check import PolicyReport

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
DEFAULT_SITE = Path("var/site.toml")

app = App(
    name="policy", help="Check and prove the rules of who may talk and what may be said (docs/policy.md)."
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
