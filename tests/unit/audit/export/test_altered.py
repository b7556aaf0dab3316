"""What somebody might alter in an export who has it, and what the shipped verifier finds of it.

Each is tried with all keys, when the audit log tells of the manifest, and with the gate's alone, when only the
records are proved: docs/export.md says what is found then.
"""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from components.verifier.export import verify_export
from tests.support.export_site import ALICE, Said, export_to

JSONL, RECORDS, PROOF = "export.jsonl", "records/gate.jsonl", "records/gate.proof"


def _change(folder: Path, name: str, by: Callable[[bytes], bytes]) -> None:
    path = folder / name
    path.write_bytes(by(path.read_bytes()))


def _flip(data: bytes, at: int = 200) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _manifest(folder: Path, **fields: object) -> None:
    _change(folder, "manifest.json", lambda data: json.dumps(json.loads(data) | fields).encode())


def _name(folder: Path) -> None:
    """Name all files as they are now in the manifest, as whoever is thorough would."""
    files = []
    for file in json.loads((folder / "manifest.json").read_bytes())["files"]:
        if (path := folder / file["path"]).is_file():
            data = path.read_bytes()
            files.append({**file, "size_bytes": len(data), "sha256": sha256(data).hexdigest()})
    _manifest(folder, files=files)


def _change_named(folder: Path, name: str, by: Callable[[bytes], bytes]) -> None:
    _change(folder, name, by)
    _name(folder)


def _lines(folder: Path, name: str, by: Callable[[list[Any]], object]) -> None:
    """Change a file of JSON Lines by its objects, and name it in the manifest."""

    def change(data: bytes) -> bytes:
        found = [json.loads(line) for line in data.splitlines()]
        by(found)
        return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in found)

    _change(folder, name, change)
    _name(folder)


def _swap(first: dict[str, Any], second: dict[str, Any], *names: str) -> None:
    for name in names:
        first[name], second[name] = second[name], first[name]


def _leave_out(folder: Path) -> None:
    """Take a record out of all that tells of it, and count anew."""
    gone = (folder / "matched.txt").read_text().splitlines()[2]
    index = int(gone.rpartition("/")[2])
    _lines(folder, JSONL, lambda found: found.remove(next(each for each in found if each["id"] == gone)))
    _lines(
        folder, RECORDS, lambda found: found.remove(next(each for each in found if each["index"] == index))
    )
    _change(folder, "matched.txt", lambda data: data.replace(f"{gone}\n".encode(), b""))
    matched = (folder / "matched.txt").read_bytes()
    count, digest = matched.count(b"\n"), sha256(matched).hexdigest()
    _manifest(folder, matched=count, exported=count, result_digest=digest)
    _name(folder)


def _call_destroyed(folder: Path) -> None:
    """Say of a record that it was destroyed, and take out its payload and its line."""
    gone = json.loads((folder / JSONL).read_text().splitlines()[2])["id"]
    index = int(gone.rpartition("/")[2])

    def strip(found: list[Any]) -> None:
        for each in found:
            if each["index"] == index:
                del each["sealed"], each["key"]

    _lines(folder, RECORDS, strip)
    _lines(folder, JSONL, lambda found: found.pop(2))
    _change(
        folder,
        "exceptions.jsonl",
        lambda data: data + json.dumps({"id": gone, "why": "destroyed"}).encode() + b"\n",
    )
    manifest = json.loads((folder / "manifest.json").read_bytes())
    _manifest(folder, exported=manifest["exported"] - 1, left_out={"destroyed": 1})
    _name(folder)


def _swap_files(folder: Path) -> None:
    (path,) = (folder / "files").iterdir()
    path.write_bytes(b"another picture")
    _name(folder)


def _link(folder: Path) -> None:
    shutil.move(folder / "README.txt", folder.parent / "elsewhere")
    (folder / "README.txt").symlink_to(folder.parent / "elsewhere")


def _link_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder.parent, target_is_directory=True)


def _first(found: list[Any], **fields: object) -> None:
    found[0].update(fields)


def _logs(folder: Path, **fields: object) -> None:
    (log,) = json.loads((folder / "manifest.json").read_bytes())["logs"]
    _manifest(folder, logs=[log | fields])


