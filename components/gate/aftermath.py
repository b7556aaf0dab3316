"""Handles stanzas that an ended server should have carried out, without a status that says that it did (G2).

Released and carried out, as the server's status said: if a client sends it again (XEP-0198), it is not delivered
again. Released, but the server cannot have received the verdict: nobody has it. Its sender sends it again, or gets an
error. Released and answered, without a later status: nobody knows. It is counted, and may be sent again.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from components.archive.record import Delivery
from components.gate.kept import KeptStanza, StanzaKeeper, ends_session
from components.gate.memo import Memo
from components.gate.owed import OwedErrors
from components.link.codec import Held, Status
from policy.decision import Decision, drop
from policy.facts import Way
from policy.review import Returned

KEPT_STANZAS = 10_000
"""So many are kept after they were carried out, and no longer than `KEPT_S`; those before that, until they are."""
KEPT_S = 600

REPEATED = drop("repeated")

_SESSION = Way.SESSION


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stanzas of an ended epoch that went out or not, which nobody knows: how many, and the first one's record."""

    epoch: str
    stanzas: int
    record: int


@dataclass(slots=True)
class _Kept:
    index: int
    stanza: KeptStanza
    at_s: int


@dataclass(slots=True)
class _Epoch:
    """What is kept of one epoch of the server, by number; up to `answered` the server may have received a verdict."""

    name: str
    # Of a plain dictionary, finding the first entry takes the longer the more were taken out before it.
    kept: OrderedDict[int, _Kept] = field(default_factory=OrderedDict)
    # Sessions that have ended, and when.
    over: OrderedDict[str, float] = field(default_factory=OrderedDict)
    done: int = 0
    # Without values, in the order in which they came.
    bounced: OrderedDict[int, None] = field(default_factory=OrderedDict)
    answered: int = 0
    # What a status said that is recorded.
    recorded: int = 0


@dataclass(slots=True)
class _Once:
    """A message that may be sent again: whether it went out, the error that waits for it, and its repetition."""

    went_out: bool
    owed: str = ""
    place: tuple[str, int] | None = None


