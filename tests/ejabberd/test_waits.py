"""What a session of ejabberd says waits for its verdict: order, last words, resumption and count stay right."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from policy.facts import Way
from tests.support.ejabberd import EjabberdServer
from tests.support.process import wait_until
from tests.support.scripted_gate import (
    ScriptedLine,
    amend,
    bounce,
    event,
    keep,
    made_by_server,
    refuse,
    stanza,
)
from tests.support.stream import StreamEndedError, XmppStream

pytestmark = pytest.mark.asyncio(loop_scope="module")

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
BODY = "{jabber:client}body"
HOST = '<<"metals.example">>'
# So many stanzas of a session are in the window at most (docs/gate-protocol.md, section 5.1).
MOST = 256
TIMEOUT_S = 2.0
REQUEST = "<r xmlns='urn:xmpp:sm:3'/>"
MUC = "http://jabber.org/protocol/muc"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedLine]:
    async with ScriptedLine(tmp_path_factory.mktemp("patient")) as line:
        yield line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedLine]:
    """Return a line that waits two seconds for a verdict, and has room for two stanzas."""
    root = tmp_path_factory.mktemp("small")
    async with ScriptedLine(root, hold_timeout_s=TIMEOUT_S, window_stanzas=2) as line:
        yield line


def offers(to: XmppStream, *ids: str) -> str:
    return "".join(
        f"<message to='{to.jid}' type='chat' id='{id_}'><body>Offer {id_}</body></message>" for id_ in ids
    )


def heard(stream: XmppStream) -> list[str]:
    """Return the ids of the messages that it got, errors as well."""
    return [each.get("id", "") for each in stream.received if each.tag.endswith("}message")]


async def arrives(stream: XmppStream, id_: str) -> None:
    await stream.expect(lambda element: element.get("id") == id_)


def session_of(resource: str) -> str:
    """Write an expression for the process of Alice's session."""
    return f'ejabberd_sm:get_session_pid(<<"alice">>, <<"metals.example">>, <<"{resource}">>)'


async def reason(stream: XmppStream, id_: str) -> str:
    error = await stream.expect(lambda element: element.get("id") == id_)
    assert error.get("type") == "error"
    return str(error.findtext(f".//{STANZAS}text"))


