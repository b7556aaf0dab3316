"""What had reached a person by a time, by what evidence and how certainly (docs/auditor.md has the rules): pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from components.audit.conversation.item import Certainty, Evidence, How, Item, Party, Reached
from components.audit.conversation.links import Links
from components.audit.conversation.said import Said
from components.audit.index.talk import Turn, fold_bare, own_ids
from components.audit.marks import Mark
from components.audit.stanza_tree import read_tree, text_of

_ORDER = (Certainty.CERTAIN, Certainty.PROBABLE, Certainty.NOT_KNOWN)
_BEGINS = ("bind", "resume")
_FILTERS = ("with", "start", "end", "after-id", "before-id", "ids")


@dataclass(frozen=True, slots=True)
class Session:
    """A device of a person that signed in (or came back) or out; `record` says so."""

    place: int
    at_ns: int
    record: str
    jid: str
    is_begin: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a person: `person` as a search folds them, until when one asks, and what they did.

    `sessions` are in order and begin with those before the first message; `queries` are their questions to archives,
    `moves` their joins and leaves of rooms.
    """

    person: str
    until_ns: int
    sessions: Sequence[Session] = ()
    queries: Sequence[Said] = ()
    moves: Sequence[Said] = ()


def judge(said: Said, about: Iterable[Said], watched: Watched, present: frozenset[str]) -> Reached:
    """Return whether a message had reached a person; `about` is what names it, `present` who was in its room then."""
    evidence = sorted(
        (each for each in _find_evidence(said, about, watched, present) if each.at_ns <= watched.until_ns),
        key=lambda each: each.at_ns,
    )
    if said.fate.reached_nobody and not any(each.certainty is Certainty.CERTAIN for each in evidence):
        return Reached(Certainty.NO, (Evidence(How.NOT_CARRIED_OUT, Certainty.NO, said.record, said.at_ns),))
    if not evidence:
        nothing = Evidence(How.NO_EVIDENCE, Certainty.NOT_KNOWN, said.record, said.at_ns)
        return Reached(Certainty.NOT_KNOWN, (nothing,))
    certainty = min((each.certainty for each in evidence), key=_ORDER.index)
    return Reached(certainty, tuple(evidence), said.record if certainty is not Certainty.NOT_KNOWN else "")


def _find_evidence(
    said: Said, about: Iterable[Said], watched: Watched, present: frozenset[str]
) -> Iterator[Evidence]:
    if said.author == watched.person:
        yield Evidence(How.WROTE, Certainty.CERTAIN, said.record, said.at_ns)
        return
    for each in about:
        if each.author == watched.person and not each.fate.reached_nobody:
            yield Evidence(_how(each, said), Certainty.CERTAIN, each.record, each.at_ns)
    if said.fate.reached_nobody:
        return
    sure = Certainty.PROBABLE if said.fate.reached_somebody else Certainty.NOT_KNOWN
    if said.marks.type == "groupchat":
        yield from _find_in_room(said, watched, present, sure)
    elif fold_bare(said.to) == watched.person:
        yield from _find_in_sessions(said, watched, sure)
    yield from _find_in_archive(said, watched)


def _how(about: Said, said: Said) -> How:
    """Return what a record that names a message says of it; it may say so besides what it says itself."""
    ids = (*own_ids(said.marks), said.record)
    mark = next((mark for mark, id_ in about.marks.also if id_ in ids), about.marks.mark)
    if mark is Mark.RECEIPT or about.marks.detail == "received":
        return How.RECEIPT
    return How.DISPLAYED if mark is Mark.MARKER else How.ANSWERED


def _find_in_sessions(said: Said, watched: Watched, sure: Certainty) -> Iterator[Evidence]:
    """Find a device that was signed in when the message was carried out, or that signed in later (XEP-0160)."""
    open_ = dict[str, Session]()
    for session in watched.sessions:
        if session.place > said.place:
            break
        if session.is_begin:
            open_[session.jid] = session
        else:
            open_.pop(session.jid, None)
    wanted = said.marks.to if "/" in said.marks.to else ""
    there = [each for jid, each in open_.items() if wanted in ("", jid)] or list(open_.values())
    if there:
        yield Evidence(How.SESSION, sure, there[-1].record, said.at_ns)
        return
    later = (each for each in watched.sessions if each.place > said.place and each.is_begin)
    if (first := next(later, None)) is not None:
        yield Evidence(How.SIGNED_IN, sure, first.record, first.at_ns)


def _find_in_room(
    said: Said, watched: Watched, present: frozenset[str], sure: Certainty
) -> Iterator[Evidence]:
    moves = [each for each in watched.moves if fold_bare(each.marks.room) == fold_bare(said.marks.room)]
    joins = [each for each in moves if each.marks.mark is Mark.JOIN]
    if watched.person in present:
        before = [each for each in joins if each.place < said.place]
        yield Evidence(How.IN_ROOM, sure, before[-1].record if before else said.record, said.at_ns)
        return
    later = (each for each in joins if each.place > said.place)
    if (first := next(later, None)) is not None:
        yield Evidence(How.JOINED_LATER, Certainty.NOT_KNOWN, first.record, first.at_ns)


def _find_in_archive(said: Said, watched: Watched) -> Iterator[Evidence]:
    """Find questions to an archive (XEP-0313) that the message may answer; what was answered is not recorded."""
    room = fold_bare(said.marks.room) if said.marks.type == "groupchat" else ""
    if not room and watched.person not in (fold_bare(said.to), said.author):
        return
    for query in watched.queries:
        asked = fold_bare(query.to)
        if query.place > said.place and asked == (room or watched.person):
            whole = _asks_for_all(query)
            how = How.ARCHIVE if whole else How.ARCHIVE_PART
            certainty = Certainty.PROBABLE if whole and said.fate.reached_somebody else Certainty.NOT_KNOWN
            yield Evidence(how, certainty, query.record, query.at_ns)
            if whole:
                return


def _asks_for_all(query: Said) -> bool:
    """Return whether a question to an archive is for everything: no filter, and no limit of its pages."""
    body = query.submission.body if query.submission is not None else b""
    try:
        tree = read_tree(body)
    except (SyntaxError, ValueError):
        return False
    if tree is None or not list(tree.root):
        return False
    fields = [each.get("var") for each in tree.root.iter("{jabber:x:data}field") if text_of(each)]
    is_paged = any(str(each.tag).startswith("{http://jabber.org/protocol/rsm}") for each in tree.root.iter())
    return not is_paged and not any(field in _FILTERS for field in fields)


def read_session(said: Said, name: str, jid: str) -> Session | None:
    """Return a session's event, by the name of its element; None for what is none."""
    if said.turn is not Turn.SESSION or not jid:
        return None
    return Session(said.place, said.at_ns, said.record, jid, name in _BEGINS)


def judge_items(
    items: tuple[Item, ...], links: Links, watched: Watched, present: Mapping[int, tuple[Party, ...]]
) -> tuple[Item, ...]:
    """Say of each message, version by version, whether it had reached somebody."""
    by_record = {said.record: said for said in links.records}
    judged = []
    for item in items:
        reached: Reached | None = None
        for version in item.versions:
            said = by_record.get(version.record)
            if said is None or said.turn not in (Turn.SAYS, Turn.CHANGES):
                continue
            there = frozenset(fold_bare(party.jid) for party in present.get(said.place, ()))
            next_ = judge(said, links.naming(said), watched, there)
            if reached is None or next_.certainty in (Certainty.CERTAIN, Certainty.PROBABLE):
                reached = next_
        judged.append(replace(item, reached=reached))
    return tuple(judged)
