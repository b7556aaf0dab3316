"""Prints a conversation as a person reads it (docs/auditor.md, "Reading a conversation")."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from components.audit.conversation.item import Act, Certainty, Fate, Item, ItemKind, Party, Quote, Version
from components.audit.conversation.read import ConversationView
from components.cli.output.console import make_console, make_look
from components.cli.output.terminal import show_text
from components.process.errors import SiteError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDTH = 80
_FATES = {
    Fate.REFUSED: "bold red",
    Fate.HELD: "magenta",
    Fate.BOUNCED: "yellow",
    Fate.NOT_KNOWN: "yellow",
}
_UNSAID = (Fate.CARRIED_OUT, Fate.REPEATED)
_CERTAIN = {
    Certainty.CERTAIN: "green",
    Certainty.PROBABLE: "cyan",
    Certainty.NOT_KNOWN: "yellow",
    Certainty.NO: "red",
}
_DOES = {
    ItemKind.CORRECTION: "corrects",
    ItemKind.RETRACTION: "takes back",
    ItemKind.REACTION: "reacts to",
    ItemKind.SUBJECT: "sets the subject",
    ItemKind.INVITE: "invites",
    ItemKind.JOIN: "joins the room",
    ItemKind.LEAVE: "leaves the room",
    ItemKind.RELEASED: "what was held goes out",
    ItemKind.PRESENCE: "presence",
    ItemKind.OTHER: "another stanza",
    ItemKind.DESTROYED: "a record that was destroyed by an order",
    ItemKind.UNREADABLE: "a record that cannot be read",
}
_QUOTED = 100  # characters of another message that are repeated


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its name; raises SiteError."""
    try:
        return UTC if name.upper() == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SiteError(f"--zone: {name!r} is no time zone; one looks like Europe/Berlin or UTC") from None


def tell_time(at_ns: int, zone: tzinfo) -> datetime:
    """Return a time (nanoseconds since 1970) in a zone, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=at_ns // 1000)).astimezone(zone)


def describe_conversation(view: ConversationView, zone: tzinfo) -> dict[str, Any]:
    """Describe a part of a conversation for JSON; each time also as text with its offset."""
    described: dict[str, Any] = _with_times(asdict(view), zone)
    described["access"] = described.pop("access_id")
    for item, shown in zip(view.items, described["items"], strict=True):
        shown["text"] = item.text
        shown.pop("place")
    return described


def _with_times(value: Any, zone: tzinfo) -> Any:
    if isinstance(value, dict):
        told = {name: _with_times(each, zone) for name, each in value.items()}
        at_ns = value.get("at_ns")
        return {"at": tell_time(at_ns, zone).isoformat(), **told} if isinstance(at_ns, int) else told
    return [_with_times(each, zone) for each in value] if isinstance(value, list | tuple) else value


def print_conversation(view: ConversationView, zone: tzinfo) -> None:
    """Print a part of a conversation; what is longer than the terminal goes through a pager."""
    console = make_console()
    shown = Group(*_render(view, zone))
    width = min(_WIDTH, console.width) if console.is_terminal else None
    if console.is_terminal and _count_lines(console, shown, width) > console.height:
        os.environ.setdefault("LESS", "-FRX")
        with console.pager(styles=True):
            console.print(shown, width=width)
        return
    console.print(shown, width=width)


def _count_lines(console: Console, shown: Group, width: int | None) -> int:
    return len(console.render_lines(shown, console.options.update(width=width or _WIDTH), pad=False))


def _render(view: ConversationView, zone: tzinfo) -> Iterator[Text | Table]:
    yield Text(" and ".join(map(_name, view.parties)), style="bold")
    when = f" at {tell_time(view.at_ns, zone):%Y-%m-%d %H:%M:%S %z}" if view.at_ns is not None else ""
    if view.seen_by is not None:
        yield Text(f"as seen by {_name(view.seen_by)}{when}")
    elif when:
        yield Text(f"as it was{when}")
    if view.more_before:
        yield Text(f"earlier items: --until {view.more_before}", style="dim")
    day, inside = "", ""
    for item in view.items:
        at = tell_time(item.at_ns, zone)
        today = f"{at:%A %-d %B %Y}, UTC{at.isoformat()[-6:]}"
        if today != day:
            day = today
            yield Text(f"\n{day}", style="bold cyan")
        if view.is_room and item.audience and (there := _list(item.audience)) != inside:
            inside = there
            yield Text(f"in the room now: {there}", style="dim")
        yield _show(item, zone)
    if view.more_after:
        yield Text(f"later items: --from {view.more_after}", style="dim")
    if view.is_room:
        yield Text(f"\nin the room at the end: {_list(view.present) or 'nobody, as far as the log tells'}")
    for remark in view.remarks:
        yield Text(show_text(remark), style="yellow")
    count = f"{len(view.items):,} items. The raw stanza and its proof: `steelyard audit show RECORD`."
    yield Text("")
    yield make_look(view.access_id, count)


def _show(item: Item, zone: tzinfo) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, width=8)
    table.add_column(ratio=1, overflow="fold")
    at = tell_time(item.at_ns, zone)
    head = Text.assemble((_name(item.by) or "", "bold"), (f"  {item.record}", "dim"))
    if item.kind in _DOES:
        head.append(f"  {_DOES[item.kind]}", style="italic")
    if item.fate not in _UNSAID and item.kind not in (ItemKind.DESTROYED, ItemKind.UNREADABLE):
        head.append(f"  {item.fate}", style=_FATES.get(item.fate, "yellow"))
    if item.is_hit:
        head.append("  ◀", style="bold yellow")
    table.add_row(f"{at:%H:%M:%S}", head)
    for line in _tell(item, zone):
        table.add_row("", line)
    return table


def _tell(item: Item, zone: tzinfo) -> Iterator[Text]:
    """Yield the lines below an item's head."""
    if item.about is not None:
        verb = "" if item.kind in _DOES else "answers "
        yield Text(f"↳ {verb}{_quote(item.about, zone)}", style="dim")
    if item.retraction is not None:
        yield _retracted(item.retraction, zone)
    if item.text:
        style = "strike" if item.retraction is not None else ""
        yield Text(show_text(item.text, keep="\n"), style=style)
    yield from (_version(each, item, zone) for each in _versions(item))
    if item.kind is ItemKind.REACTION:
        yield Text(" ".join(map(show_text, item.emojis)) or "takes all reactions back")
    if item.also:
        yield Text(f"also shows: {_short(item.also)}", style="dim")
    if item.why:
        style = "red" if item.fate.reached_nobody else "yellow"
        yield Text(f"rules: {show_text(item.why)}", style=style)
    yield from _tell_attached(item, zone)
    for remark in item.remarks:
        yield Text(show_text(remark), style="yellow")
    yield from _tell_reached(item, zone)


