"""Records as pages show them: values for templates, taken from what an audit function returned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from components.archive.log.merkle import leaf_hash
from components.archive.record import Access, Alarm, Delivery, Event, OrderDetails, Submission
from components.audit.console.hidden import Hidden, Nameless
from components.audit.excerpt import ExcerptPiece, make_excerpt, make_file_excerpt
from components.audit.moment import format_time
from components.audit.query.tree import Node, SearchKind
from components.audit.show import RecordDetail
from components.audit.view import FileView, RecordView

_MOST_NAMELESS = 300


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file that a record is about; `pieces` show a hit within it, `id` is what `steelyard files export` takes."""

    name: str
    type: str
    size_bytes: int
    sha256: str
    pieces: tuple[ExcerptPiece, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class OtherRecord:
    """Another record of the same message; `differs`: it does not say the same; `fault`: why it is not proved."""

    id: str
    differs: bool
    fault: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A found record. `absence` names why its text is not there, `is_said` whether it belongs to a conversation.

    Of several sites it has the name of its own (`site`), why it is not proved (`fault`), and the `others` of the same
    message; so many `more` are not among these.
    """

    id: str
    at_ns: int
    iso: str
    sender: str
    to: str
    kind: str
    action: str
    delivery: str
    rules: tuple[str, ...]
    pieces: tuple[ExcerptPiece, ...]
    files: tuple[FileLine, ...]
    absence: str
    is_said: bool
    site: str = ""
    fault: str = ""
    others: tuple[OtherRecord, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a proof in words: the texts of the catalogue, and whether it holds."""

    key: str
    holds: bool
    values: Mapping[str, object]


def view_hit(view: RecordView, query: Node, hidden: Hidden | None = None) -> Hit:
    """Return a record of a result, without the names that are `hidden`."""
    reading, content = view.reading, view.content
    submission = content if isinstance(content, Submission) else None
    parties = (reading.sender, reading.to)
    nameless = hidden.nameless(submission.rules, parties) if hidden and submission else None
    if nameless:
        # Without marks and without files: what was found may itself be a name.
        text, show = nameless.hide(reading.text)[:_MOST_NAMELESS], nameless.show
        reading = replace(reading, sender=show(reading.sender), to=show(reading.to))
    return Hit(
        id=view.id,
        at_ns=view.at_ns,
        iso=format_time(view.at_ns),
        sender=reading.sender,
        to=reading.to,
        kind=reading.kind.value,
        action=submission.action if submission else "",
        delivery=_tell_delivery(view),
        rules=tuple(submission.rules) if submission else (),
        pieces=(ExcerptPiece(text),) if nameless else _cut_out(reading.text, query),
        files=() if nameless else tuple(_view_file(file, query) for file in view.files),
        absence=find_absence(view),
        is_said=is_said(view),
    )


def _cut_out(text: str, query: Node) -> tuple[ExcerptPiece, ...]:
    return tuple(make_excerpt(text, query)) if text else ()


def is_said(view: RecordView) -> bool:
    """Return whether a record is something that was said to somebody, and so has a conversation around it."""
    return view.reading.kind is SearchKind.MESSAGE and isinstance(view.content, Submission)


def find_absence(view: RecordView) -> str:
    """Return why a record's content cannot be shown, as the catalogue names it; empty if it can."""
    if view.missing:
        return "missing"
    if view.destroyed:
        return "destroyed"
    return "unreadable" if view.opened.fault else ""


def _tell_delivery(view: RecordView) -> str:
    if view.delivery is None or not isinstance(view.content, Submission):
        return ""
    # That what was released was carried out goes without saying.
    goes_without_saying = view.content.action == "release" and view.delivery.value == "carried-out"
    return "" if goes_without_saying else view.delivery.value


def _view_file(file: FileView, query: Node) -> FileLine:
    pieces = tuple(make_file_excerpt(file.text, query)) if file.is_hit else ()
    return FileLine(file.name, file.found_type or file.claimed_type, file.size_bytes, file.sha256, pieces)


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One record in full, and the steps of its proof."""

    id: str
    at_ns: int
    iso: str
    facts: tuple[tuple[str, str], ...]
    details: tuple[tuple[str, str], ...]
    action: str
    rules: tuple[str, ...]
    told: str
    delivery: str
    absence: str
    text: str
    is_said: bool
    files: tuple[FileLine, ...]
    raw: str
    amended: str
    is_proved: bool
    fault: str
    steps: tuple[Step, ...]
    payload_sha256: str
    size_bytes: int
    leaf_hash: str
    path: tuple[str, ...]
    checkpoint: str
    access_id: str


def view_record_page(detail: RecordDetail, nameless: Nameless | None = None) -> RecordPage:
    """Return what the page of a record shows; if it has to be `nameless`, neither files nor the bytes."""
    if nameless:
        return _leave_out_names(view_record_page(detail), nameless)
    view, proof = detail.view, detail.proof
    submission = view.content if isinstance(view.content, Submission) else None
    error = submission.error if submission else None
    return RecordPage(
        id=view.id,
        at_ns=view.at_ns,
        iso=format_time(view.at_ns),
        facts=tuple(_facts_of(view)),
        details=tuple(_details_of(view)),
        action=submission.action if submission else "",
        rules=tuple(submission.rules) if submission else (),
        told=f"{error.condition}: {error.text}" if error else "",
        delivery=view.delivery.value if view.delivery is not None else "",
        absence=find_absence(view),
        # What an event says are its details.
        text="" if isinstance(view.content, Event) else view.reading.text,
        is_said=is_said(view),
        files=tuple(_files_of(detail)),
        raw=detail.body.decode(errors="backslashreplace"),
        amended=detail.amended.decode(errors="backslashreplace"),
        is_proved=not proof.fault,
        fault=proof.fault,
        steps=tuple(_prove(detail)),
        payload_sha256=view.opened.stored.leaf.payload_sha256.hex(),
        size_bytes=view.opened.stored.leaf.size_bytes,
        leaf_hash=leaf_hash(detail.leaf).hex(),
        path=tuple(each.hex() for each in proof.hashes),
        checkpoint=proof.note,
        access_id=detail.access_id,
    )


def _leave_out_names(page: RecordPage, nameless: Nameless) -> RecordPage:
    facts = tuple(
        (key, nameless.show(value) if key in ("record.from", "record.to") else nameless.hide(value))
        for key, value in page.facts
    )
    text, told = nameless.hide(page.text), nameless.hide(page.told)
    details = tuple((name, nameless.hide(value)) for name, value in page.details)
    return replace(
        page, facts=facts, details=details, text=text, told=told, files=(), raw="", amended="", is_said=False
    )


def _prove(detail: RecordDetail) -> Iterator[Step]:
    """Yield the steps of a proof; where one is missing, those that rest on it are not claimed either."""
    view, proof = detail.view, detail.proof
    is_whole = view.opened.stored.is_intact() and not view.missing and not view.opened.fault
    # The proof's own fault, or else that of the content.
    is_in_tree = not proof.fault or bool(proof.size)
    yield Step("step.content", is_whole, {"digest": view.opened.stored.leaf.payload_sha256.hex()[:16]})
    yield Step("step.place", is_in_tree, {"number": view.opened.index, "size": f"{proof.size:,}"})
    yield Step("step.signed", is_in_tree, {"name": proof.note.partition("\n")[0]})


def _facts_of(view: RecordView) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of a record, with the names of the catalogue."""
    reading = view.reading
    named: list[tuple[str, object]] = [("record.from", reading.sender), ("record.to", reading.to)]
    match view.content:
        case Submission() as submission:
            named += [
                ("record.thread", reading.thread),
                ("record.way", submission.way),
                ("record.policy", submission.rules_name),
            ]
        case Access() as access:
            named += [("record.by", access.actor), ("record.act", access.act), ("record.query", access.query)]
        case Alarm(name, _):
            named.append(("record.act", name))
        case Event(kind, name, _):
            named.append(("record.act", f"{kind.name.lower()} {name}"))
        case OrderDetails() as order:
            named += [("record.act", order.act), ("record.details", order.reason)]
        case Delivery() as delivery:
            named += [("record.details", f"{delivery.epoch} ≤ {delivery.through}")]
    return ((key, str(value)) for key, value in named if value)


def _details_of(view: RecordView) -> Iterator[tuple[str, str]]:
    if isinstance(view.content, Alarm | Event):
        yield from ((name, str(value)) for name, value in view.content.details)


def _files_of(detail: RecordDetail) -> Iterator[FileLine]:
    for file in detail.view.files:
        type_ = file.found_type or file.claimed_type
        yield FileLine(file.name, type_, file.size_bytes, file.sha256, id=file.record)
    for number, inside in enumerate(detail.carried, 1):
        sha256 = inside.sha256.hex() if inside.sha256 else ""
        # What lies elsewhere is not in the archive.
        id_ = f"{detail.view.id}.{number}" if inside.content is not None else ""
        yield FileLine(inside.name or inside.url, inside.media_type, inside.size_bytes or 0, sha256, id=id_)
