"""What a client that counts (XEP-0198) is told: a stanza is handled when it is done with, not while it is held."""

import asyncio
from pathlib import Path

import pytest

from components.site.prosody import MODULES
from tests.support.scripted_gate import ScriptedLine, event, keep, refuse, stanza
from tests.support.stream import XmppStream

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example/desk"
REQUEST = "<r xmlns='urn:xmpp:sm:3'/>"
# No request, although it looks like one: the server answers it before anybody could hold it.
UNHELD = "<iq type='set' id='empty'/>"


def offer(id_: str, body: str = "Offer", to: str = BOB) -> str:
    return f"<message to='{to}' id='{id_}'><body>{body}</body></message>"


def ids_of(stream: XmppStream, *, errors: bool = False) -> list[str]:
    messages = [each for each in stream.received if each.tag.endswith("}message")]
    return [each.get("id", "") for each in messages if (each.get("type") == "error") is errors]


async def login_counting(line: ScriptedLine) -> tuple[XmppStream, XmppStream]:
    """Return alice, whom the server counts for, and bob; the gate holds back from now on."""
    alice, bob = await line.login("alice"), await line.login("bob")
    await alice.enable_resumption()
    line.gate.hold_back()
    return alice, bob


async def test_what_is_held_is_not_acknowledged_whatever_becomes_of_it_is(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await login_counting(line)
        alice.send("".join(map(offer, ["released", "refused", "kept", "given-back", "late"])))
        *_, given_back, late = held = await line.gate.expect_all(
            ["released", "refused", "kept", "given-back", "late"]
        )
        await alice.expect_acknowledged(0)
        line.gate.release(
            given_back.seq,
            refuse(held[1].seq, "cancel", "not-allowed", "No."),
            keep(held[2].seq),
            f"<bounce seq='{given_back.seq}'/>",
        )
        await alice.expect_acknowledged(4)
        line.gate.release(late.seq)
        await alice.expect_acknowledged(5)
        assert ids_of(bob) == ["released", "late"]
        assert ids_of(alice, errors=True) == ["refused", "given-back"]


async def test_what_gets_no_verdict_is_acknowledged_when_it_is_bounced(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=1.0) as line:
        alice, bob = await login_counting(line)
        alice.send(offer("m0") + REQUEST)
        await alice.expect_acknowledged(1, asks=False)
        assert alice.acknowledgements == [0, 1]
        assert ids_of(alice, errors=True) == ["m0"]
        assert ids_of(bob) == []


async def test_a_request_in_the_middle_is_about_what_came_before_it(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, _ = await login_counting(line)
        alice.send(offer("m0") + REQUEST + offer("m1") + offer("m2") + REQUEST + offer("m3"))
        held = await line.gate.expect_all(["m0", "m1", "m2", "m3"])
        await alice.expect_acknowledged(0, asks=False)
        line.gate.release(held[0].seq)
        line.gate.release(held[2].seq)
        await alice.expect_acknowledged(3, asks=False)
        line.gate.release(held[3].seq)
        await alice.expect_acknowledged(4)


async def test_each_request_has_its_answer_and_a_quick_gate_makes_no_more(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await login_counting(line)
        line.gate.go_on()
        alice.send("".join(offer(f"m{number}") + REQUEST for number in range(100)))
        await alice.expect_acknowledged(100, asks=False)
        await line.turn()
        assert len(alice.acknowledgements) >= 100
        assert alice.acknowledgements == sorted(alice.acknowledgements)
        assert len(ids_of(bob)) == 100


async def test_what_is_never_held_counts_in_its_place(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, _ = await login_counting(line)
        alice.send(UNHELD)
        await alice.expect_acknowledged(1)
        alice.send(offer("m0") + UNHELD)
        held = await line.gate.expect(stanza("m0"))
        await alice.expect_acknowledged(1)
        line.gate.release(held.seq)
        await alice.expect_acknowledged(3, asks=False)


async def test_a_later_one_that_is_done_first_waits_for_the_one_before(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, modules=(*MODULES, "slow_delivery")) as line:
        alice, bob = await login_counting(line)
        alice.send(offer("slow", "Wait") + offer("refused") + offer("behind"))
        held = await line.gate.expect_all(["slow", "refused", "behind"])
        line.gate.release(held[2].seq, refuse(held[1].seq, "cancel", "not-allowed", "No."))
        line.gate.go_on()
        await alice.expect(lambda element: element.get("id") == "refused")
        await alice.expect_acknowledged(0)
        alice.abort()
        await line.gate.expect(event("hibernate"))
        await alice.resume()  # and says all three again
        assert alice.acknowledgements[-1] == 0
        bob.send(offer("go", "Go on", ALICE))
        await alice.expect_acknowledged(3)
        alice.send(offer("next"))
        await bob.expect(lambda element: element.get("id") == "next")
        assert ids_of(bob) == ["slow", "behind", "next"]
        assert ids_of(alice, errors=True) == ["refused"]


async def test_a_client_that_resumes_says_again_what_is_held_and_it_goes_out_once(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await login_counting(line)
        alice.send("".join(offer(f"m{number}") for number in range(4)))
        held = await line.gate.expect_all(["m0", "m1", "m2", "m3"])
        line.gate.release(held[0].seq)
        await bob.expect(lambda element: element.get("id") == "m0")
        alice.abort()
        hibernated = await line.gate.expect(event("hibernate"))
        await alice.resume()
        assert alice.acknowledgements[-1] == 1
        resumed = await line.gate.expect(event("resume"))
        alice.send(offer("m4"))
        last = await line.gate.expect(stanza("m4"))
        # What was said again has no number of its own.
        assert (hibernated.seq, resumed.seq, last.seq) == (held[3].seq + 1, held[3].seq + 2, held[3].seq + 3)
        await alice.expect_acknowledged(1)
        line.gate.go_on()
        await alice.expect_acknowledged(5)
        assert ids_of(bob) == ["m0", "m1", "m2", "m3", "m4"]


async def test_a_client_may_leave_out_and_stamp_what_it_says_again(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await login_counting(line)
        without_id = f"<message to='{BOB}'><body>No id</body></message>"
        alice.send(offer("left-out") + without_id + offer("stamped"))
        await line.gate.expect_all(["left-out", "stamped"])
        alice.abort()
        await line.gate.expect(event("hibernate"))
        stamp = "<delay xmlns='urn:xmpp:delay' from='alice@metals.example' stamp='2026-11-24T14:02:11Z'/>"
        alice.forget_unacknowledged()
        await alice.resume()
        alice.send(without_id + offer("stamped").replace("</body>", f"</body>{stamp}") + offer("new"))
        alice.send(without_id)  # another one that looks the same
        await line.gate.expect(stanza("new"))
        line.gate.go_on()
        await alice.expect_acknowledged(4)
        assert ids_of(bob) == ["left-out", "", "stamped", "new", ""]


async def test_a_session_that_is_resumed_elsewhere_goes_on_from_what_is_handled(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await login_counting(line)
        alice.send(offer("m0") + offer("m1"))
        held = await line.gate.expect_all(["m0", "m1"])
        line.gate.release(held[0].seq)
        await alice.expect_acknowledged(1)
        elsewhere = await alice.resume_elsewhere()  # the first connection is still there
        assert elsewhere.acknowledgements == [1]
        await alice.wait_for_end()
        elsewhere.send(offer("m2"))
        await line.gate.expect(stanza("m2"))
        await elsewhere.expect_acknowledged(1)
        line.gate.go_on()
        await elsewhere.expect_acknowledged(3)
        assert ids_of(bob) == ["m0", "m1", "m2"]


async def test_a_server_that_stops_carries_out_what_is_held(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await login_counting(line)
        alice.send("".join(offer(f"m{number}") for number in range(20)))
        last = (await line.gate.expect_all([f"m{number}" for number in range(20)]))[-1]
        stopped = asyncio.create_task(line.prosody.stop())
        await line.turn_refused()
        assert alice.acknowledgements == []
        line.gate.go_on()
        await stopped
        assert ids_of(bob) == [f"m{number}" for number in range(20)]
        await line.gate.wait_until(lambda: line.gate.ended)
        assert max(status.done for status in line.gate.statuses) >= last.seq
        await line.prosody.start()
        assert await alice.fail_to_resume() == 20


async def test_a_server_that_stops_gives_back_what_has_no_verdict(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path, hold_timeout_s=1.0) as line:
        alice, bob = await login_counting(line)
        alice.send(offer("m0") + offer("m1"))
        await line.gate.expect_all(["m0", "m1"])
        await line.prosody.stop()
        await alice.wait_for_end()
        assert ids_of(alice, errors=True) == ["m0", "m1"]
        assert ids_of(bob) == []
        await line.prosody.start()
        assert await alice.fail_to_resume() == 2


async def cut_off(line: ScriptedLine, alice: XmppStream) -> None:
    """Break her connection, of which the server takes note."""
    alice.abort()
    await line.gate.expect(event("hibernate"))


async def end_her_session(line: ScriptedLine, alice: XmppStream, how: str) -> None:
    """Have the session of somebody who is cut off end, as the server stops or as she does not come back in time."""
    if how == "stop":
        await line.prosody.stop()
        await line.prosody.start()
    else:
        await line.gate.expect(event("unbind"))


@pytest.mark.parametrize("how", ["stop", "expire"])
async def test_what_came_back_to_somebody_cut_off_is_hers_to_say_again(tmp_path: Path, how: str) -> None:
    options = {"smacks_hibernation_time": "4"}
    async with ScriptedLine(tmp_path, hold_timeout_s=4.0, options=options) as line:
        alice, bob = await login_counting(line)
        alice.send("".join(map(offer, ["refused", "released", "not-confirmed", "late"])))
        held = await line.gate.expect_all(["refused", "released", "not-confirmed", "late"])
        line.gate.release(held[1].seq, refuse(held[0].seq, "cancel", "not-allowed", "No."))
        await bob.expect(lambda element: element.get("id") == "released")
        alice.acknowledges = False  # as if nothing arrived any more
        line.gate.release(held[2].seq, refuse(held[2].seq, "cancel", "not-allowed", "No."))
        await alice.expect(lambda element: element.get("id") == "not-confirmed")
        await cut_off(line, alice)
        await end_her_session(line, alice, how)  # and "late" comes back, as it has no verdict
        # Whether she has the errors of the last two nobody knows; what was said before was told, or went out.
        assert await alice.fail_to_resume() == 2
        assert ids_of(bob) == ["released"]


async def test_a_client_that_reads_no_more_is_cut_off_when_the_server_stops(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice, _ = await login_counting(line)
        alice.send(offer("told"))
        told = await line.gate.expect(stanza("told"))
        line.gate.release(told.seq, refuse(told.seq, "cancel", "not-allowed", "No."))
        await alice.expect(lambda element: element.get("id") == "told")
        line.gate.go_on()
        await alice.ping()  # with its answer she has confirmed it
        line.gate.hold_back()
        alice.acknowledges = False  # as if nothing arrived any more, over a connection that is there
        alice.send(offer("not-confirmed"))
        held = await line.gate.expect(stanza("not-confirmed"))
        line.gate.release(held.seq, refuse(held.seq, "cancel", "not-allowed", "No."))
        await alice.expect(lambda element: element.get("id") == "not-confirmed")
        await asyncio.sleep(1.1)  # so long a client has time to say that it has heard
        await line.prosody.stop()
        await line.prosody.start()
        assert await alice.fail_to_resume() == 2  # the first, and the ping