def _tell_attached(item: Item, zone: tzinfo) -> Iterator[Text]:
    """Yield a line for each thing that others added to an item, and for each file."""
    for file in item.files:
        name = f"{show_text(file.name)}, {file.size_bytes:,} bytes, {file.state}, {file.record}"
        yield Text(f"file: {name}", style="blue")
    for review in item.reviews:
        yield Text(f"review: {_act(review, zone)} {show_text(review.reason)}", style="magenta")
    for reaction in item.reactions:
        if reaction.acts:
            yield Text(f"{show_text(reaction.emoji)} {_list(act.by for act in reaction.acts)}")
        if reaction.undone:
            who = _list(act.by for act in reaction.undone)
            yield Text(f"{show_text(reaction.emoji)} taken back by {who}", style="dim")
    for each in item.acknowledgements:
        yield Text(f"{each.how} {_act(each.act, zone)}", style="dim")


def _tell_reached(item: Item, zone: tzinfo) -> Iterator[Text]:
    if item.reached is None:
        return
    reached = item.reached
    version = f", as {reached.version} says it" if reached.version not in ("", item.record) else ""
    yield Text(f"had reached them: {reached.certainty}{version}", style=_CERTAIN[reached.certainty])
    for evidence in reached.evidence:
        at = f"{tell_time(evidence.at_ns, zone):%Y-%m-%d %H:%M:%S}"
        yield Text(f"  {evidence.certainty}: {evidence.how} ({at}, {evidence.record})", style="dim")


def _versions(item: Item) -> Iterable[Version]:
    """Return the versions that the item's text is not."""
    last = next((each for each in reversed(item.versions) if each.text == item.text), None)
    return item.versions if len(item.versions) > 1 and last is not None else ()


def _version(version: Version, item: Item, zone: tzinfo) -> Text:
    what = "first" if version is item.versions[0] else "corrected"
    fate = "" if version.fate in _UNSAID else f" ({version.fate})"
    text = "as above" if version.text == item.text else f"“{show_text(version.text)}”"
    remark = f" [{version.remark}]" if version.remark else ""
    at = f"{tell_time(version.at_ns, zone):%Y-%m-%d %H:%M:%S}"
    return Text(f"│ {what} {at} {version.record}{fate}: {text}{show_text(remark)}", style="yellow")


def _retracted(act: Act, zone: tzinfo) -> Text:
    by = " as the room's moderator" if act.is_by_moderator else ""
    reason = f": {show_text(act.reason)}" if act.reason else ""
    return Text(f"taken back{by} {_act(act, zone)}{reason}; it said:", style="bold red")


def _act(act: Act, zone: tzinfo) -> str:
    return f"by {_name(act.by)} {tell_time(act.at_ns, zone):%Y-%m-%d %H:%M:%S} ({act.record})"


def _quote(quote: Quote, zone: tzinfo) -> str:
    if not quote.record:
        said = f": “{_short(quote.text)}”" if quote.text else ""
        return f"a message that the log does not have here, id {show_text(quote.id)}{said}"
    by = _name(quote.by) if quote.by is not None else ""
    at = f"{tell_time(quote.at_ns, zone):%Y-%m-%d %H:%M:%S}"
    return f"{by} {at} ({quote.record}): “{_short(quote.text)}”"


def _short(text: str) -> str:
    line = show_text(text.replace("\n", " ⏎ "))
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"


def _list(parties: Iterable[Party]) -> str:
    return ", ".join(dict.fromkeys(_name(party) for party in parties))


def _name(party: Party) -> str:
    """Return a person's name and desk, or the JID where the log has no name for it."""
    if not party.name:
        return show_text(party.jid)
    desk = f" ({show_text(party.desk)})" if party.desk else ""
    return f"{show_text(party.name)}{desk}"
