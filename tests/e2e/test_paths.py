"""G3 on the real server: every path to each kind of person that must not be reached, while old ties are still there."""

import base64
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path as FilePath

import pytest
import pytest_asyncio

from policy.address import BareJid
from policy.facts import Way
from policy.paths import PATHS, Path, PathEnds, Through
from tests.support.bordered import (
    ALICE,
    ANNA,
    BOB,
    CAROL,
    COLLEAGUES,
    DOMAINS,
    EVE,
    FORBIDDEN,
    GEORGE,
    MOOD,
    NODES,
    OLAF,
    PARLOUR,
    PEOPLE,
    PIT,
    RITA,
    SITES,
    YANN,
    ZOE,
    Line,
    after,
    before,
    befriend_all,
    enter,
    log_in,
    publication,
    ring_of,
    tie,
)
from tests.support.certificates import CertificateAuthority
from tests.support.prosody import ProsodyServer, peers_of
from tests.support.stream import Element, XmppStream, message, named, show
from tests.support.two_sites import TwoSites, plan_site
from tests.support.walk import ANOTHERS_WORD, PAST_THE_ARCHIVE, Walk, settle, walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What policy refuses everybody: the directory has no such service or room, or it would go past the archive.
REFUSED_TO_ALL = (
    PAST_THE_ARCHIVE | ANOTHERS_WORD | {"room-create", "push", "proxy", "upload-service", "own-proxy"}
)
# Where the server itself fails, a bare one says nothing at all.
SERVER_FAILED = "The server could not deliver this."
REFUSED = "This line reaches people and rooms of your own enterprise only."
# Rosters of two sites change by one another's word: what comes of these depends on who is quicker.
TOLD_BY_BOTH = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed", "presence-probe"})

