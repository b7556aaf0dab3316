"""What `steelyard audit export` prints."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from components.audit.checks.export import CheckedExport, advise
from components.audit.export.export import ExportResult
from components.cli.options import Output
from components.cli.output.console import make_console, make_fields, make_look
from components.cli.output.terminal import show_text
from components.verifier.export import render_export

if TYPE_CHECKING:
    from components.audit.sites.export import SitesExport


def tell_sites_export(found: "SitesExport", output: Output) -> None:
    """Print an export over several sites, for people or as one JSON object."""
    from components.audit.sites.export import describe_sites

    output.tell(found, lambda all_: {"folder": str(all_.folder), **describe_sites(all_)}, _print_sites)


def _print_sites(found: "SitesExport") -> None:
    console = make_console()
    for each in found.sites:
        console.print(f"{each.name}:", style="bold", markup=False)
        print_export(each.result, each.name)
        if each.behind:
            told = f"{each.name} may have more than was exported: {each.behind}"
            console.print(show_text(told), style="bold red", markup=False)
    for fault in found.faults:
        told = f"{fault.name} was NOT exported: {fault.reason}"
        console.print(show_text(told), style="bold red", markup=False)


def describe_export(result: ExportResult) -> dict[str, Any]:
    """Return an export as an object of JSON."""
    return {
        "folder": str(result.folder),
        "format": result.format,
        "matched": result.counts.matched,
        "exported": result.counts.exported,
        "left_out": dict(result.counts.left_out),
        "files": result.files,
        "access": result.access_id,
        "completed": result.completed_id,
    }


def print_export(result: ExportResult, site: str = "") -> None:
    """Print an export for people; with the name of its site where there are several."""
    counts = result.counts
    left_out = "".join(f" + {count:,} {why}" for why, count in counts.left_out.items())
    console = make_console()
    console.print(
        make_fields(
            {
                "Folder": str(result.folder),
                "Format": result.format,
                "Records": f"{counts.matched:,} matched = {counts.exported:,} exported{left_out}",
                "Files": f"{result.files:,}, listed in manifest.json",
                "Check it": f"steelyard audit check-export {result.folder}{f' --at {site}' if site else ''}",
                "Others check it": "python verify.py export FOLDER --key log-gate.pub --key log-audit.pub",
            }
        )
    )
    console.print(make_look(result.access_id, f"Its completion is record {result.completed_id}."))


def describe_checked(checked: CheckedExport) -> dict[str, Any]:
    """Return what was found of an export as an object of JSON."""
    return {
        **asdict(checked.report),
        "ok": checked.report.ok,
        "advice": list(advise(checked.report)),
        "access": checked.access_id,
    }


def print_checked(checked: CheckedExport) -> None:
    """Print what was found of an export for people."""
    console = make_console()
    console.print(show_text(render_export(checked.report), keep="\n"), markup=False, highlight=False)
    for each in advise(checked.report):
        console.print(f"To do: {each}", markup=False, highlight=False)
    console.print(make_look(checked.access_id))
