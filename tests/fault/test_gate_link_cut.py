"""G2 between two sites whose link is slow, loses, is cut and heals: each message arrives once or comes back.

Both logs say so. The link is a relay on loopback, as not every kernel has netem: what is lost on a way costs TCP time,
and so it does here.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.support.bad_network import BadNetwork
from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import one_enterprise
from tests.support.observer import LogContent, read_log, wait_for_log
from tests.support.offers import ids_of, ids_returned, recorded
from tests.support.process import wait_until
from tests.support.rounds import ROUNDS, chance
from tests.support.stream import XmppStream
from tests.support.two_sites import TwoSites

ALICE, ZOE = "alice@metals.example", "zoe@zurich.example"
DOMAINS = ("metals.example", "zurich.example")
WAYS = ("cut", "stall", "refuse", "slow")


class Partner:
    """A trader who talks to one of the other site, and keeps what they said; `there` reaches the other site."""

    def __init__(self, stream: XmppStream, to: str, there: BadNetwork) -> None:
        self.stream, self.to, self.there = stream, to, there
        self.said: list[str] = []

    def say(self, count: int, more: str = "") -> None:
        """Say so many more things, each with more behind it."""
        name = self.stream.jid.partition("@")[0]
        for number in range(len(self.said), len(self.said) + count):
            self.said.append(f"{name}-{number}")
            self.stream.send(
                f"<message to='{self.to}' type='chat' id='{name}-{number}'>"
                f"<body>Offer {number}{more}</body></message>"
            )

    @property
    def returned(self) -> set[str]:
        """The ids of what came back."""
        return set(ids_of(self.stream, errors=True))


@pytest.fixture
async def scene(
    tmp_path: Path, authority: CertificateAuthority
) -> AsyncIterator[tuple[TwoSites, list[Partner]]]:
    directory = {
        f"gate.{domain}": one_enterprise((ALICE, ZOE), gate=f"gate.{domain}", domains=DOMAINS)
        for domain in DOMAINS
    }
    sites = TwoSites(tmp_path, [(domain,) for domain in DOMAINS], [ALICE, ZOE], authority, directory)
    async with AsyncExitStack() as stack:
        networks = [
            await stack.enter_async_context(BadNetwork(server.plan.s2s_port)) for server in sites.servers
        ]
        sites.lead_through({domain: network.port for domain, network in zip(DOMAINS, networks, strict=True)})
        stack.push_async_callback(sites.stop)
        await sites.start()
        alice, zoe = await sites.login(f"{ALICE}/desk"), await sites.login(f"{ZOE}/desk")
        yield sites, [Partner(alice, ZOE, networks[1]), Partner(zoe, ALICE, networks[0])]


def make_slow(partners: Sequence[Partner], dice: Random, *, is_slow: bool) -> None:
    """Have the ways between the sites be long, and lose one packet of twenty, which TCP says again after 0.2 s."""

    def delay_s() -> float:
        return 0.04 + 0.2 * (dice.random() < 0.05)

    for each in partners:
        each.there.delay_s = delay_s if is_slow else float


async def break_and_heal(how: str, partner: Partner, other: Partner, dice: Random) -> None:
    """Break the way from one site to the other while both talk, and let it heal."""
    match how:
        case "cut":
            partner.say(dice.randrange(1, 20))
            arrived = len(ids_of(other.stream, errors=False))
            if dice.random() < 0.5:  # with some of it under way, or with nothing of it gone
                assert await wait_until(
                    lambda: (
                        len(ids_of(other.stream, errors=False)) > arrived
                        or set(partner.said) <= partner.returned | set(ids_of(other.stream, errors=False))
                    )
                )
            partner.there.cut()
        case "stall":
            partner.there.stall(dice.randrange(1500))
            partner.say(20)
            await partner.there.wait_for_stall()
            partner.there.cut()
            partner.there.go_on()
        case "refuse":
            partner.there.is_up = False
            partner.there.cut()
            partner.say(dice.randrange(1, 10))
            last = partner.said[-1]
            assert await wait_until(lambda: last in partner.returned)
            partner.there.is_up = True
        case "slow":  # they go on while a new stream begins, which takes some time
            partner.there.cut()
            usual_s, partner.there.delay_s = partner.there.delay_s, lambda: 0.03
            for _ in range(50):
                partner.say(1)
                await asyncio.sleep(0.01)
            partner.there.delay_s = usual_s


async def settle(partners: Sequence[Partner]) -> None:
    """Talk until it arrives again, and wait until nothing is left whose end is not known."""
    for partner, other in zip(partners, reversed(partners), strict=True):

        def arrives(partner: Partner = partner, other: Partner = other) -> bool:
            came = set(ids_of(other.stream, errors=False))
            if set(partner.said) <= came | partner.returned:
                if partner.said[-1:] and partner.said[-1] in came:
                    return True
                partner.say(1)
            return False

        assert await wait_until(arrives), (
            set(partner.said) - partner.returned - set(ids_of(other.stream, errors=False))
        )


def tells(returned: set[str], content: LogContent) -> bool:
    return ids_returned(content) == returned


async def test_each_message_arrives_once_or_comes_back(scene: tuple[TwoSites, list[Partner]]) -> None:
    sites, partners = scene
    dice, delays = chance("links"), chance("delays")
    for each in partners:
        each.say(1)
    await settle(partners)
    for number in range(2 * ROUNDS + 2):
        one, other = partners if number % 2 else partners[::-1]
        make_slow(partners, delays, is_slow=number % 2 == 0)
        other.say(dice.randrange(10))
        await break_and_heal(WAYS[number % len(WAYS)], one, other, dice)
        await settle(partners)
    for partner, other, here, there in zip(
        partners, reversed(partners), sites.gates, reversed(sites.gates), strict=True
    ):
        arrived = ids_of(other.stream, errors=False)
        assert len(arrived) == len(set(arrived))
        assert arrived == [id_ for id_ in partner.said if id_ in arrived], "in another order than said"
        assert partner.returned, "nothing was broken"
        noted_here, noted_there = (
            recorded(await read_log(here), "c2s"),
            recorded(await read_log(there), "s2s"),
        )
        assert noted_here == dict.fromkeys(partner.said, 1)
        assert set(arrived) <= set(noted_there) <= set(partner.said)
        assert set(noted_there.values()) <= {1}
        await wait_for_log(here, partial(tells, partner.returned))


LONG = "." * 2000


async def end_stream(partner: Partner) -> None:
    """Have the server see that the stream to the other site has ended, and begin none that comes about."""
    partner.there.is_up = False
    partner.there.cut()
    partner.say(1)
    last = partner.said[-1]
    assert await wait_until(lambda: last in partner.returned)
    partner.there.is_up = True


async def measure_stream(partner: Partner, other: Partner) -> int:
    """Return how many bytes go to the other site until one long message has come over a stream that begins."""
    await end_stream(partner)
    partner.there.stall(2**40)
    partner.say(1, LONG)
    last = partner.said[-1]
    assert await wait_until(lambda: last in ids_of(other.stream, errors=False))
    return partner.there.relayed


async def test_what_waited_for_a_new_stream_that_breaks_arrives_or_comes_back(
    scene: tuple[TwoSites, list[Partner]],
) -> None:
    sites, (alice, zoe) = scene
    stalls_after = await measure_stream(alice, zoe) - len(LONG)
    await end_stream(alice)
    came_back = alice.returned
    # The stream comes about, and then breaks over what waited for it.
    alice.there.stall(stalls_after)
    alice.say(10, LONG)
    await alice.there.wait_for_stall()
    alice.there.cut()
    alice.there.go_on()

    def left() -> set[str]:
        return set(alice.said) - alice.returned - set(ids_of(zoe.stream, errors=False))

    assert await wait_until(lambda: not left()), left()
    returned = alice.returned
    assert returned - came_back, "nothing was under way"
    assert len(ids_of(alice.stream, errors=True)) == len(returned), "some came back twice"
    await wait_for_log(sites.gates[0], lambda content: ids_returned(content) == returned)
