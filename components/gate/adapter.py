"""The connected adapter: which one it is, how the gate speaks to it, and the state of its session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from components.gate.breaks import LinkBreaks
from components.gate.journal import SessionRecords
from components.gate.review.claims import Claims
from components.gate.submission import Answered, Decided
from components.link.borders import encode_borders, encode_occupants
from components.link.codec import Status
from components.link.encode import Answering, encode_canary, encode_inject, encode_noted, encode_verdicts
from policy.decision import Action
from policy.directory.directory import Directory
from policy.reach.partition import Partition, partition

Write = Callable[[bytes], bool]
"""Sends encoded elements to the server, on one connection, and returns whether it may hear them (`LinkListener`)."""


@dataclass(frozen=True, slots=True)
class GateName:
    """What the gate is called: its JID on the server, and its log in receipts (`gate` in `gate/100042`)."""

    jid: str
    log: str


@dataclass(frozen=True, slots=True)
class AdapterSession:
    """An adapter's time on one connection, from its first status on (gate protocol, section 4.3).

    `number` counts sessions since the gate was started, `host` is the adapter's address, `epoch` is the life of its
    server.
    """

    number: int
    host: str
    epoch: str


class Adapter:
    """The adapter of one session. Nothing here is ever reset, because each session has an object of its own.

    A crash, or the end of the session, loses all of it. Then the adapter says again what it holds, and the log says
    what of that is recorded.
    """

    def __init__(
        self,
        session: AdapterSession,
        gate: GateName,
        write: Write,
        *,
        first_seq: int = 1,
        observes: bool = False,
    ) -> None:
        self.session = session
        self._observes = observes
        self._gate = gate
        self._write = write
        # True from the end of the session on. The line owns it.
        self.is_over = False
        # Decided submissions that wait for their record, and statuses, in the order in which they came. A directory
        # stands where new rules came between them: its borders are sent in their turn. The gate owns it.
        self.pending: list[Decided | Status | Directory] = []
        # How many of these, and of those that are being recorded now, have no verdict yet.
        self._owed = 0
        # What the log holds of the epoch. The journal owns it.
        self.records = SessionRecords(session.epoch, first_seq)
        # What this adapter has been asked to inject. The review queue owns it.
        self.claims = Claims()
        # The last table of who may reach whom that it was sent.
        self._borders: Partition | None = None

    def readdress(self, host: str) -> None:
        """Address the adapter at another host of its server, because requests to a host that is gone are lost."""
        self.session = replace(self.session, host=host)

    def add(self, decided: Decided) -> None:
        """Queue a submission, to be recorded and answered in its turn."""
        self.pending.append(decided)
        self._owed += 1

    def change_borders(self, directory: Directory) -> None:
        """Queue the borders of a new directory, behind all that was decided by the directory before.

        If the adapter got them at once, they would stop stanzas that the gate has already released.
        """
        if self._owed or any(isinstance(each, Directory) for each in self.pending):
            self.pending.append(directory)
        else:
            self.say_borders(directory)

    def take_batch(self, max_batch: int) -> Sequence[Decided | Status]:
        """Take the next entries to record out of `pending`, and send the borders that come before them."""
        pending = self.pending
        batch: list[Decided | Status] = []
        taken = 0
        for item in pending[:max_batch]:
            if not isinstance(item, Directory):
                batch.append(item)
            elif batch:
                break
            else:
                self.say_borders(item)
            taken += 1
        del pending[:taken]
        return batch

    def say_verdict(self, answers: Sequence[Answered], breaks: LinkBreaks) -> bool:
        """Answer submissions of one host, whose numbers and records are consecutive (section 4.2).

        Return whether the server may receive any of it.

        A stanza whose verdict ended the link before goes back to its sender instead, and the adapter's status will
        say so.
        """
        self._owed -= len(answers)
        first = answers[0]
        decisions = [answer.decision for answer in answers]
        answering = Answering(self._gate.jid, first.held.host, first.held.epoch, self._gate.log)
        blamed = {
            answer.held.seq: answer.index
            for answer in answers
            if answer.decision.action is not Action.RELEASE
            and (breaks.is_blamed(answer.held.epoch, answer.held.seq) or _cannot_be_said(answer))
        }
        may_hear = False
        for verdict in encode_verdicts(
            answering, first.held.seq, first.index, decisions, bounced=blamed, one_each=breaks.is_careful
        ):
            may_hear |= self._write(verdict)
        for index in blamed.values():
            breaks.unsendable(index)
        return may_hear

    def say_noted(self, status: Status) -> None:
        """Tell the adapter that the content of a status is durable (section 4.3)."""
        self._write(encode_noted(self._gate.jid, status.host, status.number))

    def say_borders(self, directory: Directory) -> None:
        """Send who may reach whom, before any verdict: until then the server hides everybody (section 4.5).

        Also ask who is in chaperoned rooms, because this process did not see who entered before its start. Do not
        send a table again that the adapter already has: most changes of the rules do not change borders.
        """
        borders = partition(directory)
        if borders != self._borders:
            self._borders = borders
            for part in encode_borders(self._gate.jid, self.session.host, borders, is_open=self._observes):
                self._write(part)
        for room in sorted(directory.borders.chaperoned):
            self._write(encode_occupants(self._gate.jid, self.session.host, room))

    def ask_canary(self, id_: str) -> None:
        """Ask for a canary (section 4.4)."""
        self._write(encode_canary(self._gate.jid, self.session.host, id_))

    def ask_inject(self, token: str, stanza: bytes) -> None:
        """Ask the adapter to hold and submit a stanza that the gate made (section 4.7)."""
        self._write(encode_inject(self._gate.jid, self.session.host, token, stanza))


def _cannot_be_said(answer: Answered) -> bool:
    """Return whether what was decided before has gone with what is quarantined now (section 5.10)."""
    return bool(answer.held.problem) and answer.decision.action in (Action.AMEND, Action.HOLD)


class Line:
    """Knows, alone, whether a server is connected and which adapter speaks. `gate` is the gate's own name.

    If the gate `observes`, the borders that adapters are told stop nothing.
    """

    def __init__(self, gate: GateName, *, observes: bool = False) -> None:
        self.gate = gate
        self._observes = observes
        self._write: Write | None = None
        self._adapter: Adapter | None = None
        self._sessions = 0

    @property
    def is_connected(self) -> bool:
        """Whether a server has accepted the gate, even if its adapter has not spoken yet."""
        return self._write is not None

    @property
    def adapter(self) -> Adapter | None:
        """The adapter that has sent its status on the present connection; None while there is none."""
        return self._adapter

    def connect(self, write: Write) -> None:
        """Begin a connection on which no adapter has spoken yet."""
        self.disconnect()
        self._write = write

    def disconnect(self) -> None:
        """End the connection, and the session on it."""
        self._end_session()
        self._write = None

    def begin_session(self, status: Status) -> Adapter:
        """Begin a session with the adapter's first status; raises ValueError without a connection."""
        if self._write is None:
            raise ValueError("nobody is connected")
        self._end_session()
        self._sessions += 1
        session = AdapterSession(self._sessions, status.host, status.epoch)
        self._adapter = Adapter(
            session, self.gate, self._write, first_seq=status.first_seq, observes=self._observes
        )
        return self._adapter

    def _end_session(self) -> None:
        if self._adapter is not None:
            self._adapter.is_over = True
            self._adapter = None