class Altered(NamedTuple):
    """What is done, what the verifier finds with all keys, and with the gate's alone (nothing where it is empty)."""

    by: Callable[[Path], object]
    found: str
    by_records: str = ""


WORDS = (b"9,412", b"9,999")
UNPROVED = "manifest-unproved"
CASES: dict[str, Altered] = {
    "a byte of a file": Altered(lambda out: _change(out, JSONL, _flip), "file-altered", "file-altered"),
    "a byte of a record": Altered(
        lambda out: _change(out, RECORDS, _flip), "record-altered", "record-altered"
    ),
    "a byte of the proof": Altered(lambda out: _change(out, PROOF, _flip), "not-proved", "not-proved"),
    "a proof cut short": Altered(
        lambda out: _change(out, PROOF, lambda data: data[:-32]), "not-proved", "not-proved"
    ),
    "a hash too many in the proof": Altered(
        lambda out: _change(out, PROOF, lambda data: data + bytes(32)), "not-proved", "not-proved"
    ),
    "a stanza": Altered(
        lambda out: _change_named(out, JSONL, lambda data: data.replace(*WORDS)),
        "line-altered",
        "line-altered",
    ),
    "the text beside the stanza": Altered(
        lambda out: _lines(out, JSONL, lambda found: _first(found, text="I never said so")), UNPROVED
    ),
    "who said it": Altered(
        lambda out: _lines(out, JSONL, lambda found: _first(found, **{"from": "eve@x"})), UNPROVED
    ),
    "the time for programs": Altered(
        lambda out: _lines(out, JSONL, lambda found: _first(found, at_ns=1)), "line-altered", "line-altered"
    ),
    "the time for people": Altered(
        lambda out: _lines(out, JSONL, lambda found: _first(found, at="2020-01-01T00:00:00+00:00")), UNPROVED
    ),
    "the stanzas of two records swapped": Altered(
        lambda out: _lines(out, JSONL, lambda found: _swap(found[0], found[1], "stanza")),
        "line-altered",
        "line-altered",
    ),
    "a line left out": Altered(
        lambda out: _lines(out, JSONL, lambda found: found.pop()), "line-altered", "line-altered"
    ),
    "a line twice": Altered(
        lambda out: _lines(out, JSONL, lambda found: found.append(found[0])), "line-altered", "line-altered"
    ),
    "lines in another order": Altered(
        lambda out: _lines(out, JSONL, lambda found: found.reverse()), UNPROVED
    ),
    "a record renumbered": Altered(
        lambda out: _lines(out, RECORDS, lambda found: _first(found, index=999)),
        "record-altered",
        "record-altered",
    ),
    "a record left out of the evidence": Altered(
        lambda out: _lines(out, RECORDS, lambda found: found.pop(0)), "not-proved", "not-proved"
    ),
    "records in another order": Altered(
        lambda out: _lines(out, RECORDS, lambda found: found.reverse()), "not-proved", "not-proved"
    ),
    "a record twice": Altered(
        lambda out: _lines(out, RECORDS, lambda found: found.insert(1, found[0])), "not-proved", "not-proved"
    ),
    "another record's key": Altered(
        lambda out: _lines(out, RECORDS, lambda found: _swap(found[0], found[1], "key")),
        "record-altered",
        "record-altered",
    ),
    "another record's payload": Altered(
        lambda out: _lines(out, RECORDS, lambda found: _swap(found[0], found[1], "key", "sealed")),
        "record-altered",
        "record-altered",
    ),
    "a record without its key": Altered(
        lambda out: _lines(out, RECORDS, lambda found: found[0].pop("key")),
        "record-missing",
        "record-missing",
    ),
    "a record left out everywhere": Altered(_leave_out, "not-proved", "not-proved"),
    "a record called destroyed": Altered(_call_destroyed, UNPROVED),
    "a match left out": Altered(
        lambda out: _change(out, "matched.txt", lambda data: data.partition(b"\n")[2]),
        "digest-wrong",
        "digest-wrong",
    ),
    "matches in another order": Altered(
        lambda out: _change_named(
            out, "matched.txt", lambda data: b"".join(reversed(data.splitlines(keepends=True)))
        ),
        "digest-wrong",
        "digest-wrong",
    ),
    "an exception too many": Altered(
        lambda out: _change_named(
            out, "exceptions.jsonl", lambda data: data + b'{"id":"gate/1","why":"destroyed"}\n'
        ),
        "count-wrong",
        "count-wrong",
    ),
    "another query": Altered(lambda out: _manifest(out, query="tin"), UNPROVED),
    "another time of the export": Altered(lambda out: _manifest(out, started_at_ns=1), UNPROVED),
    "another matter and auditor": Altered(
        lambda out: _manifest(out, matter="m-9", auditor="nobody"), UNPROVED
    ),
    "another format, so that lines are not read": Altered(
        lambda out: _manifest(out, written_as="csv"), UNPROVED
    ),
    "another count": Altered(lambda out: _manifest(out, exported=7), "count-wrong", "count-wrong"),
    "a manifest of other blanks": Altered(_manifest, UNPROVED),
    "no log": Altered(lambda out: _manifest(out, logs=[]), "record-missing", "record-missing"),
    "another size of the log": Altered(
        lambda out: _logs(out, checkpoint="metals.example/gate\n1\nAAAA\n\n"), "not-proved", "not-proved"
    ),
    "no proof of the manifest": Altered(
        lambda out: (out / "manifest.tlog-proof").unlink(), UNPROVED, UNPROVED
    ),
    "no record of the manifest": Altered(lambda out: (out / "manifest.record.json").unlink(), UNPROVED),
    "another file for one that was sent": Altered(_swap_files, "line-altered", "line-altered"),
    "a file too many": Altered(lambda out: (out / "more.txt").touch(), "file-added", "file-added"),
    "a hidden file too many": Altered(lambda out: (out / ".more").touch(), "file-added", "file-added"),
    "a file too few": Altered(lambda out: (out / "README.txt").unlink(), "file-missing", "file-missing"),
    "a file that lies elsewhere": Altered(_link, "file-missing", "file-missing"),
    "a folder that lies elsewhere": Altered(_link_folder, "file-added", "file-added"),
    "another verifier": Altered(
        lambda out: _change_named(out, "verify.py", lambda _: b"print('ok')"), UNPROVED
    ),
    "a path out of the folder": Altered(
        lambda out: _manifest(out, files=[{"path": "../site/site.toml", "sha256": ""}]),
        "file-missing",
        "file-missing",
    ),
}


