"""Times single decisions in a process of their own: `python -m tests.bench.decide_timing`."""

import gc
import random
import time
from dataclasses import dataclass
from statistics import median

from policy.content.parse import parse_policy
from policy.content.policy import ContentPolicy
from policy.decide import decide
from policy.directory.directory import Directory, parse_directory
from policy.facts import StanzaFacts, Way
from tests.bench.figures import percentile

PEOPLE, TERMS = 10_000, 2_000
MATCHED = "that rules match"
_CHAT = ("{jabber:client}body", "{http://jabber.org/protocol/chatstates}active", "{urn:xmpp:receipts}request")
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ren",
    "sto",
    "ver",
    "tal",
    "be",
    "dun",
    "fra",
    "gos",
    "hil",
    "jor",
    "pen",
    "quo",
    "ras",
]
_HAN = "铜铝锌镍金银价格合约交割仓单升水贴水敞口对冲"


@dataclass(frozen=True, slots=True)
class Timing:
    """One round; `by_kind` has median and p99 of each kind of stanza, in microseconds."""

    median_us: float
    p99_us: float
    bare_median_us: float
    parse_ms: float
    decisions: int
    by_kind: dict[str, tuple[float, float]]


# How often each kind is said among 100 stanzas, and examples of it.
STANZAS: dict[str, tuple[int, tuple[str, ...]]] = {
    "English": (
        34,
        (
            "Copper cathodes, 25 t, 9410 USD/t CIF Hamburg, firm until 16:00.",
            "can you do 50 lots of the Dec/Mar at minus 12?",
            "ok",
            "Done. I'll send the confirmation in a minute, thanks for your help today",
            "What's your view on the spread after yesterday's numbers? Stocks in Rotterdam are down again.",
        ),
    ),
    "German": (
        16,
        (
            "Kupferkathoden, 25 t, 9410 USD/t CIF Hamburg, fest bis 16 Uhr.",
            "Können wir die Prämie für März noch drücken? Der Kunde wartet auf ein größeres Angebot.",
            "Schöne Grüße, wir hören uns später",
        ),
    ),
    "Chinese": (
        16,
        (
            "阴极铜25吨,9410美元/吨,到汉堡,有效期到16点。",
            "好的,马上确认",
            "昨天的库存数据出来以后,你怎么看升水?",
        ),
    ),
    "long (2,000 characters)": (
        4,
        (
            "The warehouse in Rotterdam has told us that the cathodes will be ready on Monday, at the usual place. "
            * 20,
        ),
    ),
    "with links": (
        10,
        (
            "see https://www.reuters.com/markets/commodities/ and files.metals.example/offer.pdf please",
            "https://files.metals.example/2026/11/confirmation-4711.pdf",
        ),
    ),
    "with hidden letters": (4, ("the co\u200bpper рrice is gооd, ｆｉｒｍ until 16:00",)),
    MATCHED: (4, ("this is kalomi lorenmi and https://unknown.example.com/x, call 0001234",)),
    "presence and IQs": (12, ("", "away")),
}


def run(repeats: int) -> Timing:
    """Time `repeats` times 100 stanzas, in an order that only chance knows."""
    directory, stanzas = make_directory(), make_stanzas()
    began = time.perf_counter()
    policy = parse_policy(write_policy())
    parse_ms = (time.perf_counter() - began) * 1e3
    _check(directory, policy, stanzas)
    chance = random.Random(1)
    gc.collect()
    gc.freeze()  # the directory and the policy stay
    _time(directory, policy, stanzas)
    by_kind: dict[str, list[float]] = {kind: [] for kind in STANZAS}
    bare: list[float] = []
    for _ in range(repeats):
        chance.shuffle(stanzas)
        for kind, taken_us in _time(directory, policy, stanzas):
            by_kind[kind].append(taken_us)
        bare += (taken_us for _, taken_us in _time(directory, None, stanzas))
    taken = sorted(taken_us for times in by_kind.values() for taken_us in times)
    kinds = {kind: (median(times), percentile(sorted(times), 99)) for kind, times in by_kind.items()}
    return Timing(median(taken), percentile(taken, 99), median(bare), parse_ms, len(taken), kinds)


