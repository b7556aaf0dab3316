"""The gate's review queue: held messages, and notices to senders, until each has arrived.

The queue stores everything before the gate gives a verdict that depends on it. So a crash of the gate repeats nothing
and loses nothing (docs/review.md, section 4).
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from components.gate.review.change import Change
from components.gate.review.claims import Claims
from components.gate.review.joins import begin_join, end_joins, is_join, refuse_join, release_joins
from components.gate.review.making import make_message, make_notice, make_warnings
from components.gate.review.store import ItemStore, NoStore
from components.gate.review.told import ToldLately, begins_item
from components.gate.submission import Answered
from components.link.codec import Held, Status
from components.link.limits import FORWARDED_MAX_BYTES
from components.link.review_request import prove_reading
from policy.decision import Action, Decision, refuse, release
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.review import (
    EXPIRED,
    OUT_OF_REACH_NOW,
    REFUSED,
    RELEASED,
    UNCERTAIN,
    UNDELIVERABLE,
    Item,
    ItemKind,
    Place,
    ReviewAct,
    Stage,
    describe_outcome,
    is_due,
    is_refused,
    mark_sent,
    release_item,
    settle_item,
)
from policy.supervision.vote import Vote

_ASK_AGAIN_S = 5.0
# Stays as it is, and is marked with the time when it was sent.
_INJECTED_MAX_BYTES = FORWARDED_MAX_BYTES + 1024
_NS_PER_S = 1_000_000_000

NOTICE = release("gate-notice")
GIVEN_BACK = release("given-back")
REVIEWED = release("released-after-review")
JOINED = release("released-after-notice")
# The gate did not ask for it, or asked twice because it got no answer: nobody gets it.
NOT_ASKED_FOR = refuse("gate-not-asked-for", "cancel", "not-allowed", "This was said already.")


class ReviewQueue:
    """All items of a gate, by token.

    `jid` is the gate's; `deadline_s` is how long a held message waits for a reviewer. The queue calls `on_uncertain`
    with the record of each message about which nobody knows whether it arrived.
    """

    def __init__(
        self,
        jid: str,
        items: Iterable[Item] = (),
        store: ItemStore | None = None,
        *,
        deadline_s: float = 3600.0,
        on_uncertain: Callable[[int], None] = lambda _record: None,
        clock_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jid = jid
        # The items as stored; a crash loses none of them.
        self._items = {item.token: item for item in items}
        self._store = store or NoStore()
        self._deadline_ns = int(deadline_s * _NS_PER_S)
        self._on_uncertain = on_uncertain
        self._clock_ns = clock_ns
        self._clock_s = clock_s
        self._told = ToldLately()
        # Tokens of items that a save which failed may have stored all the same.
        self._in_doubt: set[str] = set()
        self.changed = asyncio.Event()
        """Set when there may be something new to ask the adapter for. The asking part clears it."""

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, the oldest first."""
        return tuple(sorted(self._items.values(), key=lambda item: (item.record, item.token)))

    def count(self, stage: Stage) -> int:
        """Return how many held messages are in a stage."""
        return sum(item.stage is stage and item.kind is ItemKind.MESSAGE for item in self._items.values())

    def find(self, token: str) -> Item | None:
        """Return the item with this token."""
        return self._items.get(token)

    def judge(self, claims: Claims, held: Held, decide: Callable[[StanzaFacts], Decision]) -> Decision:
        """Decide on a submission of the way `gate`: was it asked for, has it passed already, may it still go there?

        `decide` gives the present directory's decision on the original message.
        """
        item = self._items.get(held.inject)
        if item is None or item.stage is not Stage.OUTGOING or item.token in claims.places:
            return NOT_ASKED_FOR
        claims.places[item.token] = Place(held.epoch, held.seq)
        if item.kind is ItemKind.NOTICE:
            return NOTICE
        if item.kind is ItemKind.ERROR:
            return GIVEN_BACK
        after = JOINED if item.kind is ItemKind.JOIN else REVIEWED
        # A person who left, or was barred, while the message waited neither sends nor gets it.
        decision = decide(held.facts._replace(way=item.way))
        return decision if decision.action is Action.REFUSE else after

    def keep(self, claims: Claims, answers: Sequence[Answered], statuses: Sequence[Status]) -> None:
        """Store what follows from recorded submissions, before their verdict, and from statuses.

        A second call with the same arguments changes nothing more. Raises LogUnavailable: then nothing may be
        answered.
        """
        begun = any(begins_item(each) for each in answers)
        if not begun and not self._items and not self._in_doubt:
            return
        change = self.begin_change()
        for answer in answers:
            if begins_item(answer):
                self._begin(change, answer)
            else:
                end_joins(change, answer.held.facts)
        for answer in [each for each in answers if each.held.inject]:
            self._follow(claims, change, answer)
        for status in statuses:
            for item in list(change.items.values()):
                settled = settle_item(item, status.epoch, status.done, status.bounced)
                if is_refused(item, status.epoch, status.refused):
                    claims.forget(item.token)
                    self._end(change, item, UNDELIVERABLE)
                elif settled is not item:
                    claims.forget(item.token)
                    self._settle(change, item, settled)
        self.save(change)

    def due(self) -> list[Item]:
        """Return the held messages that nobody has decided on in time."""
        now_ns = self._clock_ns()
        return [item for item in self.items if is_due(item, now_ns)]

    def decide(self, item: Item, act: ReviewAct, *, in_time: bool = True) -> None:
        """Carry out a decision on a held message, and tell its sender; raises LogUnavailable."""
        change = self.begin_change()
        if act is ReviewAct.RELEASE:
            change.put(release_item(item))
        else:
            change.drop(item.token)
            outcome = UNCERTAIN if item.stage is Stage.UNCERTAIN else REFUSED if in_time else EXPIRED
            self._tell(change, item, outcome)
        self.save(change)

    def keep_votes(self, item: Item, votes: tuple[Vote, ...]) -> None:
        """Keep decisions on a held message until enough people agree; raises LogUnavailable."""
        change = self.begin_change()
        change.put(replace(item, votes=votes))
        self.save(change)

    def let_join(self, directory: Directory) -> None:
        """Let people join rooms who have acknowledged the notice meanwhile; raises LogUnavailable."""
        if any(item.kind is ItemKind.JOIN for item in self._items.values()):
            change = self.begin_change()
            release_joins(change, directory)
            self.save(change)

    def take_outgoing(self, claims: Claims, *, alone: bool = False) -> list[Item]:
        """Return outgoing items that were not asked for just now, and count them as asked for (gate protocol, 4.7).

        `alone`: return at most one, and none while another has not come back.
        """
        now_s = self._clock_s()
        outgoing: list[Item] = []
        for item in self.items:
            asked_at_s = claims.asked_at_s.get(item.token)
            if item.stage is not Stage.OUTGOING or item.token in claims.places:
                continue
            if asked_at_s is None or now_s - asked_at_s >= _ASK_AGAIN_S:
                if alone and (outgoing or any(token != item.token for token in claims.unheard)):
                    continue
                claims.asked_at_s[item.token] = now_s
                outgoing.append(item)
        return outgoing

    def end_unsendable(self, claims: Claims, is_blamed: Callable[[str], bool]) -> list[Item]:
        """Finish an outgoing item that cannot be sent, and tell its sender; raises LogUnavailable."""
        change = self.begin_change()
        ended = [
            item
            for item in self.items
            if item.stage is Stage.OUTGOING
            and item.token not in claims.places
            and (len(item.stanza) > _INJECTED_MAX_BYTES or is_blamed(item.token))
        ]
        for item in ended:
            self._end(change, item, UNDELIVERABLE)
        self.save(change)
        for item in ended:
            claims.forget(item.token)
        return ended

    def _begin(self, change: Change, answer: Answered) -> None:
        """Add a held message, and the notice to its sender."""
        held, decision, now_ns = answer.held, answer.decision, self._clock_ns()
        evidence = prove_reading(held.epoch, held.seq, held.body)
        # A log that was restored from an older copy gives indexes a second time.
        name = f"{answer.index}-{evidence[:8]}"
        if is_join(answer):
            begin_join(change, answer, f"j{name}")
        elif decision.action is Action.HOLD:
            item = make_message(answer, f"h{name}", self._jid, now_ns)
            change.add(replace(item, deadline_ns=now_ns + self._deadline_ns, evidence=evidence))
        if text := self._told.what_is_due(answer, now_ns):
            for notice in make_warnings(answer, text, name, self._jid, now_ns):
                change.add(notice)

    def _follow(self, claims: Claims, change: Change, answer: Answered) -> None:
        """Follow a recorded step of an item on its way out."""
        item = change.items.get(answer.held.inject)
        place = Place(answer.held.epoch, answer.held.seq)
        if answer.decision.rules == NOT_ASKED_FOR.rules:
            # It may have been decided again after a break, while the log has the earlier answer.
            if claims.places.get(answer.held.inject) == place:
                del claims.places[answer.held.inject]
            return
        if item is None:
            return
        if answer.decision.action is Action.REFUSE:
            change.drop(item.token)
            if item.kind is ItemKind.JOIN:
                refuse_join(change, item, answer.decision)
            elif item.kind is ItemKind.MESSAGE:
                self._tell(change, item, OUT_OF_REACH_NOW)
        elif item.stage is Stage.OUTGOING:
            change.put(mark_sent(item, place))

    def _settle(self, change: Change, item: Item, settled: Item | None) -> None:
        if settled is not None:
            change.put(settled)
            if settled.stage is Stage.UNCERTAIN:
                self._on_uncertain(item.record)
            return
        self._end(change, item, RELEASED if item.stage is Stage.SENT else "")

    def _end(self, change: Change, item: Item, outcome: str) -> None:
        """Finish an item, and tell the sender of a message its outcome, unless they know it."""
        change.drop(item.token)
        if outcome and item.kind is ItemKind.MESSAGE:
            self._tell(change, item, outcome)

    def _tell(self, change: Change, item: Item, outcome: str) -> None:
        """Tell the sender of a held message the outcome, on all their devices."""
        if item.way is Way.C2S:
            to = item.sender.partition("/")[0]
            text = describe_outcome(item.to, item.held_at_ns, outcome)
            change.put(make_notice(f"r{item.token[1:]}", item.record, self._jid, to, text, self._clock_ns()))

    def begin_change(self) -> Change:
        """Return a change that begins with the present items."""
        return Change(self._items)

    def save(self, change: Change) -> None:
        """Store a change, if there is any; raises LogUnavailable."""
        tokens = change.touched | self._in_doubt
        if not tokens:
            return
        self._in_doubt = tokens
        # A crash or a failure here leaves the old items or these. Then the same items are stored again, or newer ones.
        self._store.save(
            [change.items[token] for token in tokens if token in change.items],
            [token for token in tokens if token not in change.items],
        )
        self._in_doubt = set()
        self._items = change.items
        self.changed.set()
