"""What must hold of every directory and every roster: exact, idempotent, and the trader's own is kept."""

from hypothesis import given
from hypothesis import strategies as st

from policy.address import BareJid
from policy.directory.directory import Directory, parse_directory
from policy.reach.affiliation import reachable_people
from policy.roster import Given, RosterItem, Rosters, apply_change

FIRMS = ("metals", "grain")
ACCOUNTS = ("alice", "bob", "carol", "dan")
DESKS = ("", "base", "energy")
NAMES = ("Ann", "Ben", "Cas <&>")
OWN_GROUPS = ("Friends", "Lunch")
GROUPS = ("Base", "Energy", *OWN_GROUPS)

Listing = dict[tuple[str, str], tuple[str, str]]  # name and desk by firm and account


def jid_of(firm: str, account: str) -> BareJid:
    # The last of each firm are at another site of it.
    return BareJid(f"{account}@{'far.' if account == 'dan' else ''}{firm}.example")


listings = st.dictionaries(
    st.tuples(st.sampled_from(FIRMS), st.sampled_from(ACCOUNTS)),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(DESKS)),
)
entries = st.builds(
    RosterItem,
    st.builds(jid_of, st.sampled_from(FIRMS), st.sampled_from(ACCOUNTS)),
    st.sampled_from(["", "Nick", *NAMES]),
    st.frozensets(st.sampled_from(GROUPS)),
    st.sampled_from(["none", "to", "from", "both"]),
    st.sampled_from(["", "subscribe"]),
)
rosters = st.lists(entries).map(lambda items: {item.jid: item for item in items})


def write_directory(listing: Listing) -> Directory:
    text = 'gate = "gate.example"\n'
    for firm in FIRMS:
        sites = f'[{{ domain = "{firm}.example" }}, {{ domain = "far.{firm}.example" }}]'
        text += f'[enterprise.{firm}]\nname = "{firm}"\nsites = {sites}\n'
        text += 'desk = [{ id = "base", name = "Base" }, { id = "energy", name = "Energy" }]\n'
        for (its_firm, account), (name, desk) in listing.items():
            if its_firm == firm:
                text += f'[[enterprise.{firm}.person]]\njid = "{jid_of(firm, account)}"\nname = "{name}"\n'
                text += 'roles = ["trader"]\n' + (f'desk = "{desk}"\n' if desk else "")
    return parse_directory(text)


@given(st.lists(listings, min_size=1, max_size=3), rosters)
def test_a_roster_ends_as_policy_has_it_whatever_it_was(
    history: list[Listing], before: dict[BareJid, RosterItem]
) -> None:
    known = Given()
    for listing in history:
        now = Rosters(write_directory(listing))
        known = now.add_to(known)
    for owner in now.directory.people:
        current = {jid: item for jid, item in before.items() if jid != owner}
        change = now.plan(owner, current, known)
        after = apply_change(current, change)
        # Exactly those within reach, subscribed both ways.
        assert set(after) == {person.jid for person in reachable_people(now.directory, owner)}
        assert all((item.subscription, item.ask) == ("both", "") for item in after.values())
        # Only what differs is written, and nothing is left to write.
        assert all(item != current.get(item.jid) for item in change.put)
        assert not now.plan(owner, after, known)
        for jid, item in after.items():
            wanted, old = now.wanted(owner)[jid], current.get(jid)
            # Our groups are there, the trader's own are kept, and there are no others.
            own = old.groups.intersection(OWN_GROUPS) if old else frozenset()
            assert item.groups == wanted.groups | own
            assert item.name == ("Nick" if old and old.name == "Nick" else item.name)
            assert item.name in ("Nick", wanted.name) or item.name not in known.names[jid]


@given(listings, listings, st.sampled_from(["", "Nick"]), st.frozensets(st.sampled_from(OWN_GROUPS)))
def test_own_names_and_groups_outlast_every_change_of_the_directory(
    first: Listing, second: Listing, nickname: str, own: frozenset[str]
) -> None:
    before, after = Rosters(write_directory(first)), Rosters(write_directory(second))
    known = after.add_to(before.add_to(Given()))
    for owner in before.directory.people.keys() & after.directory.people.keys():
        arranged = {
            jid: RosterItem(jid, nickname or item.name, item.groups | own)
            for jid, item in before.wanted(owner).items()
        }
        result = apply_change(arranged, after.plan(owner, arranged, known))
        for jid in arranged.keys() & result.keys():
            wanted = after.wanted(owner)[jid]
            assert result[jid] == RosterItem(jid, nickname or wanted.name, wanted.groups | own)


@given(listings, listings)
def test_who_is_said_to_be_the_same_is_the_same(first: Listing, second: Listing) -> None:
    before = Rosters(write_directory(first))
    after = Rosters(write_directory(second), before)
    same = after.find_same(before)
    for owner, member in after.directory.members.items():
        if member.enterprise in same and owner in after.directory.people:
            assert after.wanted(owner) == before.wanted(owner)
    # Entries that were used again are those that the directory asks for.
    fresh = Rosters(after.directory)
    assert all(after.wanted(owner) == fresh.wanted(owner) for owner in after.directory.people)
    assert after.find_same(fresh) == {firm.id for firm in after.directory.enterprises}
