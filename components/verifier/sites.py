"""Verifies an export over several sites: that of each site, and that each message is in it once (docs/export.md)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from components.verifier.evidence import STANZA, prove_completion, read_record
from components.verifier.export import (
    ExportReport,
    check_files,
    describe_opened,
    group_keys,
    parse_manifest,
    read_lines,
    read_manifest,
    verify_export,
)
from components.verifier.format import read_json
from components.verifier.report import Findings, Problem, UsageError

SITES_FORMAT = "steelyard-sites-export/1"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


def verify_any_export(folder: Path, vkeys: Sequence[str], opened: Path | None = None) -> ExportReport:
    """Verify an export of one site or of several; raises UsageError."""
    manifest_bytes = read_manifest(folder)
    try:
        is_of_sites = read_json(manifest_bytes)["format"] == SITES_FORMAT
    except (ValueError, KeyError, TypeError):
        is_of_sites = False
    return (verify_sites if is_of_sites else verify_export)(folder, vkeys, opened)


def verify_sites(folder: Path, vkeys: Sequence[str], opened: Path | None = None) -> ExportReport:
    """Verify an export over several sites with the verifier keys of the logs of all; raises UsageError."""
    manifest_bytes = read_manifest(folder)
    manifest = parse_sites_manifest(manifest_bytes)
    sites: list[dict[str, Any]] = manifest["sites"]
    findings, unchecked = Findings(), list[str]()
    files = check_files(folder, manifest, findings, [str(site["folder"]) for site in sites])
    reports = {
        str(site["site"]): verify_site(folder / str(site["folder"]), site, vkeys, findings) for site in sites
    }
    check_messages(folder, manifest, reports, findings)
    completed = prove_completion(folder, manifest, manifest_bytes, group_keys(vkeys), findings, unchecked)
    unchecked += [
        f"what {each['site']} has: it is not here ({each['reason']})" for each in manifest["not_exported"]
    ]
    unchecked += [f"what {site['site']} has since: {site['behind']}" for site in sites if site["behind"]]
    unchecked += dict.fromkeys(each for report in reports.values() for each in report.unchecked)
    if opened is not None:
        described = (describe_site(folder / str(site["folder"]), str(site["site"])) for site in sites)
        opened.write_bytes(b"".join(line for lines in described for line in lines))
    problems = (
        replace(problem, detail=f"{name}: {problem.detail}")
        for name, report in reports.items()
        for problem in report.problems
    )
    return sum_reports(
        manifest, reports, files, completed, (*findings.problems(), *problems), tuple(unchecked)
    )


def sum_reports(
    manifest: Mapping[str, Any],
    reports: Mapping[str, ExportReport],
    files: int,
    completed: float | None,
    problems: tuple[Problem, ...],
    unchecked: tuple[str, ...],
) -> ExportReport:
    """Return the report on all sites together."""
    each = list(reports.values())
    left_out: dict[str, int] = {}
    for report in each:
        for why, count in report.left_out.items():
            left_out[why] = left_out.get(why, 0) + count
    return ExportReport(
        str(manifest["export"]),
        str(manifest["written_as"]),
        str(manifest["query"]),
        sum(report.matched for report in each),
        sum(report.exported for report in each),
        left_out,
        sum(report.proved for report in each),
        sum(report.opened for report in each),
        files + sum(report.files for report in each),
        tuple(log for report in each for log in report.logs),
        completed,
        problems,
        unchecked,
        int(manifest["messages"]),
        tuple(reports),
    )


def parse_sites_manifest(data: bytes) -> dict[str, Any]:
    """Parse the manifest of an export over several sites; raises UsageError."""
    types: dict[str, type] = dict.fromkeys(("export", "written_as", "query", "result_digest"), str)
    types |= dict.fromkeys(("files", "sites", "not_exported"), list) | {"messages": int}
    of_site: dict[str, type] = dict.fromkeys(("site", "folder", "gate", "gate_log", "manifest_sha256"), str)
    of_site |= {"domains": list}
    try:
        manifest = read_json(data)
        right = all(type(manifest[name]) is types[name] for name in types)
        sites = manifest["sites"]
        right = right and all(type(site[name]) is of_site[name] for site in sites for name in of_site)
        right = right and all("behind" in site for site in sites)
        places = [site[name] for site in sites for name in ("folder", "gate_log")]
        right = right and all("/" not in place and place.strip(".") for place in places)
        right = right and all(each["site"] and each["reason"] for each in manifest["not_exported"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        right = False
    if not right or any(len({site[name] for site in sites}) != len(sites) for name in ("site", "folder")):
        raise UsageError(
            f"manifest.json is damaged, or is no manifest of {SITES_FORMAT}: it cannot be checked"
        )
    return dict(manifest)


def verify_site(
    folder: Path, site: Mapping[str, Any], vkeys: Sequence[str], findings: Findings
) -> ExportReport:
    """Verify the export of one of the sites, and that it is the one that the manifest names; raises UsageError."""
    data = read_manifest(folder)
    manifest = parse_manifest(data)
    if sha256(data).hexdigest() != site["manifest_sha256"]:
        findings.add(
            "file-altered", None, f"{site['folder']}: its manifest has another SHA-256 than it should"
        )
    if (manifest["matched"], manifest["exported"]) != (site.get("matched"), site.get("exported")):
        findings.add("count-wrong", None, f"{site['folder']}: its manifest has other counts")
    return verify_export(folder, vkeys)


def check_messages(
    folder: Path, manifest: Mapping[str, Any], reports: Mapping[str, ExportReport], findings: Findings
) -> None:
    """Check that each record that matched at a site is in one line, and that those of one line are of one message."""
    path = folder / "messages.jsonl"
    there = {
        f"{site['site']}:{id_}"
        for site in manifest["sites"]
        for id_ in read_ids(folder / site["folder"], findings)
    }
    wanted, digest, told = len(there), sha256(), 0
    copies: dict[str, frozenset[str]] = {}
    for line in read_lines(path, findings):
        digest.update(line)
        told += 1
        try:
            each = read_json(line)
            ids = [str(id_) for id_ in (each["id"], *each["also"])]
            copies |= {id_: frozenset(ids) - {id_} for id_ in ids[1:]}
        except (ValueError, KeyError, TypeError):
            ids = []
        if not ids or not there.issuperset(ids) or len(set(ids)) != len(ids):
            findings.add(
                "count-wrong", None, f"{path.name}: a line names what is not here, or twice: {line[:60]!r}"
            )
        there.difference_update(ids)
    if there or (told, wanted - len(copies)) != (manifest["messages"], manifest["messages"]):
        counted = f"{told} lines for {wanted} records, of which {len(there)} are in none"
        findings.add("count-wrong", None, f"{path.name}: {counted}; the manifest says {manifest['messages']}")
    if digest.hexdigest() != manifest["result_digest"]:
        findings.add(
            "digest-wrong", None, f"{path.name} has another SHA-256 than the manifest's result_digest"
        )
    check_copies(folder, manifest, copies, findings)


def read_ids(folder: Path, findings: Findings) -> Iterator[str]:
    """Yield the ids of the records that matched at a site."""
    for line in read_lines(folder / "matched.txt", findings):
        yield line.decode(errors="replace").rstrip("\n")


def check_copies(
    folder: Path, manifest: Mapping[str, Any], copies: Mapping[str, frozenset[str]], findings: Findings
) -> None:
    """Check that each record that stands behind another has the receipt of one of its line."""
    sites = {str(site["site"]): site for site in manifest["sites"]}
    found = dict.fromkeys(copies, False)
    for name, site in sites.items():
        prefix, file = f"{name}:{site['gate_log']}/", f"{site['gate_log']}.jsonl"
        for line in read_lines(folder / site["folder"] / "records" / file, Findings()):
            try:
                leaf, _, payload = read_record(line)
            except ValueError:
                continue
            id_ = f"{prefix}{leaf.record_index}"
            if id_ in copies and payload is None:
                # Destroyed since: of what it said nothing is left to compare.
                found[id_] = True
            elif id_ in copies and leaf.kind == STANZA and payload is not None:
                named = read_receipts(payload, sites, name)
                found[id_] = not named.isdisjoint(copies[id_])
    for id_ in [id_ for id_, is_right in found.items() if not is_right][:10]:
        findings.add("count-wrong", None, f"messages.jsonl: {id_} has no receipt of a record in its line")


def read_receipts(payload: bytes, sites: Mapping[str, Mapping[str, Any]], own: str) -> frozenset[str]:
    """Return which records of other sites a stanza that came from there names by their gates' receipts."""
    header, _, body = payload.partition(b"\n")
    try:
        submitted = read_json(header)
        body = body[: len(body) - int(submitted.get("amended_size_bytes", 0))]
        if submitted["way"] != "s2s" or b"<!" in body:
            return frozenset()
        stanza = ElementTree.fromstring(body)  # noqa: S314 - without any declaration
        domain = (stanza.get("from") or "").partition("/")[0].rpartition("@")[2].lower()
        receipts = [(str(each.get("by")).lower(), each.get("id")) for each in stanza.findall(STANZA_ID)]
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError):
        return frozenset()
    return frozenset(
        f"{name}:{id_}"
        for name, site in sites.items()
        for by, id_ in receipts
        if name != own and by == site["gate"] and domain in site["domains"]
    )


def describe_site(folder: Path, name: str) -> Iterator[bytes]:
    """Yield what the records of a site say, with its name, a JSON object for each."""
    for line in describe_opened(folder, parse_manifest(read_manifest(folder))):
        yield json.dumps({"site": name, **read_json(line)}, ensure_ascii=False).encode() + b"\n"
