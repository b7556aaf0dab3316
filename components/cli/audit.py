"""The auditors' commands: `steelyard audit search`, `show`, `proof`, `reconcile`, `topics`; `steelyard verify`."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, LOOK, PURPOSEFUL, Common, Look, Purposeful, RecordId
from components.process.pipe import write_output

app = App(name="audit", help="Search and check what is recorded. Every look is itself recorded.")
for command in ("search", "history", "sample"):
    app.command(f"components.cli.search:{command}")
app.command("components.cli.search:saved", name="saved")
app.command("components.cli.export:export")
app.command("components.cli.export:check_export")
for command in ("activity", "read", "replay"):
    app.command(f"components.cli.{command}:{command}")
app.command("components.cli.console:link")
for group in ("grant", "index", "matter"):
    app.command(f"components.cli.{group}:app", name=group)


@app.command
def show(record: RecordId, *, raw: bool = False, common: Look = LOOK) -> int:
    """Show one record in full, with its proof. Exit status 1 if it is not proved.

    Parameters
    ----------
    raw
        Write exactly the bytes that were submitted, and nothing else.
    """
    from components.audit.auditor import find_auditor
    from components.audit.show import show as show_record
    from components.cli.output.console import run_with_bar
    from components.cli.output.record import describe_detail, print_detail

    settings, id_ = common.open_site_of(record)
    auditor = find_auditor(settings)
    detail = run_with_bar(
        "Indexing", "entries", lambda progress: show_record(settings, id_, progress, auditor)
    )
    if raw:
        write_output(detail.body)
    else:
        common.tell(detail, describe_detail, print_detail)
    return 1 if detail.proof.fault else 0


@app.command
def proof(
    record: RecordId,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    purpose: Purposeful = PURPOSEFUL,
) -> None:
    """Write the proof of a record as a .tlog-proof file. It can be verified without the log (docs/tiles.md).

    Parameters
    ----------
    output
        Write the proof to this file; if left out, to standard output.
    """
    from components.audit.prove import prove

    proved = asyncio.run(prove(*purpose.open_site_of(record)))
    if output is None:
        print(proved.text, end="")
        return
    output.write_text(proved.text)
    print(f"{output}: proves {proved.record_id}; this look is record {proved.access_id}")


@app.command
def reconcile(*, common: Common = COMMON) -> int:
    """Check that every number which the server gave to a stanza is recorded exactly once. Exit status 1 if not."""
    from components.audit.checks.reconcile import reconcile as reconcile_log
    from components.cli.output.reconcile import describe_reconciliation, print_reconciliation
    from components.settings.site import SiteFile

    name = SiteFile(common.site).gate_log.name
    result = common.run_with_bar("Reconciling", "records", reconcile_log)
    common.tell(
        result,
        lambda found: describe_reconciliation(found, name),
        lambda found: print_reconciliation(found, name),
    )
    return 1 if result.findings else 0


@app.command
def topics(*, common: Common = COMMON) -> None:
    """Mark new conversations with the topics that they are about, by the rules that flag topics (docs/topic.md)."""
    from components.audit.checks.topics import mark_topics
    from components.cli.output.topics import describe_topics, print_topics

    marked = common.run_with_bar("Reading", "records", mark_topics)
    common.tell(marked, describe_topics, print_topics)


def verify(
    *,
    log: str | None = None,
    from_url: str | None = None,
    checkpoint: tuple[Path, ...] = (),
    witness: tuple[str, ...] = (),
    approver: tuple[str, ...] = (),
    recipient: tuple[str, ...] = (),
    without_files: bool = False,
    common: Common = COMMON,
) -> int:
    """Verify every record of every log against its tree, checkpoints and witnesses; and every file that was sent.

    Exit status 1 if any is wrong.

    Parameters
    ----------
    log
        Only this log: gate, audit or another one that the site has, such as roster.
    from_url
        Verify from the log's tiles at this http(s) address alone, without its database.
    checkpoint
        A checkpoint that was kept elsewhere, or a folder of them. May be repeated.
    witness
        The verifier key of a witness that must have cosigned, or a file with it. May be repeated.
    approver
        The verifier key of somebody who approved orders, or a file with it. May be repeated.
    recipient
        The public key of somebody who may open records, or a file with it. May be repeated.
    without_files
        Leave out the files that people sent: all their bytes are read otherwise.
    """
    from components.audit.checks.evidence import load_evidence
    from components.audit.checks.verify_site import LogChoice, Verified, verify_files, verify_site
    from components.cli.output.console import progress_bar
    from components.cli.output.verify import describe_verification, print_verification
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    evidence = load_evidence(settings, checkpoint, witness, approver, recipient)
    choice = LogChoice(log, from_url)
    reports = verify_site(settings, choice, evidence, progress_bar)
    files = None if without_files else verify_files(settings, choice, progress_bar)
    common.tell(Verified(reports, files), describe_verification, print_verification)
    return 0 if Verified(reports, files).ok else 1
