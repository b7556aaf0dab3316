"""The auditors' commands: `steelyard audit search`, `show`, `proof` and `reconcile`, and `steelyard verify`."""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, Parameter, validators

from components.process.errors import SiteError

app = App(name="audit", help="Look into the record. Every look is itself a record.")

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
DEFAULT_SITE = Path("var/site.toml")

WRONG_USE = 2


@app.command
def search(
    *query: Annotated[str, Parameter(required=True, allow_leading_hyphen=True)],
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 50,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Search what was submitted to the gate, for example: 'copper from:alice after:2h' (docs/query.md).

    Parameters
    ----------
    query
        Words, "phrases", prefix*, AND OR NOT, from: to: with: before: after: verdict: kind: rule:.
    limit
        Show at most so many records, the newest.
    """
    from components.audit import printing
    from components.audit.document import describe_search, encode_document
    from components.audit.search import search as search_log
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        with printing.progress_bar("Indexing", "entries") as progress:
            result = asyncio.run(search_log(settings, " ".join(query), limit, progress))
    if as_json:
        print(encode_document(describe_search(result)), end="")
    else:
        printing.print_search(result, settings.gate_log.name, printing.make_console())


@app.command
def show(
    record: str,
    *,
    as_json: AsJson = False,
    raw: Annotated[bool, Parameter(negative="")] = False,
    site: SiteFile = DEFAULT_SITE,
) -> int:
    """Show one record in full, with its proof; exit status 1 when it is not proved.

    Parameters
    ----------
    record
        A record's id, such as gate/100042.
    raw
        Write exactly the bytes that were submitted, and nothing else.
    """
    from components.audit import printing
    from components.audit.document import describe_detail, encode_document
    from components.audit.show import show as show_record
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        with printing.progress_bar("Indexing", "entries") as progress:
            detail = asyncio.run(show_record(settings, record, progress))
    if raw:
        sys.stdout.buffer.write(detail.body)
    elif as_json:
        print(encode_document(describe_detail(detail)), end="")
    else:
        printing.print_detail(detail, printing.make_console())
    return 1 if detail.proof.fault else 0


@app.command
def proof(
    record: str,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Write a record's proof as a .tlog-proof file, which verifies without this log (docs/tiles.md).

    Parameters
    ----------
    record
        A record's id, such as gate/100042.
    output
        Write it to this file; else to standard output.
    """
    from components.audit.prove import prove
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        proved = asyncio.run(prove(load_audit_settings(site), record))
        if output is not None:
            output.write_text(proved.text)
    if output is None:
        print(proved.text, end="")
    else:
        print(f"{output}: proves {proved.record_id}; this look is record {proved.access_id}")


@app.command
def reconcile(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> int:
    """Check that every number which the server gave out is recorded once; status 1 when any is not."""
    from components.audit import printing
    from components.audit.checks.reconcile import reconcile as reconcile_log
    from components.audit.document import encode_document
    from components.audit.reconcile_report import describe_reconciliation, print_reconciliation
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        with printing.progress_bar("Reconciling", "records") as progress:
            result = asyncio.run(reconcile_log(settings, progress))
    if as_json:
        print(encode_document(describe_reconciliation(result, settings.gate_log.name)), end="")
    else:
        print_reconciliation(result, settings.gate_log.name, printing.make_console())
    return 1 if result.findings else 0


@app.command
def topics(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """Tell what was said since the last time is about, by the topic rules that flag (docs/topic.md)."""
    from components.audit import printing
    from components.audit.checks.topics import describe_topics, mark_topics, print_topics
    from components.audit.document import encode_document
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        with printing.progress_bar("Reading", "records") as progress:
            marked = asyncio.run(mark_topics(settings, progress))
    if as_json:
        print(encode_document(describe_topics(marked)), end="")
    else:
        print_topics(marked, printing.make_console())


def verify_command(
    *,
    log: str | None = None,
    from_url: str | None = None,
    checkpoint: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    witness: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    approver: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> int:
    """Check every record of every log against the tree, checkpoints and witnesses; status 1 if any is wrong.

    Parameters
    ----------
    log
        Only this log: gate, audit or roster.
    from_url
        Verify from the log's tiles at this http(s) address alone, without its database.
    checkpoint
        A checkpoint that was kept elsewhere, or a folder of them; may be repeated.
    witness
        The verifier key of a witness that must have cosigned, or a file with it; may be repeated.
    approver
        The verifier key of an approver of orders, or a file with it; may be repeated.
    """
    from components.audit import printing
    from components.audit.checks.evidence import load_evidence
    from components.audit.checks.verify_site import LogChoice, verify_site
    from components.audit.document import describe_verification, encode_document
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        evidence = load_evidence(settings, checkpoint, witness, approver)
        reports = verify_site(settings, LogChoice(log, from_url), evidence)
    if as_json:
        print(encode_document(describe_verification(reports)), end="")
    else:
        printing.print_verification(reports, printing.make_console())
    return 0 if all(report is None or report.ok for report in reports.values()) else 1


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn what a user can put right into one line on standard error, and exit status 2."""
    from components.archive.errors import LogError
    from components.archive.seal import NoKeyError
    from components.audit.printing import explain_query_error
    from components.audit.query.error import QueryError
    from components.settings.table import SettingsError
    from components.verifier.report import UsageError

    try:
        yield
    except QueryError as error:
        _fail(explain_query_error(error))
    except NoKeyError as error:
        _fail(f"steelyard: {error}; name the auditor's key of that time in audit.key_files")
    except (SiteError, LogError, SettingsError, UsageError) as error:
        _fail(f"steelyard: {error}")
    except OSError as error:
        _fail(f"steelyard: {error.filename or 'the system'}: {(error.strerror or str(error)).lower()}")
    except sqlite3.Error as error:
        _fail(f"steelyard: the index cannot be used: {error}; delete it, and the next search builds it again")


def _fail(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(WRONG_USE)
