"""What a search prints: the records that it found, like a conversation (docs/query.md)."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.archive.record import Event, Submission
from components.audit.excerpt import has_hit, make_excerpt, make_file_excerpt
from components.audit.index.found import DeliveryState
from components.audit.query.arabic import is_arabic
from components.audit.query.error import QueryError
from components.audit.query.tree import Node, SearchKind, format_query, words_sought
from components.audit.search import SearchResult
from components.audit.view import Around, FileView, RecordView
from components.cli.output.asked import describe_asked
from components.cli.output.console import make_console, make_look, show_time
from components.cli.output.file_event import tell_file_event
from components.cli.output.record import describe_upload, describe_view
from components.cli.output.terminal import show_text

if TYPE_CHECKING:
    from components.audit.sites.search import SearchedSite

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
    DeliveryState.REPEATED: "dim",
    DeliveryState.UNKNOWN: "yellow",
}
Limited: TypeAlias = "SearchResult | SearchedSite"

_HIT_STYLE = "bold black on yellow"
_WIDE = 110
"""On a terminal of so many columns, a record stands beside its time and its verdict."""


def describe_search(result: SearchResult) -> dict[str, Any]:
    """Describe the result of a search for JSON."""
    return {
        **describe_asked(result),
        "submissions": result.submissions,
        "log_size": result.log_size,
        "result_digest": result.digest,
        "next_before": result.next_before,
        **describe_limits(result),
        "records": [_describe_hit(view, result) for view in result.records],
    }


def describe_limits(result: Limited) -> dict[str, Any]:
    """Describe for JSON what a search could not look into, how far it went, and its own record."""
    return {
        "unreadable": result.unreadable,
        "not_opened": result.not_opened,
        "files_unread": result.files_unread,
        "files_unheard": result.files_unheard,
        "widened": [
            {"term": format_query(each.spelling), "words": list(each.words), "is_cut": each.is_cut}
            for each in result.widened
        ],
        "examined": result.examined,
        "is_cut": result.is_cut,
        "access": result.access_id,
    }


def _describe_hit(view: RecordView, result: SearchResult) -> dict[str, Any]:
    described = describe_view(view)
    if around := result.around.get(view.id):
        sides = (("before", around.before), ("after", around.after))
        described |= {name: [describe_view(each) for each in views] for name, views in sides}
    return described


def print_search(result: SearchResult, log_name: str) -> None:
    """Print the result of a search, the oldest record first."""
    console = make_console()
    print_records(console, result.records, result.sought, result.around)
    shown = len(result.records)
    behind = (
        f"; these are {shown:,}: the next page is --before {result.next_before}" if result.next_before else ""
    )
    text = (
        f"{result.matched:,} of {result.submissions:,} records match{behind}. "
        f"The log {log_name} has {result.log_size:,} entries. Times are in UTC."
    )
    console.print(make_look(result.access_id, text, "This search"))
    for remark, style in (*tell_limits(result), *tell_forms(result.query)):
        console.print(Text(remark, style=style))


def print_records(
    console: Console,
    records: Sequence[RecordView],
    query: Node,
    around: Mapping[str, Around] = MappingProxyType({}),
) -> None:
    """Print records, the oldest first: on a wide terminal in columns, else addresses and text in lines of their own."""
    shown = list(_with_context(records, around))
    # In columns, one long text of a page would make all its lines as long where there is no width to keep to.
    if not console.is_terminal or console.width < _WIDE:
        for view, is_hit in shown:
            console.print(stack_record(view, query, is_hit=is_hit))
        return
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(no_wrap=True, justify="right")
    for view, is_hit in shown:
        _add_rows(table, view, query, is_hit=is_hit)
    if records:
        console.print(table)


def _with_context(
    records: Sequence[RecordView], around: Mapping[str, Around]
) -> Iterator[tuple[RecordView, bool]]:
    """Yield records with what was said around them, each once, and whether it is one of `records`."""
    hits = {view.id for view in records}
    seen = set(hits)
    for hit in records:
        context = around.get(hit.id, Around((), ()))
        for view in (*context.before, hit, *context.after):
            if view is hit:
                yield view, True
            elif view.id not in seen:
                seen.add(view.id)
                yield view, False


def tell_forms(query: Node) -> Iterator[tuple[str, str]]:
    """Yield how to find more of an Arabic word, which is found as it is written alone."""
    words = (term.words[0] for term in words_sought(query) if len(term.words) == 1 and not term.prefix)
    if alone := " ".join(f"{word}~" for word in dict.fromkeys(words) if is_arabic(word)):
        yield f"With article, prepositions and pronouns Arabic words are found by: {show_text(alone)}", "dim"


_BY_NAME = ": a search finds only name, type and hash of it"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def tell_limits(result: Limited) -> Iterator[tuple[str, str]]:
    """Yield what a search did not look into, each line with its style."""
    for widened in result.widened:
        words = ", ".join(map(show_text, widened.words)) or "no word of any text"
        more = ", and others" if widened.is_cut else ""
        yield f"{format_query(widened.spelling)} is widened to: {words}{more}", "dim"
    if result.is_cut:
        yield (
            f"the regular expression was looked for in the newest {result.examined:,} records that may match: older"
            " ones may match, too; narrow the query",
            "bold red",
        )
    if result.files_unread:
        yield (
            _count(result.files_unread, "file could not be read", "files could not be read") + _BY_NAME,
            "bold red",
        )
    if result.files_unheard:
        heard = _count(result.files_unheard, "recording was not heard", "recordings were not heard")
        yield heard + _BY_NAME, "yellow"
    if result.not_opened:
        opened = _count(result.not_opened, "record was not opened", "records were not opened")
        yield f"{opened}: no grant in force opens what is left", "yellow"
    if result.unreadable:
        unreadable = (
            _count(result.unreadable, "record cannot be read", "records cannot be read")
            + ", and no search surely finds what is there: run `steelyard verify` and `steelyard audit reconcile`"
        )
        yield unreadable, "bold red"


def stack_record(
    view: RecordView, query: Node, id_: str = "", more: Sequence[tuple[str, str]] = (), *, is_hit: bool = True
) -> Text:
    """Return a record for a narrow terminal: time, id and verdict; then the parties; then what it says.

    `more` are lines for the end, each with its style.
    """
    verdict, delivery = _outcome(view)
    head = Text.assemble(show_time(view.at_ns), "  ", (id_ or view.id, "bold" if is_hit else "dim"))
    for each in (verdict, delivery):
        if each:
            head.append("  ").append_text(each)
    lines = [head, _parties(view), style_excerpt(_text_of(view), query)]
    lines += [_show_file(file, query) for file in view.files]
    lines += _remarks(view)
    lines += [Text(show_text(line), style=style) for line, style in more]
    return Text("\n").join([*(line for line in lines if line), Text()])


def style_excerpt(text: str, query: Node) -> Text:
    """Return the found part of a text as one line, with every hit highlighted."""
    return Text.assemble(
        *(
            (show_text(piece.text.replace("\n", " ⏎ ")), _HIT_STYLE if piece.is_hit else "")
            for piece in make_excerpt(text, query)
        )
    )


def explain_query_error(error: QueryError) -> str:
    """Return the query with a caret under the place of the error, then what to do."""
    before, after = error.query[: error.position], error.query[error.position :]
    shown = show_text(before)
    # Count cells and not characters, so that the caret is also right below wide characters.
    return f"  {shown}{show_text(after)}\n  {' ' * Text(shown).cell_len}^\n{error.message}"


def _add_rows(table: Table, view: RecordView, query: Node, *, is_hit: bool = True) -> None:
    """Add a record: time, parties and verdict; then id, text and delivery; then remarks."""
    verdict, delivery = _outcome(view)
    table.add_row(Text(show_time(view.at_ns, digits=3)), _parties(view), verdict)
    table.add_row(
        Text(view.id, style="bold" if is_hit else "dim"), style_excerpt(_text_of(view), query), delivery
    )
    for file in view.files:
        table.add_row("", _show_file(file, query), "")
    for remark in _remarks(view):
        table.add_row("", remark, "")
    table.add_row("", "", "")


def _text_of(view: RecordView) -> str:
    """Return what a record says, for people: of what became of a file, the words and not the fields."""
    if isinstance(view.content, Event) and view.reading.kind == SearchKind.FILE:
        return tell_file_event(view.content)
    return view.reading.text


def _show_file(file: FileView, query: Node) -> Text:
    """Return a file's name and size and, if the search found it by what it says, the place."""
    about = Text(f"{show_text(file.name)}  {file.size_bytes:,} bytes", style="dim")
    about.append(f"  {file.record}")
    for line in describe_upload(file):
        about.append(f"\n{show_text(line)}", style="dim")
    if not file.is_hit:
        return about
    text, place = file.text, "in the file"
    read = text.removesuffix(file.transcript)
    if file.transcript and not has_hit(read, query):
        text, place = file.transcript, "in the file, machine transcript"
    found = (
        (show_text(piece.text.replace("\n", " ⏎ ")), _HIT_STYLE if piece.is_hit else "")
        for piece in make_file_excerpt(text, query)
    )
    return Text.assemble(about, (f"\n({place}) ", "bold"), *found)


