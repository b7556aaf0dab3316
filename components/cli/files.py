"""The commands for files that people sent: `steelyard files ...`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, LOOK, Common, Limit, Look

app = App(
    name="files", help="List, show and write out files that people sent. Every look is itself recorded."
)

FileRecordId = Annotated[
    str,
    Parameter(help="The id of a file's record, such as transfer/17, or of a file in a stanza: gate/17.2."),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Choice:
    """Which files a command is about: those that match all of these."""

    owner: Annotated[str, Parameter(help="Only those that this person sent, by JID.")] = ""
    name: Annotated[
        str, Parameter(help="Only those whose names have this part, in small or capital letters.")
    ] = ""
    sha256: Annotated[str, Parameter(name="--hash", help="Only those whose content's SHA-256 begins so.")] = (
        ""
    )
    after: Annotated[
        str,
        Parameter(
            help="Only those that came at this time or later: a date, or how long ago, such as 7d (docs/query.md)."
        ),
    ] = ""
    before: Annotated[str, Parameter(help="Only those that came before this time.")] = ""


ALL = Choice()


@app.command(name="list")
def list_files(
    *,
    choice: Choice = ALL,
    inside: Annotated[
        bool, Parameter(negative=(), help="Those inside stanzas (small pictures, avatars), not the uploads.")
    ] = False,
    limit: Limit = 50,
    common: Look = LOOK,
) -> None:
    """List the files that are kept: who sent each, and what it is called."""
    from components.audit.auditor import find_auditor
    from components.audit.files.inside import list_files_inside
    from components.audit.files.list import FileFilter
    from components.audit.files.list import list_files as list_kept
    from components.cli.output.console import run_with_bar
    from components.cli.output.files import describe_list, print_list
    from components.cli.output.inside import describe_inside_list, print_inside_list

    settings, wanted = (
        common.open_site(),
        FileFilter(choice.owner, choice.name, choice.sha256, choice.after, choice.before),
    )
    auditor = find_auditor(settings)
    if inside:
        kept = run_with_bar(
            "Reading", "records", lambda bar: list_files_inside(settings, wanted, limit, bar, auditor)
        )
        common.tell(kept, describe_inside_list, print_inside_list)
        return
    found = run_with_bar("Reading", "records", lambda bar: list_kept(settings, wanted, limit, bar, auditor))
    common.tell(found, describe_list, print_list)


@app.command
def rescan(
    *,
    choice: Choice = ALL,
    report_only: bool = False,
    common: Common = COMMON,
) -> int:
    """Look into kept files again, with the rules, signatures and lists of today. Exit status 1 if anything is found.

    What is found that a file's record does not say is a record in the log of the auditors' looks. A file that would be
    held or refused today, and that people can still fetch, is shut by the running site.

    Parameters
    ----------
    report_only
        Shut nothing.
    """
    import asyncio

    from components.audit.auditor import find_auditor
    from components.audit.files.list import FileFilter
    from components.cli.output.console import progress_bar
    from components.cli.output.files import describe_rescan, print_rescan
    from components.settings.site import SiteFile
    from components.site.rescan import rescan_files

    settings, wanted = (
        SiteFile(common.site),
        FileFilter(choice.owner, choice.name, choice.sha256, choice.after, choice.before),
    )
    found = asyncio.run(
        rescan_files(settings, wanted, progress_bar, find_auditor(settings), report_only=report_only)
    )
    common.tell(found, describe_rescan, print_rescan)
    return 1 if found.findings else 0


@app.command
def show(record: FileRecordId, *, common: Look = LOOK) -> int:
    """Show one file's record with its proof, the state of its blob, and who fetched it.

    Exit status 1 if the record is not proved, or the blob is damaged or missing.
    """
    from components.audit.auditor import find_auditor
    from components.audit.files.inside import is_inside, show_file_inside
    from components.audit.files.show import show_file
    from components.cli.output.console import run_with_bar
    from components.cli.output.files import describe_file, print_file
    from components.cli.output.inside import describe_inside, print_inside

    settings = common.open_site()
    auditor = find_auditor(settings)
    if is_inside(record):
        file = run_with_bar(
            "Reading", "records", lambda bar: show_file_inside(settings, record, bar, auditor)
        )
        common.tell(file, describe_inside, print_inside)
        return 1 if file.record.proof.fault else 0
    detail = run_with_bar("Reading", "records", lambda bar: show_file(settings, record, bar, auditor))
    common.tell(detail, describe_file, print_file)
    return 1 if detail.record.proof.fault or not detail.is_whole else 0


@app.command
def fetch(record: FileRecordId, *, timeout: float = 600.0, common: Look = LOOK) -> None:
    """Have a file brought to this machine that was too large to come by itself (docs/feed.md).

    Parameters
    ----------
    timeout
        How many seconds to wait for it.
    """
    import asyncio

    from components.audit.auditor import find_auditor
    from components.audit.files.fetch import fetch_file

    settings = common.open_site()
    fetched = asyncio.run(fetch_file(settings, record, timeout, find_auditor(settings)))
    common.tell(
        fetched,
        lambda file: {"record": file.record, "access": file.access_id},
        lambda file: print(f"the file of {file.record} is here; this request is record {file.access_id}"),
    )


@app.command
def export(record: FileRecordId, *, out: Path = Path(), delivered: bool = False, common: Look = LOOK) -> None:
    """Open a file with the auditors' key, check it, and write it under the name that it was sent with.

    Nothing is overwritten. The name is made harmless: it cannot lead to another folder.

    Parameters
    ----------
    out
        The folder for the file (default: the current one).
    delivered
        What readers got: of a picture whose metadata a rule took out, the copy without them.
    """
    from components.audit.auditor import find_auditor
    from components.audit.files.export import export_file
    from components.audit.files.inside import export_file_inside, is_inside
    from components.cli.output.console import run_with_bar
    from components.cli.output.files import describe_export, print_export
    from components.cli.output.inside import describe_inside_export, print_inside_export

    settings = common.open_site()
    auditor = find_auditor(settings)
    if is_inside(record):
        file = run_with_bar(
            "Writing", "bytes", lambda bar: export_file_inside(settings, record, out, bar, auditor)
        )
        common.tell(file, describe_inside_export, print_inside_export)
        return
    exported = run_with_bar(
        "Writing", "bytes", lambda bar: export_file(settings, record, out, bar, auditor, delivered=delivered)
    )
    common.tell(exported, describe_export, print_export)