class Aftermath:
    """Keeps account of what goes out in this epoch, and settles the epoch before when a new one begins.

    `on_unknown` is called with stanzas whose delivery nobody can know. A crash loses what is in memory. `load` takes
    it from the memos; then everything that is recorded may have been answered.
    """

    def __init__(
        self,
        keeper: StanzaKeeper,
        errors: OwedErrors,
        on_unknown: Callable[[Unknown], None] = lambda _unknown: None,
        *,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.keeper = keeper
        self._errors = errors
        self._on_unknown = on_unknown
        self._clock_s = clock_s
        # Of the present epoch, or the one that has just ended, and of earlier ones that a restart has found.
        self._epochs: list[_Epoch] = []
        # Messages that may be sent again, by digest, and until when.
        self._said: dict[str, list[_Once]] = {}
        self._said_until_s = 0.0
        # What is not stored yet: new errors, and errors that are no longer needed.
        self._owed: list[Returned] = []
        self._forgiven: list[str] = []
        # What has to be recorded about ended epochs; the part that records it clears it.
        self.deliveries: list[Delivery] = []

    def load(self, memos: Iterable[tuple[int, Memo]]) -> None:
        """Load what an earlier gate has kept, the oldest first."""
        for first, memo in memos:
            epoch = self._of(memo.epoch)
            places = {seq: first + place for place, (seq, _) in enumerate(memo.answers)}
            for stanza in memo.kept:
                epoch.kept[stanza.seq] = _Kept(places[stanza.seq], stanza, memo.at_s)
            epoch.over.update(dict.fromkeys(memo.over, memo.at_s))
            epoch.answered = max(epoch.answered, *places, 0)
            epoch.recorded = max(epoch.recorded, memo.done)
            self._note_done(epoch, max(memo.done, memo.heard), memo.bounced)

    def begin(self, name: str) -> None:
        """Note the server's epoch: those before it have ended."""
        current = self._of(name)
        ended = [epoch for epoch in self._epochs if epoch is not current]
        self._epochs = [current]
        for epoch in ended:
            self._settle(epoch)

    def recorded(
        self,
        epoch_name: str,
        kept: Iterable[tuple[int, KeptStanza | None]],
        statuses: Iterable[Status],
    ) -> None:
        """Take recorded entries: stanzas that are about to be answered, with their indexes, and statuses."""
        known, at_s = self._find(epoch_name), int(self._clock_s())
        epoch = known or _Epoch(epoch_name)
        for index, stanza in kept:
            if stanza is not None:
                epoch.kept.setdefault(stanza.seq, _Kept(index, stanza, at_s))
        for status in statuses:
            epoch.recorded = max(epoch.recorded, status.done)
        if known is None:
            # The server has ended, and another has come, while this was being recorded: nobody was answered.
            self._settle(epoch)

    def answered(self, epoch_name: str, through: int) -> None:
        """Note a verdict that is sent."""
        if (epoch := self._find(epoch_name)) is not None:
            epoch.answered = max(epoch.answered, through)

    def carried_out(self, status: Status) -> None:
        """Note a status as soon as it arrives, because the server may be gone before it is recorded."""
        if (epoch := self._find(status.epoch)) is not None:
            self._note_done(epoch, status.done, status.bounced)

    def heard(self, held: Held) -> None:
        """Note the other contents of a submission: what is done, and which sessions begin or end.

        An error may wait for a person who comes back.
        """
        if held.done >= 0 and (epoch := self._find(held.epoch)) is not None:
            epoch.done = max(epoch.done, held.done)
        if held.facts.way is not _SESSION:
            return
        if ends_session(held):
            if (epoch := self._find(held.epoch)) is not None:
                epoch.over[held.session] = self._clock_s()
        elif held.facts.kind in ("bind", "resume") and held.facts.jids:
            # Whoever is back at once is in the batch with which the errors are stored.
            self._errors.note_back(held.facts.jids[0].jid, self._owed)

    def recognise(self, held: Held) -> Decision | None:
        """Decide on a message that had gone out before the server ended; return None for all others.

        A message that did not go out, or about which nobody knows, goes out now. Then its error is no longer needed.
        """
        if not self._said or held.facts.way is not Way.C2S:
            return None
        if self._clock_s() > self._said_until_s:
            self._said.clear()
            return None
        place = (held.epoch, held.seq)
        for once in self._said.get(self.keeper.digest(held), ()):
            if once.place in (None, place):
                once.place = place
                if once.owed:
                    self._forgiven.append(once.owed)
                return REPEATED if once.went_out else None
        return None

    def done(self, epoch_name: str) -> int:
        """Return the number up to which everything is known to be done."""
        epoch = self._find(epoch_name)
        return -1 if epoch is None else epoch.done

    def store(self) -> None:
        """Store new errors, and forget those that are no longer needed; raises LogUnavailable."""
        if self._owed or self._forgiven:
            self._errors.owe(self._owed, self._forgiven)
            self._owed, self._forgiven = [], []

    def _find(self, name: str) -> _Epoch | None:
        return next((epoch for epoch in self._epochs if epoch.name == name), None)

    def _of(self, name: str) -> _Epoch:
        if (epoch := self._find(name)) is None:
            epoch = _Epoch(name)
            self._epochs.append(epoch)
        return epoch

    def _note_done(self, epoch: _Epoch, done: int, bounced: Sequence[int]) -> None:
        epoch.done = max(epoch.done, done)
        epoch.bounced.update(dict.fromkeys(bounced))
        # The numbers stand in the order in which they came: the oldest first.
        too_old_s = self._clock_s() - KEPT_S
        while len(epoch.kept) > KEPT_STANZAS or (
            epoch.kept and epoch.kept[next(iter(epoch.kept))].at_s < too_old_s
        ):
            seq = next(iter(epoch.kept))
            if seq > epoch.done:
                break
            del epoch.kept[seq]
        _forget_settled(epoch, too_old_s)

    def _settle(self, epoch: _Epoch) -> None:
        """Finish an ended epoch."""
        unknown: list[int] = []
        lost: list[int] = []
        for seq, kept in epoch.kept.items():
            if seq in epoch.bounced:
                continue
            owed = ""
            if seq > epoch.done:
                token = f"e{kept.index}"
                if seq > epoch.answered or self._errors.has(token):
                    lost.append(seq)
                    owed = self._owe(token, kept)
                else:
                    unknown.append(kept.index)
            if kept.stanza.digest and kept.stanza.session not in epoch.over:
                once = _Once(seq <= epoch.done, owed)
                self._said.setdefault(kept.stanza.digest, []).append(once)
        self._said_until_s = self._clock_s() + KEPT_S
        if lost or epoch.done > epoch.recorded:
            self.deliveries.append(Delivery(epoch.name, epoch.done, tuple(sorted({*lost, *epoch.bounced}))))
        if unknown:
            self._on_unknown(Unknown(epoch.name, len(unknown), unknown[0]))

    def _owe(self, token: str, kept: _Kept) -> str:
        """Add an error for the sender; return its token, or nothing if nobody needs an error."""
        stanza = kept.stanza
        if not stanza.wants_error:
            return ""
        self._owed.append(
            Returned(
                token,
                kept.index,
                Way(stanza.way),
                stanza.kind,
                stanza.type,
                stanza.sender,
                stanza.to,
                stanza.id,
            )
        )
        return token


def _forget_settled(epoch: _Epoch, too_old_s: float) -> None:
    """Forget bounced numbers that a recorded status has named, and ended sessions, of which nothing is kept any more.

    A server may run for months, so neither may grow with it.
    """
    first, kept = next(iter(epoch.kept.items()), (math.inf, None))
    through = min(epoch.done, epoch.recorded, first - 1)
    while epoch.bounced and next(iter(epoch.bounced)) <= through:
        epoch.bounced.popitem(last=False)
    # What a session said last is kept from when it was recorded, somewhat later than its end was heard of.
    while (kept is None or kept.at_s >= too_old_s) and epoch.over:
        if next(iter(epoch.over.values())) >= too_old_s - KEPT_S:
            break
        epoch.over.popitem(last=False)
