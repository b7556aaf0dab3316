"""A day of a firm on the line, played through with measured costs: which part is how busy, and what is kept; pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

STEP_S = 10
BUSY_AT_MOST = 0.7
"""How busy a core may be in the busiest moment: beyond, what waits grows with each little burst."""

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
# The share of a day's messages in each hour of it: a morning in which markets open, and a quiet noon.
_HOURS = {8: 5, 9: 18, 10: 12, 11: 10, 12: 7, 13: 9, 14: 11, 15: 12, 16: 10, 17: 5, 18: 1}
# In one minute of the busiest hour, news makes everybody write.
_NEWS_S = range(9 * _HOUR_S + 1800, 9 * _HOUR_S + 1860)
_NEWS_TIMES = 5.0

SERVER, GATE, INDEXER = "server", "gate", "indexer"


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured of one line: a server, a gate, a log and an indexer, each process on a core of its own.

    CPU is of the part's own process. `sessions` is how many were online when `*_session_kib` was measured.
    """

    server_us: float
    gate_us: float
    indexer_us: float
    server_login_ms: float
    gate_login_ms: float
    server_base_mib: float
    gate_base_mib: float
    server_session_kib: float
    gate_session_kib: float
    sessions: int
    record_bytes: float
    index_bytes: float
    search_ms_per_million: float


@dataclass(frozen=True, slots=True)
class Firm:
    """What people do in a day; assumed, not measured. Each message has as many `beside` it: receipts, "is writing"."""

    people: int
    messages: int = 200
    beside: int = 3
    presences: int = 20
    files: int = 5
    file_kb: int = 500
    working_days: int = 250

    @property
    def stanzas_a_day(self) -> int:
        """Count what goes through the gate, and is recorded, in a day."""
        return self.people * (self.messages * (1 + self.beside) + self.presences)


@dataclass(frozen=True, slots=True)
class Part:
    """How busy a part's core is, over the whole day and in the busiest step, and how far behind it falls."""

    mean: float
    peak: float
    behind_s: float


@dataclass(frozen=True, slots=True)
class Day:
    """What a firm takes, on so many lines that share it evenly; parts and memory are those of one line."""

    lines: int
    parts: Mapping[str, Part]
    peak_stanzas: float
    server_mib: float
    gate_mib: float
    back_online_s: float
    log_gb: float
    index_gb: float
    files_gb: float
    search_s: float
    sessions_share: float

    @property
    def limit(self) -> tuple[str, float]:
        """Name the part that is nearest to what it can do, and how near: 1 is there."""
        shares = {f"the {name}'s core": part.peak / BUSY_AT_MOST for name, part in self.parts.items()}
        shares["people online at one server, of those that were measured"] = self.sessions_share
        name = max(shares, key=lambda each: shares[each])
        return name, shares[name]


def stanzas_by_step(total: float) -> Iterator[float]:
    """Give the stanzas of each step of a day."""
    weights = [_weight(at_s) for at_s in range(0, _DAY_S, STEP_S)]
    whole = sum(weights)
    return (total * weight / whole for weight in weights)


def play(stanzas: float, cost_us: float) -> Part:
    """Play a day of so many stanzas through one core that takes `cost_us` for each, in the order in which they come."""
    waiting_s, busy_s, peak, behind_s = 0.0, 0.0, 0.0, 0.0
    for count in stanzas_by_step(stanzas):
        due_s = count * cost_us / 1e6
        peak = max(peak, due_s / STEP_S)
        done_s = min(waiting_s + due_s, STEP_S)
        waiting_s += due_s - done_s
        busy_s += done_s
        behind_s = max(behind_s, waiting_s)
    return Part(busy_s / _DAY_S, peak, behind_s)


def play_day(firm: Firm, costs: Costs, lines: int) -> Day:
    """Play a firm's day on `lines` lines."""
    people, stanzas = firm.people / lines, firm.stanzas_a_day / lines
    messages_a_day = firm.people * firm.messages
    files_gb = firm.people * firm.files * firm.file_kb / 1e6
    return Day(
        lines,
        {
            SERVER: play(stanzas, costs.server_us),
            GATE: play(stanzas, costs.gate_us),
            INDEXER: play(people * firm.messages, costs.indexer_us),
        },
        max(stanzas_by_step(firm.stanzas_a_day)) / STEP_S,
        costs.server_base_mib + people * costs.server_session_kib / 1024,
        costs.gate_base_mib + people * costs.gate_session_kib / 1024,
        people * max(costs.server_login_ms, costs.gate_login_ms) / 1000,
        firm.stanzas_a_day * costs.record_bytes / 1e9,
        messages_a_day * costs.index_bytes / 1e9,
        files_gb,
        messages_a_day / lines * firm.working_days / 1e6 * costs.search_ms_per_million / 1000,
        people / costs.sessions,
    )


def find_lines(firm: Firm, costs: Costs) -> int:
    """Return the fewest lines on which no part has more than it can do, and no server more people than was measured."""
    alone = play_day(firm, costs, 1)
    busiest = max(part.peak for part in alone.parts.values()) / BUSY_AT_MOST
    return max(1, math.ceil(busiest), math.ceil(alone.sessions_share))


def _weight(at_s: int) -> float:
    weight = float(_HOURS.get(at_s // _HOUR_S, 0))
    return weight * _NEWS_TIMES if at_s in _NEWS_S else weight
