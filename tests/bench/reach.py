"""Whether the time of an answer tells that somebody exists who must not be reached."""

import random
import time
from collections import defaultdict

from policy.address import domain_of
from tests.bench.bench import Bench
from tests.bench.figures import Figure, Findings, Table, at_most, median_of, percentile, probability_of_less
from tests.support.line import Line
from tests.support.stream import XmppStream

ALICE = "alice@metals.example"
NOBODY, NOBODY_THERE = "nobody@metals.example", "nobody@grain.example"
# Each beside a name on the same domain that nobody ever had.
HIDDEN = {
    "barred": ("rita@metals.example", NOBODY),
    "departed": ("dan@metals.example", NOBODY),
    "other enterprise": ("george@grain.example", NOBODY_THERE),
}
QUESTIONS = {
    "disco": "<iq type='get' to='{to}' id='{id}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "message": "<message type='chat' to='{to}' id='{id}'><body>Copper?</body></message>",
}
_DIRECTORY = """
gate = "gate.metals.example"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
[[enterprise.metals.person]]
jid = "alice@metals.example"
name = "Alice"
roles = ["trader"]
[[enterprise.metals.person]]
jid = "rita@metals.example"
name = "Rita"
roles = ["trader"]
[[enterprise.metals.barrier]]
id = "research"
sides = [{ people = ["alice@metals.example"] }, { people = ["rita@metals.example"] }]
[enterprise.grain]
name = "Grain"
sites = [{ domain = "grain.example" }]
[[enterprise.grain.person]]
jid = "george@grain.example"
name = "George"
roles = ["trader"]
"""
# 0.5 is that of two measurements of the same; a client that asks a thousand times would notice 0.05 more.
_WANTED = at_most(0.55)


async def measure(bench: Bench) -> Findings:
    """Whether the time of a refusal shows a client that a person exists whom it must not reach.

    One client asks one question after the other, in a new random order each time. It asks about a person behind a
    barrier who is online, a person who left and whose account still exists, a person of another enterprise on the same
    server, and names on the same domains that nobody ever had. The figure is the probability that one answer takes
    longer than the other, or less long: the larger of the two. 0.5 reveals nothing.
    """
    probabilities: defaultdict[str, list[float]] = defaultdict(list)
    medians_us: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(1, bench.rounds + 1):
        bench.announce(f"round {number} of {bench.rounds}")
        taken = await _ask(bench)
        for question in QUESTIONS:
            for relation, (hidden, nobody) in HIDDEN.items():
                less = probability_of_less(taken[question, hidden], taken[question, nobody])
                probabilities[f"{question}, {relation}"].append(max(less, 1 - less))
            for name in _names():
                medians_us[f"{question} {name}"].append(percentile(sorted(taken[question, name]), 50) * 1e6)
    figures: list[Figure] = [median_of(what, found, "", _WANTED) for what, found in probabilities.items()]
    rows = tuple((what, f"{sorted(found)[len(found) // 2]:,.0f}") for what, found in medians_us.items())
    return Findings(tuple(figures), (Table("Answers", ("asked of", "median us"), rows),))


async def _ask(bench: Bench) -> dict[tuple[str, str], list[float]]:
    """Return the seconds that each answer took, by question and name."""
    people = (ALICE, *(hidden for hidden, _ in HIDDEN.values()))
    taken: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    draw = random.Random(7)
    domains = tuple(sorted({domain_of(jid) for jid in people}, reverse=True))
    async with Line(bench.new_folder(), people, directory=_DIRECTORY, domains=domains) as line:
        # Whoever has departed has an account, and cannot log in.
        hidden = [await line.login(jid) for relation, (jid, _) in HIDDEN.items() if relation != "departed"]
        alice = await line.login(ALICE)
        for number in range(bench.pick(1020, 60)):
            for question, xml in QUESTIONS.items():
                for name in draw.sample(_names(), len(_names())):
                    seconds = await _time(alice, xml, name, f"{question}{number}")
                    if number >= 20:  # before that, caches fill
                        taken[question, name].append(seconds)
            alice.received.clear()
        for stream in (*hidden, alice):
            stream.abort()
    return taken


async def _time(stream: XmppStream, question: str, name: str, id_: str) -> float:
    began_s = time.perf_counter()
    stream.send(question.format(to=name, id=id_))
    await stream.expect(lambda element: element.get("id") == id_)
    return time.perf_counter() - began_s


def _names() -> list[str]:
    return sorted({name for pair in HIDDEN.values() for name in pair})
