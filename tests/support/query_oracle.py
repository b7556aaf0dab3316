"""A plain scan: what a query's tree finds in a list of records, without an index, a table or SQL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.archive.record import Delivery, Event, Record, RecordKind, Submission
from components.audit.marks import Mark, Marks, read_marks
from components.audit.query import tree
from components.audit.query.words import MAX_WITHIN, endings_of, index_words, looks_of, spell_words
from components.audit.stanza import Reading, read_done, read_submission
from components.rules.recorded_directory import DETAIL, Listed, parse_listed
from policy.content.fold import fold_text
from policy.content.word import BREAK, split_words

CARRIED = ("release", "amend")
Forms = list[list[str]]


@dataclass(frozen=True)
class Scanned:
    """A record as it is looked at: its forms are lists of folded words, the plain ones and those by looks."""

    place: int
    record: Submission | Event
    reading: Reading
    marks: Marks
    plain: Forms
    looks: Forms

    @property
    def at_ns(self) -> int:
        return self.record.received_at_ns if isinstance(self.record, Submission) else self.record.at_ns

    @property
    def verdict(self) -> str:
        return self.record.action if isinstance(self.record, Submission) else ""

    @property
    def sender(self) -> tuple[str, str]:
        return _split(self.reading.sender)

    @property
    def to(self) -> tuple[str, str]:
        return _split(self.reading.to)


class Oracle:
    """Scans a log's records, each with its place."""

    def __init__(self, records: Sequence[tuple[int, Record]]) -> None:
        self.all = list(records)
        self.scanned = [
            _scan(place, record) for place, record in records if isinstance(record, Submission | Event)
        ]
        self.altered = self._alter()
        self.periods = self._follow_directory()

    def find(self, node: tree.Node) -> set[int]:
        """Return the places of all records that match."""
        return {each.place for each in self.scanned if self._matches(node, each)}

    def _matches(self, node: tree.Node, it: Scanned) -> bool:
        match node:
            case tree.Not(inner):
                return not self._matches(inner, it)
            case tree.And(nodes):
                return all(self._matches(each, it) for each in nodes)
            case tree.Or(nodes):
                return any(self._matches(each, it) for each in nodes)
            case tree.Everything():
                return True
            case tree.Words():
                return bool(_find_phrase(it, node))
            case tree.Near(left, right, within):
                return _is_near(it, left, right, within)
            case tree.Spelling(word, apart):
                words = {each for form in (*it.plain, *it.looks) for each in form}
                return any(_apart(word, each) <= apart if apart else _bears(each, word) for each in words)
            case tree.Pattern(expression):
                return re.search(expression, it.reading.text, re.IGNORECASE | re.MULTILINE) is not None
            case _:
                return self._holds(node, it)

    def _holds(self, term: tree.Term, it: Scanned) -> bool:
        match term:
            case tree.Party(role, local, domain):
                sides = {"from": [it.sender], "to": [it.to], "with": [it.sender, it.to]}[role]
                return any(_is_party(side, local, domain) for side in sides)
            case tree.Moment(bound, at_ns):
                return (it.at_ns >= at_ns) is (bound is tree.Bound.AFTER)
            case tree.Span(begin_ns, end_ns):
                return (begin_ns is None or it.at_ns >= begin_ns) and (end_ns is None or it.at_ns < end_ns)
            case tree.Verdict(action):
                return it.verdict == action
            case tree.OfKind(kind):
                return it.reading.kind == kind
            case tree.ByRule(rule, prefix):
                rules = it.record.rules if isinstance(it.record, Submission) else ()
                return any(each == rule or (prefix and each.startswith(rule)) for each in rules)
            case tree.Is(state):
                return self._is(state, it)
            case tree.Listed():
                return self._is_listed(term, it)
            case tree.SeenBy(local, domain):
                return self._saw(local, domain, it)
            case _:
                return _has(term, it)

    def _is(self, state: tree.State, it: Scanned) -> bool:
        if state in (tree.State.EDITED, tree.State.RETRACTED):
            return (str(state), it.place) in self.altered
        does = {str(it.marks.mark), *(str(mark) for mark, _ in it.marks.also)}
        return str(state) in does

    def _alter(self) -> set[tuple[str, int]]:
        found = set()
        how = {Mark.CORRECTION: "edited", Mark.RETRACTION: "retracted"}
        for own in self.scanned:
            for mark, target in ((own.marks.mark, own.marks.target), *own.marks.also):
                if mark not in how or not target or own.verdict not in CARRIED:
                    continue
                same = [
                    each.place
                    for each in self.scanned
                    if each is not own and _has_id(each, target) and each.to == own.to
                    and (own.marks.is_by_moderator or each.sender == own.sender)
                ]  # fmt: skip
                earlier = [place for place in same if place < own.place]
                if same:
                    found.add((how[mark], max(earlier) if earlier else min(same)))
        return found

    def _follow_directory(self) -> list[tuple[int, frozenset[Listed]]]:
        """Return from when on who is listed."""
        periods: list[tuple[int, frozenset[Listed]]] = []
        now: frozenset[Listed] = frozenset()
        for _, record in self.all:
            lines = dict(record.details).get(DETAIL) if isinstance(record, Event) else None
            if isinstance(record, Event) and isinstance(lines, str):
                change = parse_listed(record.name, lines)
                new = frozenset(change.new)
                now = new if change.is_whole else (now - frozenset(change.gone)) | new
                periods.append((record.at_ns if periods else -1, now))
        return periods

    def _listed_at(self, at_ns: int) -> frozenset[Listed]:
        return next((listed for since, listed in reversed(self.periods) if at_ns >= since), frozenset())

    def _is_listed(self, term: tree.Listed, it: Scanned) -> bool:
        listed, name = self._listed_at(it.at_ns), term.name

        def firm_of(side: tuple[str, str]) -> set[str]:
            return {
                each.enterprise
                for each in listed
                if each.kind in ("site", "rooms", "component") and each.address == side[1]
            }

        sides = (it.sender, it.to)
        match term.group:
            case tree.Group.OWNER:
                return name in firm_of(it.sender) or (not firm_of(it.sender) and name in firm_of(it.to))
            case tree.Group.SITE:
                domains = {
                    each.address
                    for each in listed
                    if each.kind in ("site", "rooms", "component") and each.site == name
                }
                return any(side[1] in domains for side in sides)
            case tree.Group.ENTERPRISE:
                firms = {
                    each.enterprise
                    for each in listed
                    if each.kind == "enterprise" and (each.enterprise == name or _called(each.name, name))
                }
                return any(firm_of(side) & firms for side in sides)
            case tree.Group.DESK:
                desks = {
                    (each.enterprise, each.desk)
                    for each in listed
                    if each.kind == "desk" and (each.desk == name or _called(each.name, name))
                }
                people = {
                    each.address
                    for each in listed
                    if each.kind == "person" and (each.enterprise, each.desk) in desks
                }
                return any("@".join(side) in people for side in sides)
            case tree.Group.ROOM:
                rooms = {each.address for each in listed if each.kind == "room" and _is_called(each, name)}
                domains = {each.address for each in listed if each.kind == "rooms"}
                return any(
                    "@".join(side) in rooms or (side[1] in domains and side[0] == name) for side in sides
                )
            case _:
                people = {each.address for each in listed if each.kind == "person" and _is_called(each, name)}
                return any("@".join(side) in people or side[0] == name for side in sides)

    def _saw(self, local: str, domain: str, it: Scanned) -> bool:
        def is_them(side: tuple[str, str]) -> bool:
            return side[0] == local and (not domain or side[1] == domain)

        if is_them(it.sender):
            return True
        if it.verdict not in CARRIED or not self._is_delivered(it):
            return False
        if is_them(it.to):
            return True
        is_said = it.reading.kind == "message" and _type_of(it) == "groupchat"
        return is_said and any(is_them(_split(person)) for person in self._present(it))

    def _is_delivered(self, it: Scanned) -> bool:
        assert isinstance(it.record, Submission)
        later = [
            each
            for place, each in self.all
            if place > it.place and isinstance(each, Delivery) and each.epoch == it.record.epoch
        ]
        for each in later:
            if it.record.seq in each.bounced:
                return False
            if each.through >= it.record.seq:
                return True
        return False

    def _present(self, it: Scanned) -> set[str]:
        """Return the full JIDs of who is in a message's room."""
        present: set[str] = set()
        epoch = ""
        for each in self.scanned:
            if each.place >= it.place and not (isinstance(each.record, Submission) and each is it):
                break
            if not isinstance(each.record, Submission):
                continue
            if each.record.epoch != epoch:
                present, epoch = set(), each.record.epoch
            person = _full(each.reading.sender)
            if each.record.kind is RecordKind.SESSION:
                present.discard(person)
            elif each.verdict in CARRIED and _split(each.marks.room) == it.to:
                if each.marks.mark is Mark.JOIN:
                    present.add(person)
                elif each.marks.mark is Mark.LEAVE:
                    present.discard(person)
            if each is it:
                break
        return present