def kinds(folder: Path, *keys: str) -> set[str]:
    return {problem.kind for problem in verify_export(folder, keys).problems}


@pytest.mark.slow
async def test_the_verifier_finds_what_was_altered(said: Said, tmp_path: Path) -> None:
    gate, audit = (
        log.verifier_key_file.read_text()
        for log in (said.site.settings.gate_log, said.site.settings.audit_log)
    )
    await export_to(said.site, tmp_path / "whole", "jsonl", f"from:{ALICE}")
    assert kinds(tmp_path / "whole", gate, audit) == kinds(tmp_path / "whole", gate) == set()
    wrong = []
    for number, (what, altered) in enumerate(CASES.items()):
        out = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", out)
        altered.by(out)
        found, by_records = kinds(out, gate, audit), kinds(out, gate)
        right = altered.found in found and (
            altered.by_records in by_records if altered.by_records else not by_records
        )
        # Whatever it is, the manifest is another one, or it is found by the files.
        wrong += [] if right and found else [(what, found, by_records)]
    assert wrong == []


@pytest.mark.slow
async def test_another_export_of_the_same_line_is_not_this_one(said: Said, tmp_path: Path) -> None:
    """A narrower export is whole in itself; with this one's record in the audit log it is found."""
    keys = [
        log.verifier_key_file.read_text()
        for log in (said.site.settings.gate_log, said.site.settings.audit_log)
    ]
    await export_to(said.site, tmp_path / "wide", "jsonl", f"from:{ALICE}")
    await export_to(said.site, tmp_path / "narrow", "jsonl", f"from:{ALICE} copper")
    assert kinds(tmp_path / "narrow", *keys) == set()
    for name in ("manifest.record.json", "manifest.tlog-proof"):
        (tmp_path / "wide" / name).replace(tmp_path / "narrow" / name)
    assert kinds(tmp_path / "narrow", *keys) == {UNPROVED}
