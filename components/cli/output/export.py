"""What `steelyard audit export` prints."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from components.audit.checks.export import CheckedExport, advise
from components.audit.export.export import ExportResult
from components.audit.export.manifest import name_keys
from components.audit.sites.export import SitesExport
from components.audit.sites.manifest import ExportedSite
from components.cli.options import Output
from components.cli.output.console import make_console, make_fields, make_look
from components.cli.output.terminal import show_text
from components.verifier.export import render_export


def tell_export(found: ExportResult | SitesExport, output: Output) -> int:
    """Print an export, for people or as one JSON object; return 1 if a site is missing in it, otherwise 0."""
    if isinstance(found, SitesExport):
        output.tell(found, _describe_sites, _print_sites)
        return 0 if found.is_complete else 1
    output.tell(found, _describe_one, _print_one)
    return 0


def _describe_sites(found: SitesExport) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "format": found.wanted.format,
        "query": found.wanted.query,
        "messages": found.messages,
        "doubles": found.doubles,
        "complete": found.is_complete,
        "not_exported": [{"site": each.name, "reason": each.reason} for each in found.faults],
        "sites": [_describe_site(each) for each in found.sites],
        "completed": found.completed_id,
    }


def _describe_site(site: ExportedSite) -> dict[str, Any]:
    return {
        "site": site.name,
        "folder": site.folder,
        "matched": site.matched,
        "exported": site.exported,
        "left_out": dict(site.left_out),
        "access": site.access,
        "completed": site.completed,
        "behind": site.behind or None,
    }


def _print_sites(found: SitesExport) -> None:
    console = make_console()
    more = f", and {found.doubles:,} more records of the same messages" if found.doubles else ""
    fields = {
        "Folder": str(found.folder),
        "Format": found.wanted.format,
        "Messages": f"{found.messages:,} matched, each once{more}",
        **{each.name: _count(each.matched, each.exported, each.left_out) for each in found.sites},
        "Check it": f"steelyard audit check-export {found.folder}",
        "Others check it": "python verify.py export FOLDER --key LOG.pub ... (the keys of all sites)",
    }
    console.print(make_fields(fields))
    missing = [
        f"{each.name} may have more than was exported: {each.behind}" for each in found.sites if each.behind
    ]
    missing += [f"{fault.name} was NOT exported: {fault.reason}" for fault in found.faults]
    for told in missing:
        console.print(show_text(told), style="bold red", markup=False)
    looks = ", ".join(f"{each.name}:{each.access}" for each in found.sites)
    console.print(f"Its completion is record {found.completed_id}. These looks are {looks}.", markup=False)


def _count(matched: int, exported: int, left_out: Mapping[str, int]) -> str:
    more = "".join(f" + {count:,} {why}" for why, count in left_out.items())
    return f"{matched:,} matched = {exported:,} exported{more}"


def _describe_one(result: ExportResult) -> dict[str, Any]:
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


def _print_one(result: ExportResult) -> None:
    counts = result.counts
    console = make_console()
    console.print(
        make_fields(
            {
                "Folder": str(result.folder),
                "Format": result.format,
                "Records": _count(counts.matched, counts.exported, counts.left_out),
                "Files": f"{result.files:,}, listed in manifest.json",
                "Check it": f"steelyard audit check-export {result.folder}",
                "Others check it": f"python verify.py export FOLDER {name_keys(result.keys)}",
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
