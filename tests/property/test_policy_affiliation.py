"""What must hold of every directory and every stanza, not only of the example."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from policy.address import AddressError, bare, domain_of, parse_bare_jid
from policy.decide import decide
from policy.decision import Action
from policy.directory.directory import Directory, parse_directory
from policy.facts import NamedJid, StanzaFacts, Way
from policy.reach.affiliation import ALLOWED, decide_affiliation
from tests.unit.policy.samples import say

FIRMS = ("metals", "grain", "oil")
ACCOUNTS = ("alice", "bob", "carol")

Listing = list[tuple[str, str]]  # (enterprise, account)

listings = st.lists(st.tuples(st.sampled_from(FIRMS), st.sampled_from(ACCOUNTS)), unique=True)
ways = st.sampled_from([Way.C2S, Way.S2S, Way.COMPONENT, Way.SERVER])
jids = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "alice@", "bob@", "carol@", "zed@", "desk@"]),
        st.sampled_from(
            ["metals.example", "grain.example", "oil.example", "rooms.oil.example", "x.example", "gate.x"]
        ),
        st.sampled_from(["", "/phone", "/a@b/c"]),
    ),
    st.text(max_size=30),
)
stanzas = st.builds(
    StanzaFacts,
    way=ways,
    kind=st.sampled_from(["message", "presence", "iq"]),
    type=st.sampled_from(["", "chat", "groupchat", "error", "get", "set", "result", "subscribe"]),
    sender=jids,
    to=jids,
    elements=st.lists(st.sampled_from(["{jabber:client}body", "{urn:xmpp:receipts}request"])).map(tuple),
    text=st.text(max_size=20),
    jids=st.lists(st.builds(NamedJid, st.just("{jabber:iq:roster}item"), jids), max_size=2).map(tuple),
)


def write_directory(listing: Listing, seed: int = 0) -> str:
    """Write a directory.toml of all firms with these people, its tables shuffled by the seed."""
    tables = [
        f'[[enterprise.{firm}.person]]\njid = "{account}@{firm}.example"\nname = "N"\nroles = ["trader"]\n'
        for firm, account in listing
    ]
    for firm in FIRMS:
        site = f'{{ domain = "{firm}.example", rooms = "rooms.{firm}.example" }}'
        tables.append(f'[enterprise.{firm}]\nname = "{firm}"\nsites = [{site}]\n')
        tables.append(f'[[enterprise.{firm}.room]]\njid = "desk@rooms.{firm}.example"\nname = "Desk"\n')
        tables.append(f'[[enterprise.{firm}.desk]]\nid = "base"\nname = "Base"\n')
    random.Random(seed).shuffle(tables)
    return "\n".join(['gate = "gate.x"', *tables])


def make_directory(listing: Listing, seed: int = 0) -> Directory:
    return parse_directory(write_directory(listing, seed))


@given(listings, st.sampled_from(FIRMS), st.sampled_from(ACCOUNTS), stanzas)
def test_a_new_person_opens_no_path_but_their_own(
    listing: Listing, firm: str, account: str, facts: StanzaFacts
) -> None:
    newcomer = f"{account}@{firm}.example"
    before = make_directory([entry for entry in listing if entry != (firm, account)])
    after = make_directory([*(entry for entry in listing if entry != (firm, account)), (firm, account)])
    named = {bare(jid).lower() for jid in (facts.sender, facts.to, *(named.jid for named in facts.jids))}
    if newcomer not in named:
        assert decide(after, facts) is decide(before, facts)


@given(listings, ways)
def test_nobody_reaches_another_enterprise(listing: Listing, way: Way) -> None:
    directory = make_directory(listing)
    for (one, from_), (other, to) in itertools.permutations(directory.members.items(), 2):
        if from_.enterprise != to.enterprise:
            assert decide(directory, say("hi", way=way, sender=one, to=other)).action is Action.REFUSE


@given(listings, stanzas)
def test_only_listed_addresses_of_one_enterprise_reach_each_other(
    listing: Listing, facts: StanzaFacts
) -> None:
    directory = make_directory(listing)
    if decide_affiliation(directory, facts) is ALLOWED:
        sender = directory.members[bare(facts.sender)]
        assert directory.members[bare(facts.to or facts.sender)].enterprise == sender.enterprise
        if facts.way is not Way.SERVER:
            for named in facts.jids:
                assert not named.jid or directory.find_enterprise(named.jid.lower()) == sender.enterprise


@given(listings, stanzas, st.integers())
def test_the_order_of_the_tables_has_no_meaning(listing: Listing, facts: StanzaFacts, seed: int) -> None:
    one, other = make_directory(listing), make_directory(listing, seed)
    assert one == other
    assert one.members == other.members
    assert decide(one, facts) is decide(other, facts)
    assert decide(one, facts) is decide(one, facts)


@given(st.one_of(st.text(max_size=40), jids), st.text(max_size=20))
def test_a_checked_jid_is_one_that_the_fast_functions_read_alike(text: str, resource: str) -> None:
    try:
        jid = parse_bare_jid(text)
    except AddressError:
        return
    assert jid == text
    assert bare(f"{jid}/{resource}") == jid
    assert jid.endswith("@" + domain_of(f"{jid}/{resource}"))
