"""What a roster is to hold, and what changes in one: the cases a trader would notice."""

import pytest

from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.roster import Given, RosterChange, RosterItem, Rosters, apply_change

ALICE, BOB, CAROL, ZOE = (
    BareJid(jid)
    for jid in ("alice@metals.example", "bob@metals.example", "carol@metals.example", "zoe@zurich.example")
)
GEORGE = BareJid("george@grain.example")


def directory(*, bob: str = "Bob Baker", desk: str = "base", sites: int = 2) -> str:
    zurich = ', { domain = "zurich.example" }' if sites == 2 else ""
    zoe = f'[[enterprise.metals.person]]\njid = "{ZOE}"\nname = "Zoe Zeller"\nroles = ["trader"]'
    return f"""
gate = "gate.example"
[enterprise.metals]
name = "Metals Trading AG"
sites = [{{ domain = "metals.example" }}{zurich}]
desk = [{{ id = "base", name = "Base metals" }}, {{ id = "energy", name = "Energy" }}]
[[enterprise.metals.person]]
jid = "{ALICE}"
name = "Alice Arden"
roles = ["trader"]
[[enterprise.metals.person]]
jid = "{BOB}"
name = "{bob}"
desk = "{desk}"
roles = ["trader"]
{zoe if sites == 2 else ""}
[enterprise.grain]
name = "Grain Brothers Ltd"
sites = [{{ domain = "grain.example" }}]
desk = [{{ id = "floor", name = "Floor" }}]
[[enterprise.grain.person]]
jid = "{GEORGE}"
name = "George Garner"
desk = "floor"
roles = ["trader"]
"""


def rosters(**changes: object) -> Rosters:
    return Rosters(parse_directory(directory(**changes)))  # type: ignore[arg-type]


def entry(jid: BareJid, name: str, *groups: str, subscription: str = "both", ask: str = "") -> RosterItem:
    return RosterItem(jid, name, frozenset(groups), subscription, ask)


BOB_AS_LISTED = entry(BOB, "Bob Baker", "Base metals", "metals.example")
ZOE_AS_LISTED = entry(ZOE, "Zoe Zeller", "zurich.example")
LISTED = {BOB: BOB_AS_LISTED, ZOE: ZOE_AS_LISTED}


def test_it_holds_those_within_reach_by_desk_and_site() -> None:
    assert rosters().wanted(ALICE) == LISTED
    assert rosters().wanted(GEORGE) == {}
    assert rosters().wanted(BareJid("stranger@metals.example")) == {}


def test_an_enterprise_of_one_site_has_no_groups_for_sites() -> None:
    assert rosters(sites=1).wanted(ALICE) == {BOB: entry(BOB, "Bob Baker", "Base metals")}


def test_an_empty_roster_is_filled_in_the_order_of_addresses() -> None:
    now = rosters()
    change = now.plan(ALICE, {}, now.add_to(Given()))
    assert change == RosterChange((BOB_AS_LISTED, ZOE_AS_LISTED), ())


@pytest.mark.parametrize(
    ("current", "result"),
    [
        (BOB_AS_LISTED, None),
        (entry(BOB, "Bobby", "Base metals", "metals.example"), None),
        (entry(BOB, "Bobby", "Base metals", "Friends", "metals.example"), None),
        (entry(BOB, "", "Base metals", "metals.example"), BOB_AS_LISTED),
        (entry(BOB, "Bob Baker"), BOB_AS_LISTED),
        (entry(BOB, "Bob Baker", "Energy", "metals.example"), BOB_AS_LISTED),
        (
            entry(BOB, "Bobby", "Friends", subscription="none", ask="subscribe"),
            entry(BOB, "Bobby", "Friends", "Base metals", "metals.example"),
        ),
        # Another enterprise's desks are no group of ours: this one is the trader's own.
        (
            entry(BOB, "Bob Baker", "Floor"),
            entry(BOB, "Bob Baker", "Floor", "Base metals", "metals.example"),
        ),
        *(
            (
                entry(BOB, "Bob Baker", "Base metals", "metals.example", subscription=subscription),
                BOB_AS_LISTED,
            )
            for subscription in ("none", "to", "from")
        ),
    ],
)
def test_own_names_and_groups_stay_and_the_rest_is_put_right(
    current: RosterItem, result: RosterItem | None
) -> None:
    now = rosters()
    change = now.plan(ALICE, {BOB: current, ZOE: ZOE_AS_LISTED}, now.add_to(Given()))
    assert change == RosterChange((result,) if result else (), ())


def test_a_new_name_and_another_desk_take_the_place_of_the_old() -> None:
    given = rosters().add_to(Given())
    now = rosters(bob="Robert Baker", desk="energy")
    given = now.add_to(given)
    change = now.plan(ALICE, LISTED, given)
    assert change.put == (entry(BOB, "Robert Baker", "Energy", "metals.example"),)
    own = entry(BOB, "Bobby", "Base metals", "Friends", "metals.example")
    change = now.plan(ALICE, {**LISTED, BOB: own}, given)
    assert change.put == (entry(BOB, "Bobby", "Energy", "Friends", "metals.example"),)


def test_what_was_never_given_is_the_traders_own() -> None:
    """Without the memory of what was given, an old name cannot be told from a nickname: it is kept."""
    now = rosters(bob="Robert Baker")
    change = now.plan(ALICE, LISTED, now.add_to(Given()))
    assert change == RosterChange()


def test_who_is_out_of_reach_is_removed() -> None:
    now = rosters()
    current = {**LISTED, CAROL: entry(CAROL, "Carol"), GEORGE: entry(GEORGE, "George", "Friends")}
    change = now.plan(ALICE, current, now.add_to(Given()))
    assert change == RosterChange((), (CAROL, GEORGE))
    assert apply_change(current, change) == LISTED


def test_the_names_of_who_is_gone_are_forgotten() -> None:
    given = rosters().add_to(Given())
    assert ZOE in given.names
    assert ZOE not in rosters(sites=1).add_to(given).names
