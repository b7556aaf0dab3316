"""Whether a message had reached somebody by a time: each kind of evidence, and what is none."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from components.archive.record import Delivery, RecordKind, Submission
from components.audit.auditor import Auditor, Role
from components.audit.conversation.item import Certainty, How, Item, Reached
from components.audit.conversation.read import Around, ConversationView, Whole, read_conversation
from components.process.errors import SiteError
from policy.facts import Way
from tests.support.audit_site import REFUSAL, T0_NS, Site, make_site

ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "deals@rooms.metals.example"
SESSION = RecordKind.SESSION


def said(
    id_: str, content: str = "<body>x</body>", sender: str = ALICE, to: str = BOB, type_: str = "chat"
) -> bytes:
    head = f"<message xmlns='jabber:client' from='{sender}/desk' to='{to}' type='{type_}' id='{id_}'>"
    return f"{head}{content}</message>".encode()


def binds(jid: str = f"{BOB}/desk", name: str = "bind") -> bytes:
    return f"<{name} jid='{jid}'/>".encode()


def asks(inside: str = "", to: str = BOB) -> bytes:
    query = f"<query xmlns='urn:xmpp:mam:2'>{inside}</query>"
    return f"<iq xmlns='jabber:client' from='{BOB}/desk' to='{to}' type='set' id='q'>{query}</iq>".encode()


def joins(nick: str = "Bo", type_: str = "") -> bytes:
    kind = f" type='{type_}'" if type_ else ""
    inside = "" if type_ else "<x xmlns='http://jabber.org/protocol/muc'/>"
    return f"<presence xmlns='jabber:client' from='{BOB}/desk' to='{ROOM}/{nick}'{kind}>{inside}</presence>".encode()


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_site(tmp_path)


async def judge(
    site: Site,
    *records: Submission,
    at_s: float | None = None,
    through: int = 10_000,
    parties: Sequence[str] = (ALICE, BOB),
) -> list[Reached]:
    await site.record(*records, Delivery("e1", through, ()))
    at_ns = None if at_s is None else T0_NS + int(at_s * 10**9)
    view = await read_conversation(
        site.settings, Whole(tuple(parties)), lambda done, total: None, seen_by=BOB, at_ns=at_ns
    )
    return [item.reached for item in view.items if item.reached is not None]


def told(reached: Reached) -> tuple[Certainty, list[How]]:
    return reached.certainty, [each.how for each in reached.evidence]


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("<received xmlns='urn:xmpp:receipts' id='m1'/>", How.RECEIPT),
        ("<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>", How.DISPLAYED),
        ("<received xmlns='urn:xmpp:chat-markers:0' id='m1'/>", How.RECEIPT),
        ("<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction></reactions>", How.ANSWERED),
        ("<body>y</body><received xmlns='urn:xmpp:receipts' id='m1'/>", How.RECEIPT),
    ],
)
async def test_what_somebodys_device_did_with_it_is_certain(site: Site, content: str, how: How) -> None:
    first, *_ = await judge(
        site, site.submit(said("m1")), site.submit(said("m2", content, BOB, ALICE), at_s=9)
    )
    assert told(first) == (Certainty.CERTAIN, [how])
    assert first.evidence[0].record == site.id_of(1)


async def test_an_answer_is_certain_and_ones_own_too(site: Site) -> None:
    answer = "<body>y</body><reply xmlns='urn:xmpp:reply:0' id='m1'/>"
    first, own = await judge(site, site.submit(said("m1")), site.submit(said("m2", answer, BOB, ALICE)))
    assert told(first) == (Certainty.CERTAIN, [How.ANSWERED])
    assert told(own) == (Certainty.CERTAIN, [How.WROTE])


async def test_before_it_was_acknowledged_it_was_not_certain(site: Site) -> None:
    received = "<received xmlns='urn:xmpp:receipts' id='m1'/>"
    records = (site.submit(said("m1")), site.submit(said("m2", received, BOB, ALICE), at_s=60))
    (reached,) = await judge(site, *records, at_s=30)
    assert told(reached) == (Certainty.NOT_KNOWN, [How.NO_EVIDENCE])


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([binds(), said("m1")], (Certainty.PROBABLE, [How.SESSION])),
        ([binds(), binds(name="unbind"), said("m1")], (Certainty.NOT_KNOWN, [How.NO_EVIDENCE])),
        ([binds(), binds(name="hibernate"), said("m1"), binds(name="resume")], (Certainty.PROBABLE, [How.SIGNED_IN])),
        ([said("m1"), binds()], (Certainty.PROBABLE, [How.SIGNED_IN])),
        ([binds(f"{ALICE}/x"), said("m1")], (Certainty.NOT_KNOWN, [How.NO_EVIDENCE])),
    ],
)  # fmt: skip
async def test_a_device_that_was_there_probably_got_it(
    site: Site, bodies: list[bytes], expected: tuple[Certainty, list[How]]
) -> None:
    kinds = (RecordKind.STANZA if b"jabber:client" in each else SESSION for each in bodies)
    records = [site.submit(each, kind=kind) for each, kind in zip(bodies, kinds, strict=True)]
    (reached,) = await judge(site, *records)
    assert told(reached) == expected


async def test_what_the_server_did_not_say_it_carried_out_is_not_known(site: Site) -> None:
    (reached,) = await judge(site, site.submit(binds(), kind=SESSION), site.submit(said("m1")), through=0)
    assert told(reached) == (Certainty.NOT_KNOWN, [How.SESSION])


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", (Certainty.PROBABLE, [How.ARCHIVE])),
        (
            "<set xmlns='http://jabber.org/protocol/rsm'><max>20</max></set>",
            (Certainty.NOT_KNOWN, [How.ARCHIVE_PART]),
        ),
        (
            "<x xmlns='jabber:x:data'><field var='with'><value>carol@metals.example</value></field></x>",
            (Certainty.NOT_KNOWN, [How.ARCHIVE_PART]),
        ),
    ],
)
async def test_a_question_to_the_archive(
    site: Site, inside: str, expected: tuple[Certainty, list[How]]
) -> None:
    (reached,) = await judge(site, site.submit(said("m1")), site.submit(asks(inside)))
    assert told(reached) == expected


@pytest.mark.parametrize("action", ["refuse", "hold"])
async def test_what_did_not_go_out_certainly_did_not_reach_anybody(site: Site, action: str) -> None:
    error = REFUSAL if action == "refuse" else None
    refused = site.submit(said("m1"), action=action, error=error)
    (reached,) = await judge(site, site.submit(binds(), kind=SESSION), refused)
    assert told(reached) == (Certainty.NO, [How.NOT_CARRIED_OUT])


async def test_in_a_room_it_is_who_was_there(site: Site) -> None:
    in_room = site.submit(said("m2", to=ROOM, type_="groupchat"))
    before, inside, after = await judge(
        site,
        site.submit(said("m1", to=ROOM, type_="groupchat")),
        site.submit(joins()),
        in_room,
        site.submit(joins(type_="unavailable")),
        site.submit(said("m3", to=ROOM, type_="groupchat")),
        parties=(ROOM,),
    )
    assert told(before) == (Certainty.NOT_KNOWN, [How.JOINED_LATER])
    assert told(inside) == (Certainty.PROBABLE, [How.IN_ROOM])
    assert told(after) == (Certainty.NOT_KNOWN, [How.NO_EVIDENCE])


async def test_which_version_had_reached_them(site: Site) -> None:
    correct = "<body>y</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
    records = (
        site.submit(binds(), kind=SESSION),
        site.submit(said("m1")),
        site.submit(binds(name="unbind"), kind=SESSION),
        site.submit(said("m2", correct), at_s=60),
    )
    (reached,) = await judge(site, *records)
    assert (reached.certainty, reached.version) == (Certainty.PROBABLE, site.id_of(1))


async def test_what_was_said_later_is_not_shown(site: Site) -> None:
    correct = "<body>y</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
    records = (site.submit(said("m1")), site.submit(said("m2", correct), at_s=60))
    await site.record(*records)
    view = await read_conversation(
        site.settings, Whole((ALICE, BOB)), lambda done, total: None, seen_by=BOB, at_ns=T0_NS + 10**9
    )
    assert [[version.text for version in item.versions] for item in view.items] == [["x"]]


async def test_a_room_of_another_server_tells_of_others_by_their_names_in_it(site: Site) -> None:
    def tells(nick: str, status: str, type_: str = "") -> Submission:
        inside = f"<x xmlns='http://jabber.org/protocol/muc#user'><item role='participant'/>{status}</x>"
        body = (
            f"<presence xmlns='jabber:client' from='{ROOM}/{nick}' to='{BOB}/desk'{type_}>{inside}</presence>"
        )
        return site.submit(body.encode())._replace(way=Way.S2S)

    await site.record(
        tells("Zoe", ""),
        tells("Bo", "<status code='110'/>"),
        site.submit(said("m1", sender=BOB, to=ROOM, type_="groupchat")),
        tells("Zoe", "", " type='unavailable'"),
        Delivery("e1", 99, ()),
    )
    view = await read_all(site, ROOM)
    message = next(item for item in view.items if item.text)
    assert {party.jid for party in message.audience} == {f"{ROOM}/Zoe", f"{BOB}/desk"}
    assert {party.jid for party in view.present} == {f"{BOB}/desk"}


async def test_nobody_is_in_a_room_after_the_server_has_started_anew(site: Site) -> None:
    await site.record(
        site.submit(joins()),
        site.submit(said("m1", to=ROOM, type_="groupchat")),
        site.submit(said("m2", to=ROOM, type_="groupchat"), epoch="e2", seq=1),
        Delivery("e1", 99, ()),
        Delivery("e2", 99, ()),
    )
    items = [item for item in (await read_all(site, ROOM)).items if item.text]
    assert [[party.jid for party in item.audience] for item in items] == [[f"{BOB}/desk"], []]


async def test_who_may_see_one_enterprise_reads_no_others_conversation_by_name_or_record(site: Site) -> None:
    (site.path.parent / "directory.toml").write_text(
        "gate = 'gate.example'\n[enterprise.metals]\nname = 'Metals'\n"
        "[[enterprise.metals.sites]]\ndomain = 'metals.example'\n"
        "[enterprise.grain]\nname = 'Grain'\n[[enterprise.grain.sites]]\ndomain = 'grain.example'\n"
    )
    await site.record(
        site.submit(said("m1")),
        site.submit(said("m2", sender="george@grain.example", to="hanna@grain.example")),
    )
    of_grain = Auditor("gina", "Gina", frozenset({Role.AUDITOR}), frozenset({"grain"}))

    async def read(what: Whole | Around) -> list[Item]:
        view = await read_conversation(site.settings, what, lambda done, total: None, of_grain)
        return list(view.items)

    assert len(await read(Whole(("george@grain.example", "hanna@grain.example")))) == 1
    assert len(await read(Around(site.id_of(1)))) == 1
    errors = []
    for what in (
        Whole((ALICE, BOB)), Whole((ALICE, "nobody@metals.example")), Whole(("alice", "bob")), Around(site.id_of(0)),
        Around("gate/0"),
    ):  # fmt: skip
        with pytest.raises(SiteError) as caught:
            await read(what)
        errors.append(str(caught.value))
    assert errors[3] == errors[4].replace("gate/0", site.id_of(0))
    assert "metals" not in "".join(errors[3:])
    assert len(await site.accesses()) == 2


async def read_all(site: Site, *parties: str) -> ConversationView:
    return await read_conversation(site.settings, Whole(parties), lambda done, total: None)


async def as_it_was(
    site: Site, at_s: float, seen_by: str = "", limit: int = 3, **part: str
) -> ConversationView:
    return await read_conversation(
        site.settings,
        Whole((ROOM,), limit, **part),
        lambda done, total: None,
        seen_by=seen_by,
        at_ns=T0_NS + int(at_s * 10**9),
    )


@pytest.mark.slow
async def test_a_conversation_as_it_was_long_ago_has_the_newest_items_of_then(site: Site) -> None:
    # Others speak, too, so that what is sought lies several blocks of places back.
    await site.record(
        site.submit(joins()),
        *(
            site.submit(
                said(f"m{number}", f"<body>no {number}</body>", to=ROOM, type_="groupchat"), at_s=number
            )
            if number % 20 == 0
            else site.submit(said(f"m{number}", to="carol@metals.example"), at_s=number)
            for number in range(1, 2_400)
        ),
        site.submit(joins(type_="unavailable"), at_s=2_400),
        Delivery("e1", 10_000, ()),
    )
    for seen_by in ("", BOB):
        view = await as_it_was(site, 1_210, seen_by)
        assert [item.text for item in view.items] == ["no 1160", "no 1180", "no 1200"]
        # He had not left yet, although he has by now.
        assert [party.jid for party in view.present] == [f"{BOB}/desk"]
        assert (view.more_before, view.more_after) == (view.items[0].record, "")
    view = await as_it_was(site, 1_200)
    assert view.items[-1].text == "no 1200"
    assert (await as_it_was(site, 1_199.9)).items[-1].text == "no 1180"
    earlier = await as_it_was(site, 1_210, before=view.more_before)
    assert [item.text for item in earlier.items] == ["no 1100", "no 1120", "no 1140"]
    assert (await as_it_was(site, -1)).items == ()
    assert (await as_it_was(site, 9_999, limit=2)).items[0].text == "no 2380"


async def test_of_a_clock_that_went_back_nothing_later_is_shown(site: Site) -> None:
    texts = {"early": 5, "wrong": 50, "late": 20, "last": 60}
    await site.record(
        *(
            site.submit(said(text, f"<body>{text}</body>", to=ROOM, type_="groupchat"), at_s=at_s)
            for text, at_s in texts.items()
        ),
        Delivery("e1", 10_000, ()),
    )
    assert [item.text for item in (await as_it_was(site, 30)).items] == ["early", "late"]
