"""The manifest of an export over several sites: what it counts, when it is complete, and what a stopped one keeps."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.audit.export.export import Wanted
from components.audit.sites.manifest import (
    FORMAT,
    Begun,
    ExportedSite,
    encode_begun,
    make_sites_manifest,
    parse_begun,
    sum_left_out,
)
from components.audit.sites.named import SiteFault

BEGUN = Begun(Wanted("copper", "jsonl", "Asia/Shanghai", matter="M-1"), 1_790_000_000_123_456_789)
SHANGHAI = ExportedSite(
    name="shanghai",
    folder="shanghai",
    gate="gate.shanghai.example",
    gate_log="gate",
    domains=("rooms.shanghai.example", "shanghai.example"),
    matched=5,
    exported=4,
    left_out={"destroyed": 1},
    access="audit/7",
    completed="audit/8",
    manifest_sha256="ab" * 32,
    behind="",
)
LONDON = replace(
    SHANGHAI, name="london", folder="london", matched=3, exported=1, left_out={"destroyed": 1, "held": 1}
)
FILES: list[dict[str, Any]] = [
    {"path": "messages.jsonl", "size_bytes": 9, "sha256": "cd" * 32},
    {"path": "verify.py", "sha256": "ef"},
]


def manifest(*sites: ExportedSite, faults: tuple[SiteFault, ...] = (), messages: int = 6) -> dict[str, Any]:
    made = make_sites_manifest(BEGUN, "shanghai:audit/7", sites, faults, messages, FILES)
    found: dict[str, Any] = json.loads(made)
    return found


def test_it_says_what_was_wanted_and_what_there_is() -> None:
    found = manifest(SHANGHAI, LONDON)
    assert {name: found[name] for name in ("format", "export", "written_as", "matter", "query", "zone")} == {
        "format": FORMAT,
        "export": "shanghai:audit/7",
        "written_as": "jsonl",
        "matter": "M-1",
        "query": "copper",
        "zone": "Asia/Shanghai",
    }
    assert found["started_at_ns"] == BEGUN.at_ns
    assert (found["messages"], found["doubles"], found["matched"], found["exported"]) == (6, 2, 8, 5)
    assert found["left_out"] == {"destroyed": 2, "held": 1}
    assert (found["result_digest"], found["files"]) == (FILES[0]["sha256"], FILES)


def test_each_site_has_what_its_own_manifest_says() -> None:
    (one, other) = manifest(SHANGHAI, replace(LONDON, behind="it was copied yesterday"))["sites"]
    assert one == {
        "site": "shanghai",
        "folder": "shanghai",
        "gate": "gate.shanghai.example",
        "gate_log": "gate",
        "domains": ["rooms.shanghai.example", "shanghai.example"],
        "matched": 5,
        "exported": 4,
        "left_out": {"destroyed": 1},
        "access": "audit/7",
        "completed": "audit/8",
        "manifest_sha256": "ab" * 32,
        "behind": None,
    }
    assert (other["site"], other["behind"]) == ("london", "it was copied yesterday")


@pytest.mark.parametrize(
    ("behind", "faults", "complete"),
    [
        ("", (), True),
        ("it was copied yesterday", (), False),
        ("", (SiteFault("paris", "no such file"),), False),
    ],
)
def test_it_is_complete_only_if_no_site_is_missing_or_behind(
    behind: str, faults: tuple[SiteFault, ...], complete: bool
) -> None:
    found = manifest(SHANGHAI, replace(LONDON, behind=behind), faults=faults)
    assert found["complete"] is complete
    assert found["not_exported"] == [{"site": each.name, "reason": each.reason} for each in faults]


def test_the_same_export_has_the_same_bytes() -> None:
    made = [
        make_sites_manifest(BEGUN, "shanghai:audit/7", (SHANGHAI, LONDON), (), 6, FILES) for _ in range(2)
    ]
    assert made[0] == made[1]
    assert made[0].endswith(b"}\n")


def test_nothing_is_left_out_where_no_site_leaves_out() -> None:
    assert sum_left_out([]) == {}
    assert sum_left_out([replace(SHANGHAI, left_out={})]) == {}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.builds(Wanted, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.integers(0, 2**53)), st.integers(0, 2**63 - 1))
def test_a_stopped_export_goes_on_with_what_was_wanted(wanted: Wanted, at_ns: int) -> None:
    begun = Begun(wanted, at_ns)
    assert parse_begun(encode_begun(begun)) == begun
