"""What `--json` prints: one object for a search, a record or a verification (docs/query.md, "JSON")."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from components.archive.log.merkle import leaf_hash
from components.archive.log.strict_base64 import encode_base64
from components.archive.record import Access, Alarm, Delivery, Event, OrderDetails, Submission
from components.audit.query.tree import SearchKind, format_query
from components.audit.search import SearchResult
from components.audit.show import RecordDetail
from components.audit.terminal import show_json
from components.audit.view import RecordView, format_time
from components.verifier.report import Report


def encode_document(described: dict[str, Any]) -> str:
    """Encode an object as JSON that a terminal can take, with a newline at its end."""
    return show_json(orjson.dumps(described, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def describe_search(result: SearchResult) -> dict[str, Any]:
    """Describe what a search found."""
    return {
        "query": format_query(result.query),
        "matched": result.matched,
        "submissions": result.submissions,
        "log_size": result.log_size,
        "access": result.access_id,
        "records": [describe_view(view) for view in result.records],
    }


def describe_detail(detail: RecordDetail) -> dict[str, Any]:
    """Describe one record in full, with its proof; hashes and bytes in Base64, as C2SP's formats have them."""
    proof = detail.proof
    try:
        text = detail.body.decode()
    except UnicodeDecodeError:
        text = None
    return describe_view(detail.view) | {
        "stanza": text,
        "stanza_base64": encode_base64(detail.body),
        "amended": detail.amended.decode(errors="replace") or None,
        "leaf": encode_base64(detail.leaf),
        "leaf_hash": encode_base64(leaf_hash(detail.leaf)),
        "proof": {
            "proved": not proof.fault,
            "fault": proof.fault or None,
            "tree_size": proof.size,
            "hashes": [encode_base64(each) for each in proof.hashes],
            "checkpoint": proof.note,
        },
        "access": detail.access_id,
    }


def describe_verification(reports: Mapping[str, Report | None]) -> dict[str, Any]:
    """Describe what the verification of some logs found; a log that is not there yet has no report."""
    return {
        "ok": all(report is None or report.ok for report in reports.values()),
        "logs": {name: report and {"ok": report.ok, **asdict(report)} for name, report in reports.items()},
    }


def describe_view(view: RecordView) -> dict[str, Any]:
    """Describe a record for JSON; the stanza itself is not in it."""
    described: dict[str, Any] = {
        "id": view.id,
        "record": type(view.content).__name__.lower() if view.content else None,
        "at": format_time(view.at_ns),
        "at_ns": view.at_ns,
        "intact": view.opened.stored.is_intact() and not view.opened.fault,
        "destroyed": view.opened.stored.payload is None,
    }
    match view.content:
        case Submission() as submission:
            error = submission.error
            described |= {
                "kind": view.reading.kind,
                "way": submission.way,
                "session": submission.session,
                "epoch": submission.epoch,
                "seq": submission.seq,
                "from": view.reading.sender,
                "to": view.reading.to,
                "thread": view.reading.thread,
                "verdict": submission.action,
                "rules": submission.rules,
                "policy": submission.rules_name,
                "error": error and {"type": error.type, "condition": error.condition, "text": error.text},
                "delivery": view.delivery,
                "text": view.reading.text,
            }
        case Delivery(epoch, through, bounced):
            described |= {"epoch": epoch, "through": through, "bounced": bounced}
        case Access() as access:
            described |= {
                "actor": access.actor,
                "act": access.act,
                "query": access.query,
                "log_size": access.log_size,
                "result_count": access.result_count,
            }
        case Alarm(name, details):
            described |= {"alarm": name, "details": dict(details)}
        case Event(kind, name, details):
            described |= {"record": kind.name.lower(), "kind": view.reading.kind, "event": name}
            described |= {"details": dict(details), "text": view.reading.text}
        case OrderDetails() as details:
            described |= asdict(details) | {"order": details.id, "id": view.id}
        case None:
            described |= {"kind": SearchKind.OTHER, "text": view.reading.text}
    return described
