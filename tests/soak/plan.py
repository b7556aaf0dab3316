"""What happens in a run, drawn from its seed alone: who talks, to whom and when, and what breaks meanwhile."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SITE, FAR_SITE, OTHER_FIRM = "metals.example", "zurich.example", "grain.example"
ROOM = f"pit@rooms.{SITE}"
TALK_S = 2.5


@dataclass(frozen=True, slots=True)
class Trader:
    """Somebody on the line; `counts` is whether their client has stream management (XEP-0198)."""

    name: str
    domain: str
    counts: bool
    in_room: bool = False

    @property
    def jid(self) -> str:
        """The bare JID."""
        return f"{self.name}@{self.domain}"


STRANGER = Trader("george", OTHER_FIRM, True)
"""Of another enterprise, on the first site's server: nothing may reach him, and nothing of his may reach the others."""
TRADERS = {
    1: (
        Trader("alice", SITE, True, True),
        Trader("bob", SITE, True, True),
        Trader("carol", SITE, False, True),
        Trader("dave", SITE, False),
        STRANGER,
    ),
    2: (
        Trader("alice", SITE, True, True),
        Trader("bob", SITE, False, True),
        Trader("yann", FAR_SITE, False),
        Trader("zoe", FAR_SITE, True),
        STRANGER,
    ),
}
"""Who is there, by how many sites there are."""


def gate_of(domain: str) -> str:
    """Return the gate that records what is said by or to a domain."""
    site = domain.removeprefix("rooms.")
    return f"gate.{SITE if site == OTHER_FIRM else site}"


CONSOLE_COMMANDS = (
    "module:reload('stanza_gate')",
    "module:reload('stanza_gate', '*')",
    "module:reload('stanza_gate', '{site}')",
    "module:reload('stanza_gate', 'gate.{site}')",
    "module:reload('smacks')",
    "module:reload('room_borders')",
    "module:reload('component')",
)
# What may break, by what it breaks in; of each of these one thing after the other, of several at once.
FAULTS = {
    "gate": ("kill", "freeze", "restart", "hand over", "fill disk", "set clock"),
    "server": ("kill", "freeze", "restart", "reload"),
    "wire": ("cut", "stall and cut", "stall", "slow"),
    "client": ("cut", "stall and cut", "stall", "log out"),
    "link": ("cut", "stall and cut", "refuse"),
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

    `where` is `gate`, `server`, `wire` (between the two), `link` (by which other sites reach this one) or a person's
    name. `detail` is the console's command, the seconds by which the clock is wrong, or after how many bytes a wire or
    a link stalls.
    """

    at_s: float
    where: str
    what: str
    for_s: float
    detail: str = ""
    site: str = SITE

    def __str__(self) -> str:
        more = f" ({self.detail})" if self.detail else ""
        where = f"{self.where} of {self.site}" if self.where in FAULTS else self.where
        return f"{self.at_s:.2f} s, {where}: {self.what}{more}, for {self.for_s:.2f} s"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run, in the order of time."""

    seed: int
    sites: tuple[str, ...]
    traders: tuple[Trader, ...]
    talk: tuple[Talk, ...]
    faults: tuple[Fault, ...]

    def needs_wire(self, site: str) -> bool:
        """Whether a site's gate is connected through something that can break."""
        return any((each.where, each.site) == ("wire", site) for each in self.faults)

    def lanes(self) -> dict[tuple[str, str], list[Fault]]:
        """Return the faults by where they are, in the order of time."""
        lanes: dict[tuple[str, str], list[Fault]] = {}
        for each in self.faults:
            lanes.setdefault((each.site, each.where), []).append(each)
        return lanes


def draw_plan(seed: int, sites: int = 1) -> Plan:
    """Draw the plan of a seed for one site, or for two: the same each time."""
    dice = random.Random(f"soak/{seed}" if sites == 1 else f"soak/{sites}/{seed}")
    names, traders = (SITE, FAR_SITE)[:sites], TRADERS[sites]
    talk = sorted(_draw_talk(dice, traders), key=lambda each: each.at_s)
    faults = sorted(_draw_faults(dice, names, traders), key=lambda each: each.at_s)
    return Plan(seed, names, traders, tuple(talk), tuple(faults))


def _draw_talk(dice: random.Random, traders: Sequence[Trader]) -> Iterator[Talk]:
    for who in traders:
        at_s = dice.uniform(0, 0.1)
        while at_s < TALK_S:
            yield Talk(at_s, who.name, *draw_target(dice, who, traders), dice.random() < 0.2)
            at_s += dice.expovariate(12)


def draw_target(dice: random.Random, who: Trader, traders: Sequence[Trader]) -> tuple[str, int]:
    """Draw to whom somebody says how many messages; to nobody is a new status."""
    draw = dice.random()
    if draw < 0.1:
        return "", 1
    if draw < 0.25 and who.in_room:
        return ROOM, dice.randint(1, 3)
    to = dice.choice([each for each in traders if each is not who]).jid
    return dice.choice((to, f"{to}/desk")), dice.choice((1, 1, 2, 5, 12))


def _draw_faults(dice: random.Random, sites: Sequence[str], traders: Sequence[Trader]) -> Iterator[Fault]:
    kinds = ("gate", "gate", "server", "server", "wire", "client", *("link", "link") * (len(sites) - 1))
    for _ in range(dice.choice((1, 1, 2, 2, 3, 4))):
        kind = dice.choice(kinds)
        what = dice.choice(FAULTS[kind])
        where = (
            dice.choice([each.name for each in traders if each is not STRANGER]) if kind == "client" else kind
        )
        for_s = dice.choice((dice.uniform(0.01, 0.2), dice.uniform(0.2, 2.5)))
        at_s, detail = dice.uniform(0.2, TALK_S), _draw_detail(dice, what)
        yield Fault(at_s, where, what, for_s, detail, sites[0] if kind == "client" else dice.choice(sites))


def _draw_detail(dice: random.Random, what: str) -> str:
    match what:
        case "reload":
            return dice.choice(CONSOLE_COMMANDS)
        case "set clock":
            return str(dice.choice((-86_400, -3600, -5, -1, 1, 5, 3600, 86_400)))
        case "stall" | "stall and cut":
            return str(dice.choice((0, dice.randrange(1500), dice.randrange(20_000))))
    return ""