_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> AsyncIterator[Line]:
    root = tmp_path_factory.mktemp("paths")
    gates = [f"gate.{domains[0]}" for domains in SITES]
    sites = TwoSites(root, SITES, PEOPLE, authority, {gate: before(gate) for gate in gates})
    befriend_all(sites)
    try:
        await sites.start()
        here = Line(sites)
        await tie(here)
        await sites.change({gate: after(gate) for gate in gates})
        await settle(here.streams, DOMAINS)  # rooms have put out whom they had to
        yield here
    finally:
        await sites.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare(
    tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> AsyncIterator[Line]:
    """The same servers and people without gates, for what may pass."""
    sites = TwoSites(tmp_path_factory.mktemp("bare"), SITES, PEOPLE, authority)
    befriend_all(sites)
    try:
        await sites.start()
        here = Line(sites)
        await log_in(here, (ANNA, *COLLEAGUES.values()))
        yield here
    finally:
        await sites.stop()


async def test_old_ties_tell_nothing_over_a_border(line: Line) -> None:
    streams = line.streams
    begins = [len(stream.received) for stream in streams]
    for jid, stream in line.sessions.items():
        stream.send("<presence><status>news</status></presence>")
        stream.send(f"<iq type='set' id='mood'>{publication(MOOD, NODES[MOOD])}</iq>")
        stream.send(f"<message type='groupchat' to='{PIT}'><body>from {jid}</body></message>")
    removal = f"<query xmlns='jabber:iq:roster'><item jid='{ALICE}' subscription='remove'/></query>"
    assert (await line.sessions[RITA].request("set", removal)).get("type") == "result"
    await settle(streams, DOMAINS)
    wrong, told = [], set()
    for stream, begin in zip(streams, begins, strict=True):
        own = stream.jid.partition("/")[0]
        for each in stream.received[begin:]:
            if each.get("type") in ("error", "result") or not each.get("from"):
                continue
            said = {jid for jid in PEOPLE if jid.partition("@")[0] in show(each).replace(stream.jid, "")}
            told |= {(jid, own) for jid in said}
            wrong += [f"{own} was told of {jid}: {show(each)}" for jid in said if not _may_reach(jid, own)]
    assert not wrong, "\n".join(wrong)
    assert {(ALICE, BOB), (BOB, ALICE), (ALICE, ZOE), (ZOE, ALICE), (CAROL, ALICE), (RITA, YANN)} <= told


def _may_reach(one: str, other: str) -> bool:
    sides = ((ALICE, ANNA, BOB, CAROL, ZOE), (RITA, OLAF, YANN))
    return one == other or any(one in side and other in side for side in sides)


def _ends(line: Line, target: str, room: str) -> PathEnds:
    return PathEnds(line.sessions[ALICE].jid, BareJid(target), room=room, own_room=PIT)


async def test_no_path_goes_over_a_border(line: Line) -> None:
    alice = line.sessions[ALICE]
    wrong: list[str] = []
    for relation, (target, room, nobody, nowhere) in FORBIDDEN.items():
        # A server of one's own enterprise tells of itself; one's own roster may still name whom it named before.
        paths = [
            path
            for path in PATHS
            if path.id != "roster-get" and (path.through is not Through.SERVER or target in (GEORGE, EVE))
        ]
        listeners = [each[target] for each in (line.sessions, line.phones) if target in each]
        found = await _walk_and_leave(alice, _ends(line, target, room), listeners, paths)
        none = await _walk_and_leave(alice, _ends(line, nobody, nowhere), listeners, paths)
        for id_, answers in found.answers.items():
            if answers != none.answers[id_]:
                wrong.append(f"{relation}, {id_}: not as for nobody\n  {_only(answers, none.answers[id_])}")
        for heard in (found, none):
            wrong += [f"{relation}, {id_}: heard {what}" for id_, what in heard.heard.items() if what]
        if found.rest != none.rest or any(not line.startswith(ALICE) for line in found.rest):
            wrong.append(f"{relation}: heard besides\n  {_only(found.rest, none.rest)}")
    assert not wrong, "\n".join(wrong)


async def test_what_is_allowed_passes_as_on_a_bare_server(line: Line, bare: Line) -> None:
    wrong: list[str] = []
    for relation, colleague in COLLEAGUES.items():
        gated, plain = [await _walk_to_colleague(here, colleague) for here in (line, bare)]
        both = [("hears", gated.heard, plain.heard)]
        if (
            colleague != ZOE
        ):  # between two servers, no order is promised of an answer and what was asked after it
            both.append(("is answered by", gated.answers, plain.answers))
            if gated.rest != plain.rest:
                wrong.append(f"{relation}: heard besides\n  {_only(gated.rest, plain.rest)}")
        for how, got, wanted in both:
            wrong += [
                f"{relation}, {id_}: {how} something else than with a bare server\n  {_only(lines, wanted[id_])}"
                for id_, lines in got.items()
                if [each for each in lines if SERVER_FAILED not in each] != wanted[id_]
                and not (colleague == ZOE and id_ in TOLD_BY_BOTH)
            ]
        wrong += [
            f"{relation}: {each}" for lines in gated.answers.values() for each in lines if REFUSED in each
        ]
        assert sum(map(len, gated.heard.values())) > len(PATHS) - len(REFUSED_TO_ALL)
    assert not wrong, "\n".join(wrong)


async def _walk_to_colleague(line: Line, colleague: str) -> Walk:
    anna, ring = line.sessions[ANNA], ring_of(colleague)
    listeners = [line.sessions[colleague], line.phones[colleague]]
    for stream in (anna, *listeners):
        stream.send("<presence><status>ready</status></presence>")
    await enter(anna, ring, "anna")
    await enter(listeners[0], ring, "target")
    await settle([anna, *listeners], DOMAINS)
    ends = PathEnds(anna.jid, BareJid(colleague), room=ring, own_room=ring)
    paths = [path for path in PATHS if path.id not in REFUSED_TO_ALL]
    return await walk(anna, ends, listeners, paths, DOMAINS)


def _only(some: list[str], others: list[str]) -> str:
    """Say what is in one of the two alone."""
    one, other = Counter(some), Counter(others)
    return "\n  ".join([*(f"+ {line}" for line in one - other), *(f"- {line}" for line in other - one)])


async def test_no_path_leads_in_from_a_stranger_server(
    line: Line, tmp_path: FilePath, authority: CertificateAuthority
) -> None:
    plan = plan_site(tmp_path, ("stranger.example",), authority)
    metals = line.sites.server_of(ALICE)
    listeners = [line.sessions[ALICE], line.phones[ALICE]]
    begins = [len(stream.received) for stream in listeners]
    paths = [path for path in PATHS if path.id != "roster-get" and Way.S2S in path.ways]
    async with ProsodyServer(plan, peers=peers_of(metals.plan)) as server:
        server.register(EVE)
        eve = await XmppStream.login(server.address, f"{EVE}/desk")
        ends = [
            PathEnds(eve.jid, BareJid(jid), room=room, own_room=PARLOUR)
            for jid, room in ((ALICE, PIT), ("nobody@metals.example", "nowhere@rooms.metals.example"))
        ]
        found, none = [await walk(eve, each, listeners, paths, ()) for each in ends]
        eve.send("<message to='last-word@metals.example'><body>Copper?</body></message>")
        answer = await eve.expect(lambda each: each.get("from") == "last-word@metals.example")
        assert answer.get("type") == "error"
        assert "A stream from stranger.example is closed: it is not a federated site" in metals.log_tail(
            10_000
        )
        await settle(listeners)
        eve.abort()
    assert found.answers == none.answers, _only(_flat(found.answers), _flat(none.answers))
    assert not _flat(found.heard) + _flat(none.heard)
    heard = (
        show(each)
        for stream, begin in zip(listeners, begins, strict=True)
        for each in stream.received[begin:]
    )
    assert not [each for each in heard if "stranger.example" in each]


def _flat(lines: dict[str, list[str]]) -> list[str]:
    return [each for some in lines.values() for each in some]


async def _walk_and_leave(
    sender: XmppStream, ends: PathEnds, listeners: list[XmppStream], paths: list[Path]
) -> Walk:
    for place in (ends.own_room, ends.room):
        sender.send(f"<presence type='unavailable' to='{place}/x'/>")
    await settle([sender], DOMAINS)
    return await walk(sender, ends, listeners, paths, DOMAINS)


async def test_a_login_does_not_tell_which_names_have_an_account(line: Line) -> None:
    tries = [await _try_scram(line, name) for name in ("rita", "nobody", "nobody", "somebody")]
    assert [verdict for _, verdict in tries] == [tries[0][1]] * 4
    assert "not-authorized" in tries[0][1]
    known, unknown, again, other = (dict(part.split("=", 1) for part in said.split(",")) for said, _ in tries)
    assert known.keys() == unknown.keys() == {"r", "s", "i"}
    assert (unknown["s"], unknown["i"]) == (again["s"], again["i"])
    assert unknown["s"] != other["s"]
    # As the server itself makes them for accounts (those of this test were made by hand).
    assert re.fullmatch(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", base64.b64decode(unknown["s"]))
    assert int(unknown["i"]) == 10_000
    for name in ("rita", "nobody"):
        stream = XmppStream(line.sites.server_of(RITA).address, "metals.example")
        await stream.open()
        stream.send(
            f"<auth xmlns='{_SASL}' mechanism='PLAIN'>{_encode(chr(0) + name + chr(0) + 'guess')}</auth>"
        )
        assert _without_text(await stream.expect(named(_SASL, "failure"))) == tries[0][1]
        stream.abort()


async def _try_scram(line: Line, name: str) -> tuple[str, str]:
    """Try to log in without the password (RFC 5802), and return the server's challenge and its verdict."""
    stream = XmppStream(line.sites.server_of(RITA).address, "metals.example")
    await stream.open()
    stream.send(f"<auth xmlns='{_SASL}' mechanism='SCRAM-SHA-1'>{_encode(f'n,,n={name},r=abc')}</auth>")
    challenge = await stream.expect(lambda each: each.tag.startswith(f"{{{_SASL}}}"))
    assert challenge.tag == f"{{{_SASL}}}challenge", show(challenge)
    said = base64.b64decode(challenge.text or "").decode()
    nonce = said.partition(",")[0]
    stream.send(f"<response xmlns='{_SASL}'>{_encode(f'c=biws,{nonce},p={_encode(20 * chr(0))}')}</response>")
    verdict = _without_text(await stream.expect(named(_SASL, "failure")))
    stream.abort()
    return said, verdict


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _without_text(failure: Element) -> str:
    return "".join(str(each.tag) for each in failure if not str(each.tag).endswith("}text"))


async def test_nobody_makes_an_account_in_band(line: Line) -> None:
    server = line.sites.server_of(ALICE)
    stream = XmppStream(server.address, "metals.example")
    await stream.open()
    query = "<query xmlns='jabber:iq:register'><username>new</username><password>p</password></query>"
    stream.send(f"<iq type='set' id='r1'>{query}</iq>")
    answer = await stream.expect(lambda each: each.get("id") == "r1" or each.tag.endswith("}error"))
    assert answer.get("type") != "result", show(answer)
    stream.abort()
    assert not list((server.plan.root / "data").glob("*/accounts/new.dat"))


async def test_what_waited_while_a_border_was_drawn_is_not_told(line: Line) -> None:
    olaf = await line.sites.login(f"{OLAF}/desk")
    await olaf.expect(message("rita while Olaf was away"))
    await olaf.expect(message("dan while Olaf was away"))
    await olaf.ping()
    archive = await _ask_archive(olaf)
    assert [each for each in archive if "dan while" in each]
    told = [show(each) for each in olaf.received if not each.tag.endswith("}iq")]
    assert not [each for each in told if any(name in each for name in ("alice", "bob", "george", "SECRET"))]


async def _ask_archive(stream: XmppStream) -> list[str]:
    begin = len(stream.received)
    answer = await stream.request("set", "<query xmlns='urn:xmpp:mam:2'/>")
    assert answer.get("type") == "result", show(answer)
    return [show(each) for each in stream.received[begin:] if each.find("{urn:xmpp:mam:2}result") is not None]
