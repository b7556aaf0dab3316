"""The proof that nobody reaches whom they must not."""

import time
from dataclasses import dataclass

from policy.directory.directory import parse_directory
from policy.proof.prove import prove as prove_directory
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Findings, at_most, median_of, single

DESKS = 12
_ROLES = ('"trader"', '"trader", "approver"', '"chaperone"')


@dataclass(frozen=True, slots=True)
class Proving:
    """One round: how long it took, and how much there was to try."""

    took_s: float
    decisions: int
    pairs: int


async def measure(bench: Bench) -> Findings:
    """How long `steelyard policy prove` takes for 1,000 people.

    Two enterprises of two sites each, 12 desks, two barriers (one of them chaperoned), an allow list and 13 rooms; then
    with 500 more rooms, many of them alike, every fifth chaperoned. docs/borders.md, section 6, says what is tried.
    """
    people, rooms = bench.pick(1_000, 100), bench.pick(500, 20)
    few, many = [], []
    for number in range(1, bench.rounds + 1):
        bench.announce(f"round {number} of {bench.rounds}")
        few.append(await run_apart(run, people, 0))
        many.append(await run_apart(run, people, rooms))
    return Findings(
        (
            median_of("proof", [each.took_s for each in few], "s", at_most(30)),
            single("pairs of people who must not reach each other", few[0].pairs),
            single("decisions", few[0].decisions),
            median_of("with 500 more rooms", [each.took_s for each in many], "s", at_most(30)),
            single("with 500 more rooms: decisions", many[0].decisions),
        )
    )


def run(people: int, more_rooms: int) -> Proving:
    """Prove once."""
    directory = parse_directory(write_directory(people, more_rooms))
    began_s = time.perf_counter()
    proof = prove_directory(directory)
    took_s = time.perf_counter() - began_s
    if proof.holes:
        raise BenchError(f"{proof.holes} counterexamples: {proof.counterexamples[:3]}")
    return Proving(took_s, proof.decisions, sum(proof.pairs.values()))


def write_directory(people: int, more_rooms: int = 0) -> str:
    """Write a directory.toml of so many people in two enterprises."""
    return "\n".join(
        [
            'gate = "gate.example"',
            *(_write_firm(firm, people // 2, more_rooms // 2) for firm in ("grain", "metals")),
        ]
    )


def _write_firm(firm: str, people: int, more_rooms: int) -> str:
    path, rooms = f"enterprise.{firm}", f"rooms.{firm}.example"
    tables = [
        f'[{path}]\nname = "{firm}"\nsites = [{{ domain = "{firm}.example", rooms = "{rooms}" }}, '
        f'{{ domain = "{firm}.asia" }}]'
    ]
    tables += [f'[[{path}.desk]]\nid = "d{desk}"\nname = "D"' for desk in range(DESKS)]
    for number in range(people):
        role = _ROLES[0 if number % 40 else 1 + number % 80 // 40]
        tables.append(
            f'[[{path}.person]]\njid = "p{number}@{firm}.{("example", "asia")[number % 2]}"\nname = "P"\n'
            f'desk = "d{number % DESKS}"\nroles = [{role}]'
        )
    tables += [
        f'[[{path}.barrier]]\nid = "wall"\nsides = [{{ desks = ["d0", "d1"] }}, {{ desks = ["d2", "d3"] }}]',
        f'[[{path}.barrier]]\nid = "deals"\nchaperoned = true\n'
        'sides = [{ desks = ["d5"] }, { desks = ["d6", "d7"] }]',
        f'[[{path}.allow]]\nid = "few"\nwho = {{ desks = ["d11"] }}\nreaches = {{ desks = ["d10"] }}',
        f'[[{path}.room]]\njid = "all@{rooms}"\nname = "R"',
        f'[[{path}.room]]\njid = "deals@{rooms}"\nname = "R"\ndesks = ["d5", "d6", "d7", "d8"]\nchaperoned = true',
    ]
    tables += [
        f'[[{path}.room]]\njid = "r{desk}@{rooms}"\nname = "R"\ndesks = ["d{desk}"]'
        for desk in range(DESKS - 1)
    ]
    tables += [
        f'[[{path}.room]]\njid = "more{number}@{rooms}"\nname = "R"\n'
        + (
            'desks = ["d5", "d6", "d8"]\nchaperoned = true'
            if number % 5 == 0
            else f'desks = ["d{number % 11}"]'
        )
        for number in range(more_rooms)
    ]
    return "\n".join(tables)
