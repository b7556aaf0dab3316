"""Verifies an export: each file, each record, and that the audit log tells of it (docs/export.md)."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from components.verifier.evidence import ProvedLog, open_record, prove_completion, read_said, verify_records
from components.verifier.format import read_json
from components.verifier.note import Key, parse_keys
from components.verifier.report import Findings, Problem, UsageError, conclude, explain_fault

EXPORT_FORMAT = "steelyard-export/1"
BESIDE_MANIFEST = frozenset(("manifest.json", "manifest.record.json", "manifest.tlog-proof"))


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was verified of an export, and everything that is wrong.

    `matched` records are `exported` and those that are `left_out`, by reason; `proved` are under the checkpoints of
    `logs`, and `opened` of them are what was sealed. `completed` is when the audit log was told of it (Unix time).
    Of an export over several `sites`, `messages` counts each message once.
    """

    export: str
    written_as: str
    query: str
    matched: int
    exported: int
    left_out: Mapping[str, int]
    proved: int
    opened: int
    files: int
    logs: tuple[str, ...]
    completed: float | None
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...] = ()
    messages: int | None = None
    sites: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problems


def verify_export(folder: Path, vkeys: Sequence[str], opened: Path | None = None) -> ExportReport:
    """Verify an export with the verifier keys of the line's logs; write what its records say to `opened`, if given.

    Raises UsageError.
    """
    manifest_bytes = read_manifest(folder)
    manifest = parse_manifest(manifest_bytes)
    findings, keys = Findings(), group_keys(vkeys)
    files = check_files(folder, manifest, findings)
    proved = {
        log["name"]: verify_records(folder, log, keys.get(log["origin"], []), findings)
        for log in manifest["logs"]
    }
    left_out = read_left_out(folder, findings)
    check_counts(folder, manifest, proved, left_out, findings)
    unchecked = []
    if manifest["written_as"] == "jsonl":
        check_lines(folder / "export.jsonl", manifest, proved, left_out, findings)
    else:
        unchecked.append("that the files of this format say what the records say; --opened writes that out")
    completed = prove_completion(folder, manifest, manifest_bytes, keys, findings, unchecked)
    if opened is not None:
        opened.write_bytes(b"".join(describe_opened(folder, manifest)))
    return ExportReport(
        str(manifest["export"]),
        str(manifest["written_as"]),
        str(manifest["query"]),
        int(manifest["matched"]),
        int(manifest["exported"]),
        dict(manifest["left_out"]),
        sum(log.proved for log in proved.values()),
        sum(len(log.said) for log in proved.values()),
        files,
        tuple(log.checkpoint for log in proved.values() if log.checkpoint),
        completed,
        findings.problems(),
        tuple(unchecked),
    )


def read_manifest(folder: Path) -> bytes:
    """Return the manifest; raises UsageError if there is none."""
    try:
        return (folder / "manifest.json").read_bytes()
    except OSError as error:
        raise UsageError(f"{folder}: there is no complete export in it: {explain_fault(error)}") from None


def parse_manifest(data: bytes) -> dict[str, Any]:
    """Parse a manifest; raises UsageError."""
    types: dict[str, type] = {"logs": list, "files": list, "left_out": dict, "matched": int, "exported": int}
    types |= dict.fromkeys(("export", "written_as", "query", "result_digest"), str)
    try:
        manifest = read_json(data)
        right = manifest["format"] == EXPORT_FORMAT and all(
            type(manifest[name]) is types[name] for name in types
        )
        names = [(str(log["name"]), str(log["origin"]), str(log["checkpoint"])) for log in manifest["logs"]]
    except (ValueError, KeyError, TypeError):
        right, names = False, []
    if not right or len({name for name, _, _ in names}) != len(names):
        raise UsageError(
            f"manifest.json is damaged, or is no manifest of {EXPORT_FORMAT}: it cannot be checked"
        )
    return dict(manifest)


def group_keys(vkeys: Sequence[str]) -> dict[str, list[Key]]:
    """Return verifier keys by the origin of their logs; raises UsageError."""
    found: dict[str, list[Key]] = {}
    for key in (key for text in vkeys for key in parse_keys(text)):
        found.setdefault(key.name, []).append(key)
    return found


def check_files(
    folder: Path, manifest: Mapping[str, Any], findings: Findings, apart: Collection[str] = ()
) -> int:
    """Check that the files are those of the manifest, but for folders with manifests of their own; count them."""
    right, named = 0, set[str]()
    for file in manifest["files"]:
        path = str(file.get("path")) if isinstance(file, dict) else ""
        named.add(path)
        place = folder / path
        if place.is_symlink() or not place.is_file() or not place.resolve().is_relative_to(folder.resolve()):
            findings.add("file-missing", None, f"{path}: there is no such file in the export")
            continue
        with place.open("rb") as content:
            digest = file_digest(content, "sha256").hexdigest()
        if digest != file.get("sha256"):
            findings.add("file-altered", None, f"{path}: has another SHA-256 than the manifest says")
            continue
        right += 1
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    there = {path for path in there if path.partition("/")[0] not in apart}
    for path in sorted(there - named - BESIDE_MANIFEST):
        findings.add("file-added", None, f"{path}: is not in the manifest")
    return right


