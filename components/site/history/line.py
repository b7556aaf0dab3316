"""The line on which made-up talk is said: who is signed in and in which room, and what the server numbers."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from components.archive.record import Delivery, Event, RecordKind, Submission
from components.audit.mark import Mark
from components.site.history import stanzas
from components.site.history.plan import NS_PER_S, Plan, next_in_office
from components.site.history.told import Speaker, Told
from policy.decision import StanzaError
from policy.facts import Way

_RECENT = 12
_OVERTIME = 0.01


@dataclass(slots=True)
class Place:
    """Where people talk: a room, or a pair; `recent` are the last messages there, with who may still change them."""

    members: Sequence[Speaker]
    room: str = ""
    recent: deque[Told] = field(default_factory=lambda: deque[Told](maxlen=_RECENT))
    present: frozenset[str] = frozenset()


class Line:
    """A line on which a plan's people talk: it makes records as a gate would."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311 - the same for the same seed
        self._number = self._seq = self._restarts = 0
        self._done = -1
        self._now_ns = plan.begin_ns
        self._bound: set[str] = set()

    def _pass_time(self) -> None:
        self._now_ns += int(self._random.expovariate(1 / self._plan.step_s) * NS_PER_S)
        if self._plan.is_office and self._random.random() > _OVERTIME:
            self._now_ns = next_in_office(self._now_ns)

    @property
    def _epoch(self) -> str:
        return f"{self._plan.epoch}-{self._restarts}"

    def _submit(
        self,
        body: bytes,
        session: str,
        *,
        kind: RecordKind = RecordKind.STANZA,
        way: Way = Way.C2S,
        action: str = "release",
        rules: tuple[str, ...] = (),
        error: StanzaError | None = None,
    ) -> Submission:
        self._seq += 1
        return Submission(
            kind,
            self._epoch,
            self._seq,
            way,
            self._plan.session + session,
            self._now_ns,
            action,
            rules,
            error,
            body,
        )

    def _tell(self, record: Submission | Delivery | Event, mark: Mark, **truth: object) -> Told:
        told = Told(self._number, record, mark, self._now_ns, **truth)  # type: ignore[arg-type]
        self._number += 1
        return told

    def _carry_out(self) -> Told:
        self._done = self._seq
        return self._tell(Delivery(self._epoch, self._seq, ()), Mark.OTHER)

    def _enter(self, place: Place, speaker: Speaker) -> Iterator[Told]:
        """Sign a person in, and let them join the room, if they have yet to."""
        if speaker.jid not in self._bound:
            self._bound.add(speaker.jid)
            body = stanzas.bind(speaker.session, f"192.0.2.{len(self._bound) % 250 + 1}")
            bound = self._submit(body, speaker.jid, kind=RecordKind.SESSION, way=Way.SESSION)
            yield self._tell(bound, Mark.OTHER, sender=speaker.jid)
        if not place.room or speaker.jid in place.present:
            return
        truth = {"sender": speaker.jid, "to": place.room}
        asks = self._submit(stanzas.join(speaker.session, place.room, speaker.nick), speaker.jid)
        place.present |= {speaker.jid}
        yield self._tell(asks, Mark.JOIN, present=place.present, **truth)
        answer = stanzas.tell_joined(speaker.session, place.room, speaker.nick)
        told = self._submit(answer, speaker.jid, way=Way.SERVER)
        yield self._tell(told, Mark.JOIN, present=place.present, **truth)

    def _send(
        self, place: Place, speaker: Speaker, content: str, mark: Mark, **truth: object
    ) -> Iterator[Told]:
        """Let a person send something to the place; what can be changed later is remembered."""
        yield from self._enter(place, speaker)
        to = place.room or next(each.jid for each in place.members if each is not speaker)
        id_ = f"h{self._plan.seed}-{self._number}"
        body = stanzas.make_message(speaker.session, to, id_, content, is_room=bool(place.room))
        submission = self._submit(body, speaker.jid)
        told = self._tell(submission, mark, sender=speaker.jid, to=to, id=id_, present=place.present, **truth)
        if mark is Mark.MESSAGE:
            place.recent.append(told)
        yield told
