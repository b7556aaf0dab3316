"""Borders inside an enterprise on the real server: what passes, what does not, and a chaperone who comes and goes."""

import asyncio
import time
from pathlib import Path

from components.archive.keys import create_log_key
from components.rules.exceptions import FOLDER, approve_exception, store_proposal, withdraw_exception
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.directory.enterprise import EnterpriseId
from policy.reach.exception import BarrierException
from tests.support.line import Line
from tests.support.stream import Element, XmppStream, message

ROOM = "deals@rooms.metals.example"
JOIN = "<x xmlns='http://jabber.org/protocol/muc'/>"
PEOPLE = {"rita": "research", "tom": "trading", "tina": "trading", "cleo": ""}
APPROVERS = ("anna@metals.example", "ada@metals.example")
DIRECTORY = "\n".join(
    (
        'gate = "gate.metals.example"',
        "[enterprise.metals]",
        'name = "Metals"',
        'sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]',
        'desk = [{ id = "research", name = "Research" }, { id = "trading", name = "Trading" }]',
        "person = [",
        *(
            f'  {{ jid = "{name}@metals.example", name = "{name}", '
            + (f'desk = "{desk}", roles = ["trader"] }},' if desk else 'roles = ["chaperone"] },')
            for name, desk in PEOPLE.items()
        ),
        *(f'  {{ jid = "{jid}", name = "{jid}", roles = ["approver"] }},' for jid in APPROVERS),
        "]",
        "[[enterprise.metals.barrier]]",
        'id = "wall"',
        'sides = [{ desks = ["research"] }, { desks = ["trading"] }]',
        "chaperoned = true",
        "[[enterprise.metals.room]]",
        f'jid = "{ROOM}"',
        'name = "Deals"',
        "chaperoned = true",
    )
)


def _except() -> BarrierException:
    """Let Rita and Tom talk for now."""
    people = (BareJid("rita@metals.example"), BareJid("tom@metals.example"))
    now_s = int(time.time())
    return BarrierException("e1", EnterpriseId("metals"), people, now_s - 60, now_s + 3600, "Deal X")


async def _refused(stream: XmppStream, stanza: str) -> tuple[str, str, str]:
    stream.send(stanza.replace(" ", " id='r1' ", 1))
    answer: Element = await stream.expect(lambda each: each.get("id") == "r1" and each.get("type") == "error")
    (found,) = answer.findall("{jabber:client}error")
    condition, text = found
    return found.get("type", ""), condition.tag.partition("}")[2], text.text or ""


async def _until(stream: XmppStream, *, released: bool) -> None:
    """Ask Rita until it passes, or does not any more: the gate looks for changes a few times a second."""
    for number in range(200):
        stream.send(f"<message id='u{number}' to='rita@metals.example/desk'><body>May I?</body></message>")
        await stream.ping()
        refused = [each for each in stream.unread if each.get("id") == f"u{number}"]
        if released is not bool(refused):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {'refused' if released else 'released'}")


async def _enter(stream: XmppStream, nick: str) -> None:
    stream.send(f"<presence to='{ROOM}/{nick}'>{JOIN}</presence>")
    await stream.expect(
        lambda each: each.get("from") == f"{ROOM}/{nick}" and "110" in {s.get("code") for s in each.iter()}
    )


async def test_a_barrier_holds_and_opens_in_a_room_with_a_chaperone(tmp_path: Path) -> None:
    people = [f"{name}@metals.example" for name in PEOPLE]
    signers = [create_log_key(tmp_path / f"{jid}.key", f"approver/{jid}") for jid in APPROVERS]
    line = Line(tmp_path, people, directory=DIRECTORY)
    line.gate.add_archive_settings(f"approvers = {[str(tmp_path / f'{jid}.pub') for jid in APPROVERS]}\n")
    async with line:
        rita, tom, tina, cleo = [await line.login(f"{name}@metals.example/desk") for name in PEOPLE]

        # Who is barred looks like nobody at all.
        answers = {
            await _refused(tom, f"<message to='{name}@metals.example'><body>Copper?</body></message>")
            for name in ("rita", "nobody")
        }
        assert len(answers) == 1
        tom.send("<message to='tina@metals.example/desk'><body>Zinc?</body></message>")
        await tina.expect(message("Zinc?"))

        # Two approvers let them talk, and one ends it; nothing is started anew.
        folder = tmp_path / "gate" / FOLDER
        store_proposal(folder, _except())
        keys = [signer.verifier_key for signer in signers]
        for signer in signers:
            approve_exception(folder, "e1", signer, parse_directory(DIRECTORY), keys)
        await _until(tom, released=True)
        await rita.expect(message("May I?"))
        withdraw_exception(folder, "e1", signers[0], "done")
        await _until(tom, released=False)

        # Nobody on a side goes in before a chaperone is there.
        absent = ("wait", "policy-violation")
        assert (await _refused(tom, f"<presence to='{ROOM}/tom'>{JOIN}</presence>"))[:2] == absent
        await _enter(cleo, "cleo")
        form = "<x xmlns='jabber:x:data' type='submit'/>"
        await cleo.request(
            "set", f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>", to=ROOM
        )
        await _enter(tom, "tom")
        await _enter(rita, "rita")
        tom.send(f"<message type='groupchat' to='{ROOM}'><body>Copper, all?</body></message>")
        await rita.expect(message("Copper, all?"))
        private = f"<message type='chat' to='{ROOM}/rita'><body>Between us</body></message>"
        assert (await _refused(tom, private))[:2] == ("cancel", "not-allowed")

        # A new gate asks who is there.
        await line.gate.stop()
        await line.gate.start()
        await tom.ping()  # the gate has asked before its first verdict
        said = f"<message type='groupchat' to='{ROOM}'><body>Still there?</body></message>"
        tom.send(said)
        await rita.expect(message("Still there?"))

        # A chaperone whose connection breaks is gone.
        cleo.abort()
        await tom.expect(
            lambda each: each.get("from") == f"{ROOM}/cleo" and each.get("type") == "unavailable"
        )
        assert (await _refused(rita, said))[:2] == absent
        rita.send(f"<presence type='unavailable' to='{ROOM}/rita'/>")
        await tom.expect(
            lambda each: each.get("from") == f"{ROOM}/rita" and each.get("type") == "unavailable"
        )
        for stream in (rita, tom, tina):
            await stream.ping()
            assert "Between us" not in [each.findtext("{jabber:client}body") for each in stream.received]
