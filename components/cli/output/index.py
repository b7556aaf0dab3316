"""What the commands for the index print."""

from dataclasses import asdict
from typing import Any

from components.audit.checks.index import IndexCheck, IndexStatus
from components.cli.output.console import make_console, make_fields

_KIB = 1024


def describe_status(status: IndexStatus) -> dict[str, Any]:
    """Describe the state of an index for JSON."""
    return {
        "path": status.place,
        "size_bytes": status.size_bytes,
        "records": status.records,
        "logs": [asdict(each) for each in status.logs],
        "indexer": dict(status.indexer) or None,
        "fault": status.fault,
    }


def print_status(status: IndexStatus) -> None:
    """Print the state of an index."""
    fields = {
        "index": f"{status.place}, {status.size_bytes // _KIB:,} KiB",
        "records": f"{status.records:,}",
        **{each.log: f"{each.indexed:,} of {each.size:,} entries" for each in status.logs},
    }
    if status.indexer:
        fields["indexer"] = (
            f"{status.indexer.get('state')}, {status.indexer.get('lag_entries')} entries behind"
        )
    if status.fault:
        fields["fault"] = status.fault
    make_console().print(make_fields(fields))


def describe_check(check: IndexCheck) -> dict[str, Any]:
    """Describe a check of an index for JSON."""
    return {
        "ok": not check.differences,
        "records": check.records,
        "differences": [{"rows": rows, "record": record or None} for rows, record in check.differences],
    }


def print_check(check: IndexCheck) -> None:
    """Print a check of an index."""
    if not check.differences:
        print(f"the index is what the logs say: {check.records:,} records, every row the same")
        return
    for rows, record in check.differences:
        print(f"{rows} differ{f', first at {record}' if record else ''}")
    print("the index is not what the logs say: make it again with `steelyard audit index rebuild`")
