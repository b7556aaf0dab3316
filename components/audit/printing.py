"""What an auditor reads on a terminal: found records as a conversation, and one record in full."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from components.archive.log.leaf import NOT_SEALED
from components.archive.log.merkle import leaf_hash
from components.archive.opener import OpenedRecord
from components.archive.record import Event, Submission
from components.audit.document import describe_view
from components.audit.excerpt import make_excerpt
from components.audit.index.index import DeliveryState
from components.audit.query.error import QueryError
from components.audit.query.tree import Node, SearchKind
from components.audit.search import SearchResult
from components.audit.show import RecordDetail
from components.audit.stanza import format_stanza
from components.audit.terminal import show_text
from components.audit.view import RecordView, format_time
from components.verifier.report import Report, describe_report

WIDTH_ELSEWHERE = 160

_VERDICTS = {
    "release": ("released", "green"),
    "amend": ("amended", "yellow"),
    "hold": ("held", "magenta"),
    "refuse": ("refused", "bold red"),
}
_DELIVERY_STYLES = {
    DeliveryState.CARRIED_OUT: "dim",
    DeliveryState.RETURNED: "dim",
    DeliveryState.KEPT: "magenta",
    DeliveryState.BOUNCED: "yellow",
    DeliveryState.UNKNOWN: "yellow",
}


def make_console() -> Console:
    """Make the console for standard output; where it is no terminal, lines are wide enough not to break."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH_ELSEWHERE)


@contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while something takes long, and nothing if that is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} " + unit),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=0)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_search(result: SearchResult, log_name: str, console: Console) -> None:
    """Print what a search found, oldest first, as a conversation reads."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(no_wrap=True, justify="right")
    for view in result.records:
        _add_rows(table, view, result.query)
    if result.records:
        console.print(table)
    shown = len(result.records)
    newest = f"; these are the newest {shown:,}" if shown < result.matched else ""
    console.print(
        Text(
            f"{result.matched:,} of {result.submissions:,} records match{newest}. "
            f"The log {log_name} has {result.log_size:,} entries. This search is record {result.access_id}.",
            style="dim",
        )
    )


def print_detail(detail: RecordDetail, console: Console) -> None:
    """Print one record in full: its header, the stanza, the stanza's exact bytes and the proof."""
    console.print(_fields(_header_of(detail.view)))
    if isinstance(detail.view.content, Submission):
        pretty = format_stanza(detail.body)
        _print_section(console, "Indented for reading", pretty or "(not well-formed)")
        _print_section(console, "As submitted (--raw writes these bytes)", _decoded(detail.body))
        if detail.amended:
            _print_section(console, "What goes on instead", _decoded(detail.amended))
    elif detail.view.content is None:
        _print_section(console, _title_of_payload(detail.view.opened), _decoded(detail.body))
    console.print(Text("\nProof", style="bold"))
    console.print(_fields(_proof_of(detail)))
    fault = detail.proof.fault
    if fault:
        console.print(Text(f"NOT PROVED: {show_text(fault)}", style="bold red"))
    else:
        console.print(Text("Proved: the tree under the signed checkpoint holds this record.", style="green"))
    console.print(Text(f"This look is record {detail.access_id}.", style="dim"))


def print_verification(reports: Mapping[str, Report | None], console: Console) -> None:
    """Print what a verification found, a log at a time: problems first, the verdict last."""
    for name, report in reports.items():
        if report is None:
            console.print(
                Text(f"{name}: there is no log yet; nobody has looked at the record", style="yellow")
            )
            continue
        for problem in report.problems:
            where = name if problem.index is None else f"{name}/{problem.index}"
            console.print(Text(f"{where}: {show_text(problem.detail)} ({problem.kind})", style="bold red"))
        verdict = f"{len(report.problems):,} problems" if report.problems else "all verified"
        style = "bold red" if report.problems else "green"
        console.print(Text(f"{name}: {report.size:,} records, {verdict}", style=style))
        for line in describe_report(report):
            console.print(Text(f"  {show_text(line)}"))
        console.print(Text(show_text(report.checkpoint.rstrip(), keep="\n"), style="dim"))