def _check(directory: Directory, policy: ContentPolicy, stanzas: list[tuple[str, StanzaFacts]]) -> None:
    """Make sure that what is timed is what it is called."""
    for kind, facts in stanzas:
        rules = {rule.partition("-")[0] for rule in decide(directory, facts, policy).rules}
        if rules != ({"words", "pattern", "links"} if kind == MATCHED else set()):
            raise AssertionError(f"{kind}: decided by {sorted(rules)}")


def _time(
    directory: Directory, policy: ContentPolicy | None, stanzas: list[tuple[str, StanzaFacts]]
) -> list[tuple[str, float]]:
    taken = []
    for kind, facts in stanzas:
        start = time.perf_counter_ns()
        decide(directory, facts, policy)
        taken.append((kind, (time.perf_counter_ns() - start) / 1e3))
    return taken


def make_directory() -> Directory:
    """Make an enterprise of 10,000 people."""
    people = "".join(
        f'[[enterprise.metals.person]]\njid = "p{number}@metals.example"\nname = "P"\nroles = ["trader"]\n'
        for number in range(PEOPLE)
    )
    site = '[enterprise.metals]\nname = "Metals"\nsites = [{ domain = "metals.example" }]\n'
    return parse_directory(f'gate = "gate.metals.example"\n{site}{people}')


def make_stanzas() -> list[tuple[str, StanzaFacts]]:
    """Make 100 stanzas between people of the enterprise."""
    chance = random.Random(2)
    stanzas = []
    for kind, (count, texts) in STANZAS.items():
        for number in range(count):
            one, other = chance.sample(range(PEOPLE), 2)
            name, elements = (
                ("presence", ("{jabber:client}show",)) if kind.startswith("presence") else ("message", _CHAT)
            )
            sender, to = f"p{one}@metals.example/desk", f"p{other}@metals.example"
            text = texts[number % len(texts)]
            stanzas.append((kind, StanzaFacts(Way.C2S, name, "", sender, to, elements, text)))
    return stanzas


def write_policy() -> str:
    """Write a policy of 2,000 terms in 10 rules, 50 patterns in 5, a link rule and two for payloads."""
    rules = []
    terms = _terms()
    for number in range(10):
        part = terms[number::10]
        rules.append(_rule(f"words-{number}", "lexicon", f"terms.en = {part!r}"))
    patterns = [rf"\b{first}{second}\s*[-:]\s*\d{{4,8}}\b" for first in _SYLLABLES for second in _SYLLABLES][
        :40
    ]
    patterns += [rf"\b(?:call|phone|ruf)\s+(?:0|\+){digit}\d{{5,12}}\b" for digit in range(10)]
    for number in range(5):
        rules.append(
            _rule(f"pattern-{number}", "pattern", f"patterns = {patterns[number::5]!r}".replace("\\\\", "\\"))
        )
    rules.append(_rule("links", "link", 'hosts = ["*.reuters.com", "*.metals.example"]'))
    rules.append(_rule("calls", "payload", 'payloads = ["calls", "location", "html", "stickers"]'))
    rules.append(_rule("unknown", "payload", 'payloads = ["unknown"]'))
    return "\n".join(rules)


def _rule(id_: str, kind: str, settings: str) -> str:
    return f'[[rule]]\nid = "{id_}"\nkind = "{kind}"\naction = "flag"\nmust_match = ["x"]\n{settings}\n'


def _terms() -> list[str]:
    """Make terms: two thirds of words and phrases, some with an umlaut, a third in Chinese; each once."""
    chance = random.Random(3)
    terms: dict[str, None] = {"kalomi lorenmi": None}
    while len(terms) < TERMS:
        if len(terms) % 3:
            words = ("".join(chance.choices(_SYLLABLES, k=3)) for _ in range(chance.randint(1, 3)))
            term = " ".join(words)
            terms[term.replace("ver", "vör") if chance.random() < 0.2 else term] = None
        else:
            terms["".join(chance.choices(_HAN, k=chance.randint(3, 5)))] = None
    return list(terms)


if __name__ == "__main__":
    print(run(100))
