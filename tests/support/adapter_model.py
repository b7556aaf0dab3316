"""The adapter's side of the gate protocol as a model, with the link between it and a gate; it tells the truth."""

from collections import deque
from dataclasses import dataclass, field

from components.link.codec import Held, Status
from policy.facts import StanzaFacts, Way

HOST = "metals.example"
SESSION = "c1"


def submission(epoch: str, seq: int, text: str = "") -> Held:
    """Return a submission whose content follows from its number, unless told otherwise."""
    body = f"<message><body>{text or f'offer {epoch} {seq}'}</body></message>".encode()
    return Held(HOST, epoch, seq, SESSION, body, StanzaFacts(Way.C2S, "message", "chat", "", ""))


@dataclass
class AdapterModel:
    """What mod_stanza_gate keeps of its window and statuses, under its names; `sent` is on its way to the gate."""

    epoch: str
    window: dict[int, bool] = field(default_factory=dict)  # whether it waits without a time limit
    first_seq: int = 1
    next_seq: int = 1
    done_through: int = 0
    settled: set[int] = field(default_factory=set)
    bounced: dict[int, int] = field(default_factory=dict)  # the status that first named it; 0 for none yet
    status_number: int = 0
    connected: bool = False
    sent: deque[Held | Status] = field(default_factory=deque)
    is_careful: bool = False  # what follows is submitted when the first of the window is done with
    waiting: list[int] = field(
        default_factory=list
    )  # in the window, and not submitted on this connection yet

    def hold(self, *, patient: bool = False) -> None:
        """Hold a stanza, or note an event, which is patient."""
        self.window[self.next_seq] = patient
        if self.is_careful:
            self.waiting.append(self.next_seq)
        elif self.connected:
            self.sent.append(submission(self.epoch, self.next_seq))
        self.next_seq += 1

    def connect(self, *, careful: bool = False) -> None:
        """Say the status, and all that is in the window, to a gate that has just connected.

        If it is `careful`, the rest comes when the first of it is done with (gate protocol, 5.10).
        """
        self.disconnect()
        self.connected = True
        self.say_status()
        numbers = sorted(self.window)
        self.is_careful = careful and bool(numbers)
        self.waiting = numbers[1:] if careful else []
        self._submit(numbers[:1] if careful else numbers)

    def disconnect(self) -> None:
        """Lose the gate, and what was on its way to it."""
        self.connected = self.is_careful = False
        self.sent.clear()
        self.waiting = []

    def say_status(self) -> None:
        """Say what is carried out, and what was bounced and is not noted; not before all is submitted again."""
        if not self.connected or self.is_careful:
            return
        self.status_number += 1
        for seq, number in self.bounced.items():
            self.bounced[seq] = number or self.status_number
        self.sent.append(
            Status(
                HOST,
                self.epoch,
                self.status_number,
                self.first_seq,
                self.next_seq,
                self.done_through,
                0,
                tuple(self.bounced),
            )
        )

    def bounce_overdue(self) -> None:
        """Give back all that has waited for too long."""
        for seq in [seq for seq, patient in self.window.items() if not patient]:
            self.bounced[seq] = 0
            self._remove(seq)
            self._settle(seq)
        self._go_on()

    def take_verdict(self, through: int) -> None:
        """Carry out what has its verdict."""
        for seq in [seq for seq in sorted(self.window) if seq <= through]:
            self._remove(seq)
            self._settle(seq)
        self._go_on()

    def take_noted(self, number: int) -> None:
        """Forget what the gate has noted."""
        self.bounced = {
            seq: reported for seq, reported in self.bounced.items() if not reported or reported > number
        }

    def _go_on(self) -> None:
        """Submit the rest again, when nothing that was submitted is without a verdict any more."""
        if self.is_careful and not self.window.keys() - set(self.waiting):
            numbers, self.waiting, self.is_careful = self.waiting, [], False
            self._submit(numbers)

    def _submit(self, numbers: list[int]) -> None:
        self.sent.extend(submission(self.epoch, seq) for seq in numbers)

    def _remove(self, seq: int) -> None:
        del self.window[seq]
        if seq in self.waiting:
            self.waiting.remove(seq)
        while self.first_seq < self.next_seq and self.first_seq not in self.window:
            self.first_seq += 1

    def _settle(self, seq: int) -> None:
        self.settled.add(seq)
        while self.done_through + 1 in self.settled:
            self.done_through += 1
            self.settled.remove(self.done_through)