def _has(term: tree.Term, it: Scanned) -> bool:
    match term:
        case tree.HasText():
            return any(it.plain)
        case tree.InThread(thread):
            return it.reading.thread == thread
        case tree.ById(id_):
            return _has_id(it, id_) or id_ == f"gate/{it.place}"
        case tree.StanzaType(kind):
            return _type_of(it) == kind
        case _:
            return False  # no file is in such a log


def _scan(place: int, record: Submission | Event) -> Scanned:
    reading = read_done(record) if isinstance(record, Event) else read_submission(record)
    marks = Marks(Mark.OTHER)
    if isinstance(record, Submission) and record.kind is RecordKind.STANZA:
        marks = read_marks(record.body)
    plain, looks = (_part(text) for text in index_words(reading.text))
    return Scanned(place, record, reading, marks, plain, looks)


def _part(text: str) -> Forms:
    """Part the index's words into the forms that they are of."""
    between = " ".join([BREAK] * MAX_WITHIN)
    return [form.split() for form in text.split(f" {between} ")] if text else []


def _find_phrase(it: Scanned, words: tree.Words) -> list[tuple[Forms, int, int, int]]:
    """Return where a phrase is: in which forms, which of them, where it begins, and how long it is."""
    everywhere, looks = looks_of(words.words)
    found = [
        (forms, *at)
        for forms in (it.plain, it.looks)
        for spelling in (words.words, *everywhere)
        for at in _find_in(forms, spelling, words.prefix)
    ]
    return found + [
        (it.looks, *at) for spelling in looks for at in _find_in(it.looks, spelling, words.prefix)
    ]


