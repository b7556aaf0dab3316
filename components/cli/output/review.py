"""What the commands for held messages print (docs/review.md)."""

from typing import Any

from components.audit.moment import format_time
from components.audit.review.held import HeldList
from components.cli.output.terminal import show_text
from components.link.review_request import HeldMessage

_INDENT = "    "
_SHOWN_CHARACTERS = 2_000
_STAGES = {
    "waiting": "waits",
    "outgoing": "is on its way",
    "sent": "is being delivered",
    "uncertain": "UNCERTAIN, because the server failed: it may have arrived, or gone back; ask its sender, then decide",
}


def describe_held(found: HeldList, log_name: str, file_log: str) -> dict[str, Any]:
    """Describe all held messages and files; times are RFC 3339, `text` is null if it cannot be read."""
    held = [
        {
            "record": f"{log_name}/{each.record}",
            "stage": each.stage,
            "from": each.sender,
            "to": each.to,
            "rules": list(each.rules),
            "held_at": format_time(each.held_at_ns),
            "deadline": format_time(each.deadline_ns),
            **_describe_votes(each),
            "text": found.texts.get(each.record),
        }
        for each in found.held
    ]
    files = [
        {
            "record": f"{file_log}/{each.record}",
            "owner": each.sender,
            "name": found.files.names.get(each.record),
            "rules": list(each.rules),
            "held_at": format_time(each.held_at_ns),
            "deadline": format_time(each.deadline_ns),
            **_describe_votes(each),
        }
        for each in found.files.held
    ]
    return {"held": held, "files": files, "files_problem": found.files.problem, "access": found.access_id}


def _describe_votes(held: HeldMessage) -> dict[str, Any]:
    votes = [{"by": who, "act": act} for who, act in held.votes]
    return {"reviewers": held.reviewers, "votes": votes}


def _format_votes(held: HeldMessage) -> str:
    """Return how many people have to agree, if that is more than one, and who has decided what."""
    if held.reviewers < 2:
        return ""
    votes = ", ".join(f"{act} by {show_text(who)}" for who, act in held.votes)
    return f"; {held.reviewers} people have to agree" + (f" ({votes})" if votes else "")


def _format_held(message: HeldMessage, log_name: str) -> str:
    """Return one line about a held message: its rules, and until when it waits."""
    stage = _STAGES.get(message.stage, message.stage)
    until = f" until {format_time(message.deadline_ns)[:19]}Z" if message.stage == "waiting" else ""
    parties = f"{show_text(message.sender)} to {show_text(message.to)}"
    return f"{log_name}/{message.record} {parties} ({', '.join(message.rules)}): {stage}{until}{_format_votes(message)}"


def _format_text(text: str | None, record: str) -> str:
    """Return the text of a message, indented below its line; equal lines come once."""
    if text is None:
        return f"{_INDENT}(cannot be read: see `steelyard review show {record}`)"
    lines = dict.fromkeys(line.strip() for line in text[:_SHOWN_CHARACTERS].split("\n"))
    shown = [f"{_INDENT}{show_text(line)}" for line in lines if line]
    if len(text) > _SHOWN_CHARACTERS:
        shown.append(f"{_INDENT}… (`steelyard review show {record}` shows all)")
    return "\n".join(shown)


def print_held(found: HeldList, log_name: str, file_log: str) -> None:
    """Print all held messages, a line for each, and its text below; then all held files, and how many these are."""
    print_all_held(found, log_name, file_log)
    print(f"{count_held(found)}. This look is record {found.access_id}.")


def count_held(found: HeldList) -> str:
    """Return how many messages and files are held, in words."""
    count, files = len(found.held), len(found.files.held)
    counted = f"{count:,} {'message' if count == 1 else 'messages'}"
    return counted + (f", {files:,} {'file' if files == 1 else 'files'}" if files else "")


def print_all_held(found: HeldList, log_name: str, file_log: str) -> None:
    """Print what is held, without how much it is."""
    for message in found.held:
        print(_format_held(message, log_name))
        print(_format_text(found.texts.get(message.record), f"{log_name}/{message.record}"))
    for file in found.files.held:
        name, until = found.files.names.get(file.record), f"{format_time(file.deadline_ns)[:19]}Z"
        shown = "a file whose name cannot be read" if name is None else f"the file {show_text(name)}"
        whose = f"{shown} of {show_text(file.sender)} ({', '.join(file.rules)})"
        print(f"{file_log}/{file.record} {whose}: waits until {until}{_format_votes(file)}")
    if found.files.problem:
        print(f"Which files are held is not known: {found.files.problem}")
