"""What ejabberd has answered, or told as done, is there after a kill at once, as Mnesia has written nothing yet."""

from pathlib import Path

from tests.support.ejabberd import EjabberdServer
from tests.support.scripted_gate import ScriptedLine, stanza
from tests.support.stream import XmppStream, having, show

ALICE, BOB, CAROL = (f"{name}@metals.example" for name in ("alice", "bob", "carol"))
PIT = "pit@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
PUBSUB = "http://jabber.org/protocol/pubsub"

# What a client sets, how it asks for that, what it is told then, and what Mnesia's log has of it.
SETTINGS = {
    "private XML": (
        "<query xmlns='jabber:iq:private'><desk xmlns='urn:example:desk'>metals</desk></query>",
        "<query xmlns='jabber:iq:private'><desk xmlns='urn:example:desk'/></query>",
        ">metals<",
        b"urn:example:desk",
    ),
    "blocked people": (
        f"<block xmlns='urn:xmpp:blocking'><item jid='{CAROL}'/></block>",
        "<blocklist xmlns='urn:xmpp:blocking'/>",
        CAROL,
        b"carol",
    ),
    "what is archived": (
        "<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>zinc@x.example</jid></always><never/></prefs>",
        "<prefs xmlns='urn:xmpp:mam:2'/>",
        'default="roster"',
        b"zinc",
    ),
    "vCard": (
        "<vCard xmlns='vcard-temp'><FN>Alice Arden</FN></vCard>",
        "<vCard xmlns='vcard-temp'/>",
        "Alice Arden",
        b"Alice Arden",
    ),
    "personal events": (
        f"<pubsub xmlns='{PUBSUB}'><publish node='urn:example:mood'><item id='1'><calm xmlns='urn:example:mood'/>"
        "</item></publish></pubsub>",
        f"<pubsub xmlns='{PUBSUB}'><items node='urn:example:mood'/></pubsub>",
        "calm",
        b"calm",
    ),
    "roster": (
        f"<query xmlns='jabber:iq:roster'><item jid='{BOB}' name='Bob Baker'/></query>",
        "<query xmlns='jabber:iq:roster'/>",
        "Bob Baker",
        b"Bob Baker",
    ),
}


async def start_again(line: ScriptedLine) -> None:
    await line.prosody.kill9()
    await line.gate.wait_until(lambda: line.gate.ended)
    await line.prosody.start()
    await line.connect_gate()


async def ask_archive(stream: XmppStream, *, to: str = "") -> str:
    """Return what an archive tells, as text."""
    begin = len(stream.received)
    answer = await stream.request("set", "<query xmlns='urn:xmpp:mam:2'/>", to=to)
    assert answer.get("type") == "result", show(answer)
    return "".join(map(show, stream.received[begin:]))


async def test_what_a_client_is_told_as_set_is_kept(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        alice = await line.login("alice")
        log = line.plan.root / "data" / "LATEST.LOG"
        for name, (setting, _, _, written) in SETTINGS.items():
            answer = await alice.request("set", setting)
            assert answer.get("type") == "result", show(answer)
            assert written in log.read_bytes(), name
        await start_again(line)
        alice = await line.login("alice")
        told = {name: show(await alice.request("get", asks)) for name, (_, asks, _, _) in SETTINGS.items()}
        assert [name for name, (_, _, wanted, _) in SETTINGS.items() if wanted not in told[name]] == []


async def test_what_counts_as_done_is_kept(tmp_path: Path) -> None:
    """A message in the archives of both and of a room, and a subscription of one that is not there."""
    async with ScriptedLine(tmp_path) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        for stream, nick in ((alice, "Alice"), (bob, "Bob")):
            stream.send(f"<presence to='{PIT}/{nick}'><x xmlns='{MUC}'/></presence>")
            await stream.expect(lambda each: each.find("{jabber:client}subject") is not None)
            form = "<x xmlns='jabber:x:data' type='submit'/>"
            await alice.request("set", f"<query xmlns='{MUC}#owner'>{form}</query>", to=PIT)
        alice.send(f"<message to='{bob.jid}' type='chat' id='m1'><body>Between us</body></message>")
        alice.send(f"<message to='{PIT}' type='groupchat' id='m2'><body>To all</body></message>")
        alice.send(f"<presence to='{CAROL}' type='subscribe' id='s1'/>")
        last = await line.gate.expect(stanza("s1"))
        await line.gate.expect_status(lambda status: status.done >= last.seq)
        await start_again(line)
        alice, bob, carol = [await line.login(name) for name in ("alice", "bob", "carol")]
        assert "Between us" in await ask_archive(alice)
        assert "Between us" in await ask_archive(bob)
        await carol.expect(lambda each: each.get("type") == "subscribe")
        assert CAROL in show(await alice.request("get", "<query xmlns='jabber:iq:roster'/>"))
        alice.send(f"<presence to='{PIT}/Alice'><x xmlns='{MUC}'/></presence>")
        await alice.expect(lambda each: each.find("{jabber:client}subject") is not None)
        assert "To all" in await ask_archive(alice, to=PIT)


async def test_what_waits_is_kept_when_mnesias_log_has_been_emptied_into_its_tables(tmp_path: Path) -> None:
    """The repair of a table's file after a kill does not find what is long under one key."""
    async with ScriptedLine(tmp_path) as line:
        assert isinstance(line.prosody, EjabberdServer)
        alice = await line.login("alice")
        for number in range(60):
            alice.send(
                f"<message to='{CAROL}' type='chat' id='w{number}'><body>{'copper ' * 40}</body></message>"
            )
        await is_done(line, "w59")
        # The files have all by now, as they have some seconds later by themselves.
        line.prosody.evaluate("[dets:info(Table, size) || Table <- dets:all()].")
        assert line.prosody.evaluate("mnesia:dump_log().") == "dumped"
        alice.send(f"<message to='{CAROL}' type='chat' id='w60'><body>zinc</body></message>")
        await is_done(line, "w60")
        await start_again(line)
        carol = await line.login("carol")
        await carol.expect(having(id="w60"))
        told = [str(each.get("id")) for each in carol.received if str(each.get("id", "")).startswith("w")]
        assert told == [f"w{number}" for number in range(61)]


async def is_done(line: ScriptedLine, id_: str) -> None:
    held = await line.gate.expect(stanza(id_))
    await line.gate.expect_status(lambda status: status.done >= held.seq)