def _find_in(forms: Forms, spelling: tuple[str, ...], prefix: bool) -> list[tuple[int, int, int]]:
    *first, last = spelling
    ends = {f"{last}{ending}" for ending in endings_of(spelling)}
    return [
        (number, start, len(spelling))
        for number, form in enumerate(forms)
        for start in range(len(form) - len(spelling) + 1)
        if form[start : start + len(first)] == first
        and (form[start + len(first)].startswith(last) if prefix else form[start + len(first)] in ends)
    ]


def _is_near(it: Scanned, left: Sequence[tree.Words], right: Sequence[tree.Words], within: int) -> bool:
    places: list[list[tuple[Forms, int, int, int]]] = [
        [at for words in side for at in _find_phrase(it, words)] for side in (left, right)
    ]
    for forms, number, start, length in places[0]:
        for other_forms, other_number, other_start, other_length in places[1]:
            if forms is other_forms and number == other_number:
                first, second = sorted([(start, length), (other_start, other_length)])
                if second[0] - (first[0] + first[1]) < within:
                    return True
    return False


def _apart(one: str, other: str) -> int:
    """Return how many letters are put in, left out, other or swapped with their neighbour, none touched twice."""
    rows = [[max(i, j) if not i or not j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = rows[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


_ARTICLE = re.compile("[وف]?(?:[بك]?ال|لل)(.{3,})")
_BORNE = "[وف]?(?:(?:[بك]?ال|لل){stem}|[بكلس]?(?:{stem}|{open}(?:هما|كما|ها|هم|هن|كم|كن|ني|نا|ه|ك|ي|ا)))"
_OPEN = {"ه": "[هت]", "ي": "[يا]", "ء": "[ءيو]"}


def _bears(written: str, word: str) -> bool:
    """Return whether an Arabic word is another one with an article, a preposition, a pronoun written onto it."""
    article = _ARTICLE.fullmatch(word)
    stems = [word, article.group(1)] if article else [word]
    patterns = (_BORNE.format(stem=stem, open=stem[:-1] + _OPEN.get(stem[-1], stem[-1])) for stem in stems)
    return any(re.fullmatch(pattern, written) for pattern in patterns)


def _is_party(side: tuple[str, str], local: str, domain: str) -> bool:
    if not local:
        return side[1] == domain
    return local in side if not domain else side == (local, domain)


def _type_of(it: Scanned) -> str:
    return it.marks.type or ("normal" if it.reading.kind == "message" else "")


def _has_id(it: Scanned, id_: str) -> bool:
    return id_ in (it.marks.id, it.marks.origin_id) or any(id_ == each for _, each in it.marks.stanza_ids)


def _is_called(entry: Listed, name: str) -> bool:
    local = entry.address.partition("@")[0]
    return local == name or _called(entry.name, name) or _called(local, name)


def _called(name: str, sought: str) -> bool:
    forms = [split_words(form.casefold()).split() for form in fold_text(name).plain]
    spellings = [list(spelling) for spelling in spell_words(sought)]
    return any(
        form[i : i + len(words)] == words for form in forms for words in spellings for i in range(len(form))
    )


def _split(jid: str) -> tuple[str, str]:
    local, _, domain = jid.split("/", 1)[0].rpartition("@")
    return local, domain


def _full(jid: str) -> str:
    return jid