def _outcome(view: RecordView) -> tuple[Text, Text]:
    """Return verdict and delivery; both are empty for events."""
    if (
        not isinstance(view.content, Submission)
        or view.delivery is None
        or view.reading.kind == SearchKind.SESSION
    ):
        return Text(), Text()
    verdict, style = _VERDICTS.get(view.content.action, (show_text(view.content.action), ""))
    return Text(verdict, style=style), Text(str(view.delivery), style=_DELIVERY_STYLES[view.delivery])


def _remarks(view: RecordView) -> Iterator[Text]:
    if view.missing:
        yield Text("missing: gone, and not destroyed by any order: run `steelyard verify`", style="bold red")
        return
    if not view.opened.stored.is_intact():
        yield Text("altered since it was recorded: run `steelyard verify`", style="bold red")
    if view.content is None:
        yield Text("this record cannot be read", style="bold red")
    elif not view.reading.readable:
        yield Text("what it says cannot be read: this is the stanza as it came", style="bold red")
    if isinstance(view.content, Submission) and view.content.error:
        reason = f"{', '.join(view.content.rules)}: {view.content.error.text}"
        yield Text(show_text(reason), style="red")


def _parties(view: RecordView) -> Text:
    unknown = "the line itself" if isinstance(view.content, Event) else "?"
    sender = show_text(view.reading.sender) or unknown
    to = show_text(view.reading.to)
    kind = "" if view.reading.kind == SearchKind.MESSAGE else f"  {view.reading.kind}"
    return Text.assemble((sender, "cyan"), (f" → {to}" if to else ""), (kind, "dim"))
