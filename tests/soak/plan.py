"""What happens in a run, drawn from its seed alone: who talks, to whom and when, and what breaks meanwhile."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

SITE, OTHER_SITE = "metals.example", "grain.example"
ROOM = f"pit@rooms.{SITE}"
TALK_S = 2.5

# `counts` is whether their client has stream management (XEP-0198).
COUNTS = {"alice": True, "bob": True, "carol": False, "dave": False, "george": True}
STRANGER = "george"
"""Of another enterprise, on the same server: nothing may reach him, and nothing of his may reach the others."""
IN_ROOM = ("alice", "bob", "carol")

CONSOLE_COMMANDS = (
    "module:reload('stanza_gate')",
    "module:reload('stanza_gate', '*')",
    f"module:reload('stanza_gate', '{SITE}')",
    f"module:reload('stanza_gate', 'gate.{SITE}')",
    "module:reload('smacks')",
    "module:reload('room_borders')",
    "module:reload('component')",
)
# What may break, by what it breaks in; of each of these one thing after the other, of several at once.
FAULTS = {
    "gate": ("kill", "freeze", "restart", "hand over", "fill disk", "set clock"),
    "server": ("kill", "freeze", "restart", "reload"),
    "wire": ("cut", "stall and cut", "stall", "slow"),
    "client": ("cut", "stall and cut", "stall"),
}


@dataclass(frozen=True, slots=True)
class Talk:
    """Somebody says `count` messages, or shows a new status (`to` is empty), `at_s` seconds after the beginning.

    If their client counts, it `asks` what the server has handled. What it never asked for it says again after a crash.
    """

    at_s: float
    who: str
    to: str
    count: int
    asks: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """Something breaks at `at_s`, and is mended `for_s` seconds later.

    `where` is `gate`, `server`, `wire` (between the two) or a person's name. `detail` is the console's command, the
    seconds by which the clock is wrong, or after how many bytes a wire stalls.
    """

    at_s: float
    where: str
    what: str
    for_s: float
    detail: str = ""

    def __str__(self) -> str:
        more = f" ({self.detail})" if self.detail else ""
        return f"{self.at_s:.2f} s, {self.where}: {self.what}{more}, for {self.for_s:.2f} s"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run, in the order of time."""

    seed: int
    talk: tuple[Talk, ...]
    faults: tuple[Fault, ...]

    @property
    def needs_wire(self) -> bool:
        """Whether the gate's connection is led through something that can break it."""
        return any(each.where == "wire" for each in self.faults)

    def lanes(self) -> dict[str, list[Fault]]:
        """Return the faults by where they are, in the order of time."""
        return {
            where: [each for each in self.faults if each.where == where]
            for where in sorted({each.where for each in self.faults})
        }


def draw_plan(seed: int) -> Plan:
    """Draw the plan of a seed: the same each time."""
    dice = random.Random(f"soak/{seed}")
    talk = sorted(_draw_talk(dice), key=lambda each: each.at_s)
    faults = sorted(_draw_faults(dice), key=lambda each: each.at_s)
    return Plan(seed, tuple(talk), tuple(faults))


def _draw_talk(dice: random.Random) -> Iterator[Talk]:
    for who in COUNTS:
        at_s = dice.uniform(0, 0.1)
        while at_s < TALK_S:
            yield Talk(at_s, who, *_draw_target(dice, who), dice.random() < 0.2)
            at_s += dice.expovariate(12)


def _draw_target(dice: random.Random, who: str) -> tuple[str, int]:
    draw = dice.random()
    if draw < 0.1:
        return "", 1
    if draw < 0.25 and who in IN_ROOM:
        return ROOM, dice.randint(1, 3)
    others = [each for each in COUNTS if each != who]
    to = dice.choice(others)
    bare = f"{to}@{OTHER_SITE if to == STRANGER else SITE}"
    return dice.choice((bare, f"{bare}/desk")), dice.choice((1, 1, 2, 5, 12))


def _draw_faults(dice: random.Random) -> Iterator[Fault]:
    for _ in range(dice.choice((1, 1, 2, 2, 3, 4))):
        kind = dice.choice(("gate", "gate", "server", "server", "wire", "client"))
        what = dice.choice(FAULTS[kind])
        where = dice.choice([each for each in COUNTS if each != STRANGER]) if kind == "client" else kind
        for_s = dice.choice((dice.uniform(0.01, 0.2), dice.uniform(0.2, 2.5)))
        yield Fault(dice.uniform(0.2, TALK_S), where, what, for_s, _draw_detail(dice, what))


def _draw_detail(dice: random.Random, what: str) -> str:
    match what:
        case "reload":
            return dice.choice(CONSOLE_COMMANDS)
        case "set clock":
            return str(dice.choice((-86_400, -3600, -5, -1, 1, 5, 3600, 86_400)))
        case "stall" | "stall and cut":
            return str(dice.choice((0, dice.randrange(1500), dice.randrange(20_000))))
    return ""