def read_left_out(folder: Path, findings: Findings) -> dict[str, str]:
    """Return the ids of the records that are left out, and why."""
    found: dict[str, str] = {}
    try:
        with (folder / "exceptions.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                each = read_json(line)
                found[str(each["id"])] = str(each["why"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        findings.add("count-wrong", None, f"exceptions.jsonl: {explain_fault(error)}")
    return found


def check_counts(
    folder: Path,
    manifest: Mapping[str, Any],
    proved: Mapping[str, ProvedLog],
    left_out: Mapping[str, str],
    findings: Findings,
) -> None:
    """Check that what matched is what is exported and what is left out, each record once."""
    digest, matched, here = sha256(), 0, set[tuple[str, int]]()
    lost: list[str] = []
    for line in read_lines(folder / "matched.txt", findings):
        digest.update(line)
        matched += 1
        id_ = line.decode(errors="replace").rstrip("\n")
        name, _, number = id_.rpartition("/")
        index = int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else -1
        if name in proved and index in proved[name].said:
            here.add((name, index))
        elif id_ not in left_out:
            lost.append(id_)
    for id_ in lost[:10]:
        findings.add("record-missing", None, f"{id_} matched, and is neither here nor among what is left out")
    wanted = (manifest["matched"], manifest["exported"], sum(manifest["left_out"].values()))
    if (matched, matched - len(left_out), len(left_out)) != wanted or lost:
        counted = f"{matched} matched, {len(left_out)} are left out"
        findings.add("count-wrong", None, f"{counted}; the manifest says {wanted[0]}, {wanted[2]}")
    if len(here) != sum(len(log.said) for log in proved.values()):
        findings.add("count-wrong", None, "there are records here that did not match, or not once each")
    if digest.hexdigest() != manifest["result_digest"]:
        findings.add(
            "digest-wrong", None, "matched.txt has another SHA-256 than the manifest's result_digest"
        )


def read_lines(path: Path, findings: Findings) -> Iterator[bytes]:
    """Yield a file's lines; note it if it cannot be read."""
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        findings.add("file-missing", None, f"{path.name}: cannot be read ({error.strerror})")


def check_lines(
    path: Path,
    manifest: Mapping[str, Any],
    proved: Mapping[str, ProvedLog],
    left_out: Mapping[str, str],
    findings: Findings,
) -> None:
    """Check that JSON Lines have for each exported record the stanza that was sealed, its time, and its files."""
    files = {
        str(file.get("path")): file.get("sha256") for file in manifest["files"] if isinstance(file, dict)
    }
    told = set[str]()
    for place, line in enumerate(read_lines(path, findings), 1):
        try:
            entry = read_json(line)
            name, _, number = str(entry["id"]).rpartition("/")
            log, index = proved[name], int(number)
            right = (
                sha256(entry["stanza"].encode()).digest() == log.said[index]
                and entry["at_ns"] == log.times[index]
                and all(files.get(file["path"]) == file["sha256"] for file in entry["files"] if file["path"])
                and entry["id"] not in told
            )
            told.add(str(entry["id"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            right = False
        if not right:
            begin = line[:60].decode(errors="replace")
            findings.add("line-altered", None, f"{path.name}: line {place} is not its record's: {begin!r}")
    exported = {f"{name}/{index}" for name, log in proved.items() for index in log.said} - left_out.keys()
    for id_ in sorted(exported - told)[:10]:
        findings.add("line-altered", None, f"{path.name}: there is no line of {id_}")


def describe_opened(folder: Path, manifest: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield what the records say, a JSON object for each."""
    for log in manifest["logs"]:
        for line in read_lines(folder / str(log["records"]), Findings()):
            leaf, payload = open_record(line)
            if payload is not None:
                described = {
                    "id": f"{log['name']}/{leaf.record_index}",
                    "recorded_at_ns": leaf.time_ns,
                    "kind": leaf.kind,
                    "said": read_said(leaf.kind, payload),
                    "payload": payload.decode(errors="replace"),
                }
                yield json.dumps(described, ensure_ascii=False).encode() + b"\n"


def render_export(report: ExportReport) -> str:
    """Return a report as text for people."""
    left_out = "; ".join(f"{count:,} {why}" for why, count in report.left_out.items())
    lines = [
        f"Export {report.export}, written as {report.written_as}, of the query {report.query}",
        f"{report.matched:,} records matched = {report.exported:,} exported + {left_out or '0 left out'}",
        f"{report.proved:,} records are under these signed checkpoints, {report.opened:,} open to what was sealed:",
        *(f"  {line}" for checkpoint in report.logs for line in checkpoint.splitlines()),
        f"{report.files:,} files are those of the manifest.",
    ]
    if report.messages is not None:
        counted = f"{report.messages:,} messages and other records, each once, are those of"
        lines.insert(1, f"{counted} {len(report.sites)} sites: {', '.join(report.sites)}")
    if report.completed is not None:
        lines.append("The audit log tells of this very manifest.")
    lines += [f"Not checked: {each}." for each in report.unchecked]
    lines += [f"{problem.kind}: {problem.detail}" for problem in report.problems]
    lines.append(conclude(report.problems))
    return "\n".join(lines)