def explain_query_error(error: QueryError) -> str:
    """Render the query with a caret under the place, then what to do."""
    before, after = error.query[: error.position], error.query[error.position :]
    shown = show_text(before)
    # A caret stands right below wide characters too when it counts cells, not characters.
    return f"  {shown}{show_text(after)}\n  {' ' * Text(shown).cell_len}^\n{error.message}"


def _add_rows(table: Table, view: RecordView, query: Node) -> None:
    """Add a record: time, parties and verdict; then id, text and delivery; then what else is to be said of it."""
    verdict, delivery = _outcome(view)
    table.add_row(Text(format_time(view.at_ns)[:23].replace("T", " ")), _parties(view), verdict)
    table.add_row(Text(view.id, style="bold"), make_excerpt(view.reading.text, query), delivery)
    for remark in _remarks(view):
        table.add_row("", remark, "")
    table.add_row("", "", "")


def _outcome(view: RecordView) -> tuple[Text, Text]:
    """Give verdict and delivery; both empty for what was only noted."""
    if (
        not isinstance(view.content, Submission)
        or view.delivery is None
        or view.reading.kind == SearchKind.SESSION
    ):
        return Text(), Text()
    verdict, style = _VERDICTS.get(view.content.action, (show_text(view.content.action), ""))
    return Text(verdict, style=style), Text(str(view.delivery), style=_DELIVERY_STYLES[view.delivery])


def _remarks(view: RecordView) -> Iterator[Text]:
    if not view.opened.stored.is_intact():
        yield Text("altered since it was recorded: run `steelyard verify`", style="bold red")
    if view.content is None:
        yield Text("this record cannot be read", style="bold red")
    if isinstance(view.content, Submission) and view.content.error:
        reason = f"{', '.join(view.content.rules)}: {view.content.error.text}"
        yield Text(show_text(reason), style="red")


def _parties(view: RecordView) -> Text:
    unknown = "the line itself" if isinstance(view.content, Event) else "?"
    sender = show_text(view.reading.sender) or unknown
    to = show_text(view.reading.to)
    kind = "" if view.reading.kind == SearchKind.MESSAGE else f"  {view.reading.kind}"
    return Text.assemble((sender, "cyan"), (f" → {to}" if to else ""), (kind, "dim"))


def _header_of(view: RecordView) -> dict[str, str]:
    """Give what a person wants to know of a record; its text is in the stanza that follows."""
    described = describe_view(view)
    error = described.pop("error", None)
    if error:
        described["told"] = f"{error['condition']} ({error['type']}): {error['text']}"
    for name in ("at_ns", "intact", "text"):
        described.pop(name, None)
    return {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in described.items()
        if value not in ("", (), None)
    }


def _title_of_payload(opened: OpenedRecord) -> str:
    if opened.leaf.segment == NOT_SEALED:
        return "A record of the log's own (docs/archive-format.md, 1.2)"
    if opened.stored.payload is None:
        return "Destroyed"
    return opened.fault or "Cannot be read; the payload is"


def _proof_of(detail: RecordDetail) -> dict[str, str]:
    stored, proof = detail.view.opened.stored, detail.proof
    return {
        "payload": f"{stored.leaf.size_bytes:,} bytes, SHA-256 {stored.leaf.payload_sha256.hex()}",
        "leaf": detail.leaf.hex(),
        "leaf hash": leaf_hash(detail.leaf).hex(),
        "in a tree of": f"{proof.size:,} leaves",
        "path": "\n".join(each.hex() for each in proof.hashes) or "(none)",
        "checkpoint": proof.note.rstrip("\n"),
    }


def _fields(values: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(name, style="dim"), Text(show_text(value, keep="\n")))
    return table


def _print_section(console: Console, title: str, text: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    console.print(Text(show_text(text, keep="\n")), soft_wrap=True)


def _decoded(body: bytes) -> str:
    return body.decode(errors="backslashreplace")