async def test_a_session_has_many_in_the_window_and_its_order_stays(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/order"), await line.login("bob/order")
    line.gate.hold_back()
    ids = [f"o{number}" for number in range(20)]
    alice.send(offers(bob, *ids))
    held = await line.gate.expect_all(ids)
    numbers = [each.seq for each in held]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    await line.turn()
    assert heard(bob) == []
    line.gate.release(numbers[9])
    await arrives(bob, "o9")
    await line.turn()
    assert heard(bob) == ids[:10]
    line.gate.go_on()
    await arrives(bob, "o19")
    assert heard(bob) == ids


async def test_what_is_held_is_not_acknowledged_and_what_became_of_it_is(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/count"), await line.login("bob/count")
    await alice.enable_resumption()
    line.gate.hold_back()
    alice.send(offers(bob, "c0") + REQUEST)
    first = await line.gate.expect(stanza("c0"))
    await line.turn()
    assert alice.acknowledgements == []
    line.gate.release(first.seq, refuse(first.seq, "cancel", "not-allowed", "No."))
    await alice.expect_acknowledged(1, asks=False)
    alice.send(offers(bob, "c1") + REQUEST)
    second = await line.gate.expect(stanza("c1"))
    assert b"counted='true'" in line.gate.said[line.gate.said.rindex(b"<held ") :]
    line.gate.release(second.seq)
    await alice.expect_acknowledged(2, asks=False)
    await arrives(bob, "c1")
    assert heard(bob) == ["c1"]
    line.gate.go_on()


async def test_what_came_back_and_its_client_did_not_confirm_is_its_own_to_say_again(
    small: ScriptedLine,
) -> None:
    alice, bob = await small.login("alice/again"), await small.login("bob/again")
    await alice.enable_resumption(within="1")
    small.gate.hold_back()
    alice.send(offers(bob, "released"))
    held = await small.gate.expect(stanza("released"))
    small.gate.release(held.seq)
    await arrives(bob, "released")
    alice.acknowledges = False  # as if nothing arrived any more
    alice.send(offers(bob, "late"))
    assert "interrupted" in await reason(alice, "late")
    alice.abort()
    await small.gate.expect(event("hibernate"))
    await small.gate.expect(event("unbind"))
    assert await alice.fail_to_resume() == 1
    small.gate.go_on()
    await small.turn()
    assert heard(bob) == ["released"]


async def test_who_resumes_waits_for_what_is_held_and_says_nothing_twice(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/resume"), await line.login("bob/resume")
    await alice.enable_resumption()
    line.gate.hold_back()
    alice.send(offers(bob, "r0"))
    held = await line.gate.expect(stanza("r0"))
    alice.abort()
    resuming = asyncio.create_task(alice.resume())
    await line.turn()
    assert not resuming.done()
    line.gate.release(held.seq)
    line.gate.go_on()
    await resuming
    assert alice.acknowledgements == [1]
    resumed = await line.gate.expect(event("resume"))
    assert resumed.session == held.session
    await arrives(bob, "r0")
    alice.send(offers(bob, "r1"))
    await arrives(bob, "r1")
    assert heard(bob) == ["r0", "r1"]
    # The process that the session had before ended without an event.
    kinds = [each.facts.kind for each in line.gate.submissions if each.session == held.session]
    assert "unbind" not in kinds


async def test_what_comes_after_the_session_is_taken_over_is_left_to_whoever_has_it(
    line: ScriptedLine,
) -> None:
    alice, bob = await line.login("alice/taken"), await line.login("bob/taken")
    await alice.enable_resumption()
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    server.evaluate(
        f"Pid = {session_of('taken')}, erlang:suspend_process(Pid), persistent_term:put(taken, Pid)."
    )
    alice.send(offers(bob, "t0", "t1"))
    await has_in_its_mailbox(server, "tcp")
    taking_over = asyncio.create_task(alice.resume_elsewhere())
    await has_in_its_mailbox(server, "'$gen_call'")
    # What it reads now comes after the number that it tells the next process.
    server.evaluate("erlang:resume_process(persistent_term:get(taken)).")
    alice = await taking_over
    assert alice.acknowledgements == [0]
    alice.send(offers(bob, "t2"))
    await arrives(bob, "t2")
    assert heard(bob) == ["t0", "t1", "t2"]


async def test_what_reached_the_old_process_comes_before_what_others_say_to_the_new_one(
    line: ScriptedLine,
) -> None:
    alice, carol = await line.login("alice/old"), await line.login("carol/old")
    await alice.enable_resumption()
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    # The old process ends late.
    waits = "fun(State, _) -> receive test_goes_on -> State after 60000 -> State end end"
    server.evaluate(f"persistent_term:put(waits, {waits}).")
    server.evaluate(f"ejabberd_hooks:add(c2s_terminated, {HOST}, persistent_term:get(waits), 5).")
    server.evaluate(
        f"Pid = {session_of('old')}, erlang:suspend_process(Pid), persistent_term:put(taken, Pid)."
    )
    taking_over = asyncio.create_task(alice.resume_elsewhere())
    await has_in_its_mailbox(server, "'$gen_call'")
    carol.send(offers(alice, "w0", "w1"))
    await has_in_its_mailbox(server, "route", 2)
    server.evaluate("erlang:resume_process(persistent_term:get(taken)).")
    alice = await taking_over
    carol.send(offers(alice, "w2"))
    await arrives(alice, "w2")
    server.evaluate("persistent_term:get(taken) ! test_goes_on.")
    server.evaluate(f"ejabberd_hooks:delete(c2s_terminated, {HOST}, persistent_term:get(waits), 5).")
    await line.turn()
    await alice.ping()
    assert heard(alice) == ["w0", "w1", "w2"]


async def test_what_the_old_process_hands_over_late_is_not_lost(small: ScriptedLine) -> None:
    """The new process waits no longer than for the gate; the machine may be so busy that the old one takes longer."""
    alice, carol = await small.login("alice/handed"), await small.login("carol/handed")
    await alice.enable_resumption()
    server = small.prosody
    assert isinstance(server, EjabberdServer)
    # The old process ends late, and tells the new one nothing before.
    waits = "fun(State, _) -> receive test_goes_on -> State after 60000 -> State end end"
    server.evaluate(f"persistent_term:put(waits, {waits}).")
    server.evaluate(f"ejabberd_hooks:add(c2s_terminated, {HOST}, persistent_term:get(waits), 0).")
    server.evaluate(
        f"Pid = {session_of('handed')}, erlang:suspend_process(Pid), persistent_term:put(taken, Pid)."
    )
    taking_over = asyncio.create_task(alice.resume_elsewhere())
    await has_in_its_mailbox(server, "'$gen_call'")
    for number, id_ in enumerate(("l0", "l1"), 1):  # one after the other: the window has room for two
        carol.send(offers(alice, id_))
        await has_in_its_mailbox(server, "route", number)
    server.evaluate("erlang:resume_process(persistent_term:get(taken)).")
    alice = await taking_over
    await alice.ping()
    assert heard(alice) == []
    server.evaluate("persistent_term:get(taken) ! test_goes_on.")
    server.evaluate(f"ejabberd_hooks:delete(c2s_terminated, {HOST}, persistent_term:get(waits), 0).")
    await arrives(alice, "l0")
    await arrives(alice, "l1")
    await small.turn()
    await alice.ping()
    assert heard(alice) == ["l0", "l1"]


async def test_what_comes_between_a_streams_end_and_the_sessions_is_not_lost(line: ScriptedLine) -> None:
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    server.register("dora@metals.example")  # who has no other session that would get it
    dora, carol = await line.login("dora/ends"), await line.login("carol/ends")
    session = 'ejabberd_sm:get_session_pid(<<"dora">>, <<"metals.example">>, <<"ends">>)'
    server.evaluate(f"persistent_term:put(taken, {session}).")
    # The stream has ended, and nothing has told the session yet that it ends, too.
    waits = "fun(State, _) -> receive test_goes_on -> State after 60000 -> State end end"
    server.evaluate(f"persistent_term:put(waits, {waits}).")
    server.evaluate(f"ejabberd_hooks:add(c2s_closed, {HOST}, persistent_term:get(waits), 0).")
    dora.send("</stream:stream>")
    asked = "process_info(persistent_term:get(taken), current_function)."
    assert await wait_until(lambda: "_eval," in server.evaluate(asked))  # prim_eval or erl_eval: in our hook
    carol.send(offers(dora, "e0", "e1"))
    await has_in_its_mailbox(server, "route", 2)
    server.evaluate(f"ejabberd_hooks:delete(c2s_closed, {HOST}, persistent_term:get(waits), 0).")
    server.evaluate("persistent_term:get(taken) ! test_goes_on.")
    await dora.wait_for_end()
    assert heard(dora) == []
    dora = await line.login("dora/ends")
    await arrives(dora, "e0")
    await arrives(dora, "e1")


async def has_in_its_mailbox(server: EjabberdServer, tag: str, count: int = 1) -> None:
    """Wait until the suspended process has so many messages with this tag."""
    asked = (
        "{messages, Said} = process_info(persistent_term:get(taken), messages), "
        f"length([Each || Each <- Said, is_tuple(Each), element(1, Each) =:= {tag}]) >= {count}."
    )
    assert await wait_until(lambda: server.evaluate(asked) == "true")


async def test_what_others_say_comes_in_order_to_whoever_resumes_and_waits(line: ScriptedLine) -> None:
    alice, carol = await line.login("alice/between"), await line.login("carol/between")
    await alice.enable_resumption()
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    line.gate.hold_back()
    carol.send(offers(alice, "b0", "b1", "b2"))
    told = await line.gate.expect_all(["b0", "b1", "b2"])
    alice.send(offers(carol, "b3"))
    await line.gate.expect(stanza("b3"))
    server.evaluate(f"persistent_term:put(taken, {session_of('between')}).")
    alice.abort()
    resuming = asyncio.create_task(alice.resume())
    asked = "maps:is_key(stanza_gate_wanted, sys:get_state(persistent_term:get(taken)))."
    assert await wait_until(lambda: server.evaluate(asked) == "true")
    line.gate.release(told[1].seq)
    await line.turn()
    assert not resuming.done()
    line.gate.go_on()
    await resuming
    await arrives(alice, "b2")
    assert heard(alice) == ["b0", "b1", "b2"]
    await arrives(carol, "b3")
    assert heard(carol) == ["b3"]


async def test_who_comes_back_before_the_old_session_has_ended_hears_all_in_order(line: ScriptedLine) -> None:
    """A client was cut off, and logs in anew under the same name; its contacts see it go, and then come."""
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    server.register("fay@metals.example")
    server.befriend("fay@metals.example", "carol@metals.example")
    fay, carol = await line.login("fay/again"), await line.login("carol/again")
    for each in (fay, carol):
        each.send("<presence/>")
        await each.ping()
    old = 'ejabberd_sm:get_session_pid(<<"fay">>, <<"metals.example">>, <<"again">>)'
    server.evaluate(f"Pid = {old}, erlang:suspend_process(Pid), persistent_term:put(taken, Pid).")
    fay.abort()
    carol.send(offers(fay, "a0"))
    carol.send("<message to='fay@metals.example' type='chat' id='a1'><body>Whoever is there</body></message>")
    carol.send(offers(fay, "a2"))
    await has_in_its_mailbox(server, "route", 3)
    coming_back = asyncio.create_task(line.login("fay/again"))
    both = 'length(ejabberd_sm:get_session_sids(<<"fay">>, <<"metals.example">>, <<"again">>)) =:= 2.'
    assert await wait_until(lambda: server.evaluate(both) == "true")
    server.evaluate(
        f"persistent_term:put(old, persistent_term:get(taken)), persistent_term:put(taken, {old})."
    )
    carol.send(offers(fay, "a3"))
    await has_in_its_mailbox(server, "route")
    carol.received.clear()
    server.evaluate("erlang:resume_process(persistent_term:get(old)).")
    fay = await coming_back
    fay.send("<presence/>")
    await arrives(fay, "a3")
    await fay.ping()
    assert [each for each in heard(fay) if each != "a1"] == ["a0", "a2", "a3"]
    assert heard(fay).count("a1") == 1
    await line.turn()
    await carol.ping()
    seen = [each for each in carol.received if each.get("from") == "fay@metals.example/again"]
    kinds = [each.get("type", "available") for each in seen]
    assert kinds[0] == "unavailable"
    assert set(kinds[1:]) == {"available"}


async def test_who_closes_their_stream_hears_others_until_all_is_done(line: ScriptedLine) -> None:
    alice, carol = await line.login("alice/closes"), await line.login("carol/closes")
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    line.gate.hold_back()
    carol.send(offers(alice, "h0"))
    told = await line.gate.expect(stanza("h0"))
    alice.send(offers(carol, "h1") + "</stream:stream>")
    await line.gate.expect(stanza("h1"))
    asked = f"process_info({session_of('closes')}, current_function)."
    assert await wait_until(
        lambda: server.evaluate(asked) == "{current_function,{stanza_gate_window,await,5}}"
    )
    line.gate.release(told.seq)
    await arrives(alice, "h0")
    line.gate.go_on()
    await alice.wait_for_end()
    await arrives(carol, "h1")


async def test_mixed_verdicts_are_carried_out_in_order_and_counted_when_all_before_are(
    line: ScriptedLine,
) -> None:
    alice, bob = await line.login("alice/mixed"), await line.login("bob/mixed")
    await alice.enable_resumption()
    line.gate.hold_back()
    ids = ["x0", "x1", "x2", "x3", "x4", "x5"]
    alice.send(offers(bob, *ids[:3]) + REQUEST + offers(bob, *ids[3:]) + REQUEST)
    numbers = [each.seq for each in await line.gate.expect_all(ids)]
    await line.turn()
    assert alice.acknowledgements == []
    changed = amend(numbers[2], "<body>Offer x2, corrected</body>")
    line.gate.release(
        numbers[3], refuse(numbers[0], "cancel", "not-allowed", "No."), keep(numbers[1]), changed
    )
    await alice.expect_acknowledged(3, asks=False)
    await arrives(bob, "x3")
    await line.turn()
    assert alice.acknowledgements == [3]
    line.gate.release(numbers[5], bounce(numbers[4]))
    await alice.expect_acknowledged(6, asks=False)
    await arrives(bob, "x5")
    assert heard(bob) == ["x2", "x3", "x5"]
    assert (
        next(each for each in bob.received if each.get("id") == "x2").findtext(BODY) == "Offer x2, corrected"
    )
    assert heard(alice) == ["x0", "x4"]
    line.gate.go_on()


async def test_nothing_is_acknowledged_that_the_server_still_has_in_its_memory(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/memory"), await line.login("bob/memory")
    await alice.enable_resumption()
    server = line.prosody
    assert isinstance(server, EjabberdServer)
    reader = session_of("memory").replace("alice", "bob")
    server.evaluate(f"Pid = {reader}, erlang:suspend_process(Pid), persistent_term:put(taken, Pid).")
    alice.send(offers(bob, "y0") + REQUEST)
    await alice.ping()  # is carried out behind it
    assert alice.acknowledgements == []
    server.evaluate("erlang:resume_process(persistent_term:get(taken)).")
    await alice.expect_acknowledged(1, asks=False)
    await arrives(bob, "y0")
    # All that the next one counts has arrived before.
    await alice.expect_acknowledged(2)
    assert alice.acknowledgements == [1, 2]


async def test_what_was_said_before_counting_began_does_not_count(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/begins"), await line.login("bob/begins")
    line.gate.hold_back()
    alice.send(offers(bob, "e0", "e1"))
    held = await line.gate.expect_all(["e0", "e1"])
    enabling = asyncio.create_task(alice.enable_resumption())
    await line.turn()
    assert not enabling.done()
    line.gate.release(held[1].seq)
    line.gate.go_on()
    await enabling
    alice.send(offers(bob, "e2"))
    await alice.expect_acknowledged(1)
    await arrives(bob, "e2")
    assert heard(bob) == ["e0", "e1", "e2"]


async def test_what_a_client_said_before_it_was_cut_off_goes_out_in_order_and_then_it_goes(
    line: ScriptedLine,
) -> None:
    alice, bob = await line.login("alice/cut"), await line.login("bob/cut")
    line.gate.hold_back()
    ids = [f"u{number}" for number in range(5)]
    alice.send(offers(bob, *ids))
    held = await line.gate.expect_all(ids)
    alice.abort()
    line.gate.release(held[2].seq, refuse(held[1].seq, "cancel", "not-allowed", "No."))
    await arrives(bob, "u2")
    line.gate.go_on()
    unbound = await line.gate.expect(event("unbind"))
    assert unbound.session == held[0].session
    await arrives(bob, "u4")
    assert heard(bob) == ["u0", "u2", "u3", "u4"]


async def test_a_session_with_much_in_the_window_is_read_no_more(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/much"), await line.login("bob/much")
    line.gate.hold_back()
    ids = [f"m{number}" for number in range(MOST + 10)]
    alice.send(offers(bob, *ids))
    held = await line.gate.expect_all(ids[:MOST])
    await line.turn()
    assert line.gate.submissions[-1].seq == held[-1].seq
    line.gate.release(held[0].seq)
    await line.gate.expect(stanza(ids[MOST]))
    line.gate.go_on()
    await arrives(bob, ids[-1])
    assert heard(bob) == ids


async def test_last_words_are_carried_out_before_the_end(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/last"), await line.login("bob/last")
    line.gate.hold_back()
    alice.send(offers(bob, "l0", "l1", "l2") + "</stream:stream>")
    held = await line.gate.expect(stanza("l0"))
    line.gate.release(held.seq, refuse(held.seq, "cancel", "not-allowed", "No."))
    line.gate.go_on()
    assert await reason(alice, "l0") == "No."
    await alice.wait_for_end()
    unbound = await line.gate.expect(event("unbind"))
    assert unbound.session == held.session
    await arrives(bob, "l2")
    assert heard(bob) == ["l1", "l2"]
    numbers = [each.seq for each in line.gate.submissions if each.session == held.session]
    assert numbers[-1] == unbound.seq


async def test_a_room_says_it_once_to_everybody_with_its_receipt(line: ScriptedLine) -> None:
    pit = "pit@rooms.metals.example"
    alice, bob = await line.login("alice/room"), await line.login("bob/room")
    for stream, nick in ((alice, "al"), (bob, "bo")):
        stream.send(f"<presence to='{pit}/{nick}'><x xmlns='{MUC}'/></presence>")
        await stream.expect(lambda element: element.find("{jabber:client}subject") is not None)
        # The gate learns who is in it.
        joined = await line.gate.expect(made_by_server)
        assert (joined.facts.sender, joined.facts.to) == (f"{pit}/{nick}", stream.jid)
        assert joined.host == "rooms.metals.example"
    line.gate.hold_back()
    alice.send(f"<message to='{pit}' type='groupchat' id='g0'><body>copper</body></message>")
    held = await line.gate.expect(stanza("g0"))
    await line.turn()
    assert "g0" not in heard(alice) + heard(bob)
    line.gate.release(held.seq)
    line.gate.go_on()
    for stream in (alice, bob):
        told = await stream.expect(lambda element: element.get("id") == "g0")
        (receipt,) = told.findall(f"{{urn:xmpp:sid:0}}stanza-id[@by='{line.gate.jid}']")
        assert receipt.get("id") == f"gate/{1000 + held.seq}"
        assert told.get("from") == f"{pit}/al"


async def test_the_next_gate_gets_what_is_held_again_under_its_numbers(line: ScriptedLine) -> None:
    alice, carol, bob = [await line.login(f"{name}/again") for name in ("alice", "carol", "bob")]
    first = line.gate
    first.hold_back()
    alice.send(offers(bob, "a0"))
    one = await first.expect(stanza("a0"))
    carol.send(offers(bob, "a1"))
    two = await first.expect(stanza("a1"))
    await first.close()
    await line.turn()
    second = await line.connect_gate()
    status = await second.expect_status()
    assert (status.epoch, status.first_seq, status.next_seq) == (one.epoch, one.seq, two.seq + 1)
    await arrives(bob, "a0")
    await arrives(bob, "a1")
    assert second.submissions[:2] == [one, two]
    # Each sender's process carries out its own, in no order between them.
    assert sorted(heard(bob)) == ["a0", "a1"]


async def test_a_full_window_turns_away_and_time_bounces(small: ScriptedLine) -> None:
    alice, carol, bob = [await small.login(f"{name}/x") for name in ("alice", "carol", "bob")]
    late, before = await small.login("carol/late"), small.gate.bounced
    small.gate.hold_back()
    alice.send(offers(bob, "f0"))
    await small.gate.expect(stanza("f0"))
    carol.send(offers(bob, "f1"))
    held = await small.gate.expect(stanza("f1"))
    late.send(offers(bob, "f2"))
    assert "overloaded" in await reason(late, "f2")
    assert "interrupted" in await reason(alice, "f0")
    assert "interrupted" in await reason(carol, "f1")
    await small.gate.expect_status(lambda status: status.done == held.seq)
    assert small.gate.bounced - before == {held.seq - 1, held.seq}
    small.gate.release(held.seq)  # too late
    small.gate.go_on()
    await small.turn()
    assert heard(bob) == []
    alice.send(offers(bob, "f3"))
    await arrives(bob, "f3")


async def test_what_the_gate_keeps_nobody_gets_and_nobody_is_told(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/kept"), await line.login("bob/kept")
    line.gate.hold_back()
    alice.send(offers(bob, "k0", "k1"))
    held = await line.gate.expect(stanza("k0"))
    line.gate.release(held.seq, keep(held.seq))
    line.gate.go_on()
    await arrives(bob, "k1")
    assert (heard(bob), heard(alice)) == (["k1"], [])


async def test_what_the_gate_asks_for_is_held_and_said_in_its_senders_session(line: ScriptedLine) -> None:
    alice, bob = await line.login("alice/asked"), await line.login("bob/asked")
    line.gate.hold_back()
    message = offers(bob, "i0").replace("<message", f"<message xmlns='jabber:client' from='{alice.jid}'")
    line.gate.send(
        f"<message from='{line.gate.jid}' to='metals.example'><inject xmlns='urn:steelyard:gate:0' id='h7'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded></inject></message>"
    )
    held = await line.gate.expect(stanza("i0"))
    assert (held.facts.way, held.inject) == (Way.GATE, "h7")
    await line.turn()
    assert heard(bob) == []
    line.gate.go_on()
    said = await bob.expect(lambda element: element.get("id") == "i0")
    assert said.get("from") == alice.jid
    await line.gate.expect_status(lambda status: status.done >= held.seq)


async def test_who_may_no_longer_be_in_a_room_is_put_out_and_told(line: ScriptedLine) -> None:
    den = "den@rooms.metals.example"
    alice, bob = await line.login("alice/den"), await line.login("bob/den")
    for stream, nick in ((alice, "al"), (bob, "bo")):
        stream.send(f"<presence to='{den}/{nick}'><x xmlns='{MUC}'/></presence>")
        await stream.expect(lambda element: element.find("{jabber:client}subject") is not None)
    line.gate.say_borders(
        f"<class id='1' reaches='1'>alice@metals.example carol@metals.example metals.example {den}</class>"
        "<class id='2' reaches='2'>bob@metals.example</class>"
    )
    put_out = await bob.expect(lambda element: element.get("type") == "unavailable")
    assert put_out.get("from") == f"{den}/bo"
    gone = await alice.expect(
        lambda element: element.get("from") == f"{den}/bo" and element.get("type") is not None
    )
    assert gone.get("type") == "unavailable"
    alice.send(f"<message to='{den}' type='groupchat' id='e0'><body>tin</body></message>")
    await arrives(alice, "e0")
    await line.turn()
    assert "e0" not in heard(bob)


async def test_what_is_released_stops_at_a_border_that_came_meanwhile(line: ScriptedLine) -> None:
    alice, carol, bob = [await line.login(f"{name}/border") for name in ("alice", "carol", "bob")]
    line.gate.say_borders(
        "<class id='1' reaches='1'>alice@metals.example</class>"
        "<class id='2' reaches='2'>bob@metals.example carol@metals.example</class>"
    )
    alice.send(offers(bob, "b0"))
    held = await line.gate.expect(stanza("b0"))
    assert (
        await reason(alice, "b0")
        == "This line does not reach this person or room any more. Nothing was sent."
    )
    await line.gate.expect_status(
        lambda status: held.seq in status.bounced and held.seq not in status.refused
    )
    carol.send(offers(bob, "b1"))
    await arrives(bob, "b1")
    assert heard(bob) == ["b1"]
    # What Alice said before is in his archive, and he is not told it any more.
    assert await archived_senders(bob) == {"carol@metals.example"}


async def test_nobody_begins_a_session_while_too_many_events_wait(small: ScriptedLine) -> None:
    small.gate.hold_back()
    for number in range(2):
        await small.login(f"carol/bound{number}", online=False)
        await small.gate.expect(event("bind"))
    with pytest.raises(StreamEndedError, match="resource-constraint"):
        await small.login("alice/late", online=False)
    last = small.gate.submissions[-1].seq
    small.gate.go_on()
    await small.gate.expect_status(lambda status: status.done >= last)
    late = await small.login("alice/late", online=False)
    bound = await small.gate.expect(event("bind"))
    assert bound.seq == last + 1
    assert late.jid.encode() in bound.body


async def archived_senders(stream: XmppStream) -> set[str]:
    """Ask a person's own archive for the last that it has, and return who said it."""
    newest = "<set xmlns='http://jabber.org/protocol/rsm'><max>50</max><before/></set>"
    begin = len(stream.received)
    await stream.request("set", f"<query xmlns='urn:xmpp:mam:2'>{newest}</query>")
    said = (each.find(".//{jabber:client}message") for each in stream.received[begin:])
    return {str(each.get("from")).partition("/")[0] for each in said if each is not None}
