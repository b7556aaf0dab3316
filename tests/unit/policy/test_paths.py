import re
from xml.etree import ElementTree

import pytest

from components.link.codec import Held, SubmissionParser
from policy.address import BareJid, bare
from policy.decide import decide
from policy.decision import Action
from policy.facts import Way
from policy.paths import PATHS, Closed, Path, PathEnds, Through, fill_facts, render_stanza
from tests.support.walk import ANOTHERS_WORD, PAST_THE_ARCHIVE
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, GEORGE

OWN_ROOM = "desk@rooms.metals.example"
OUTSIDE = PathEnds(ALICE, BareJid(GEORGE), room="floor@rooms.grain.example", own_room=OWN_ROOM)
STRANGER = PathEnds(
    ALICE, BareJid("eve@stranger.example"), room="r@rooms.stranger.example", own_room=OWN_ROOM
)
GONE = PathEnds(ALICE, BareJid("zed@metals.example"), room="lunch@rooms.metals.example", own_room=OWN_ROOM)
COLLEAGUE = PathEnds(ALICE, BareJid(BOB), room=OWN_ROOM, own_room=OWN_ROOM)

NOT_IN_EXAMPLE = {"upload-service", "proxy", "push", "room-create"}

DECIDED = [path for path in PATHS if path.closed in (Closed.GATE, Closed.BORDER)]


def test_each_id_is_given_once() -> None:
    ids = [path.id for path in PATHS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.id)
def test_facts_are_those_that_the_gate_takes_from_its_stream(path: Path) -> None:
    places = OUTSIDE.places()
    for template in path.templates:
        for way in path.ways:
            filled = fill_facts(template, way, places)
            assert filled == _read_as_gate(render_stanza(template, places, "i1"), way)


@pytest.mark.parametrize("ends", [OUTSIDE, STRANGER], ids=["other enterprise", "stranger domain"])
def test_each_path_to_another_enterprise_is_refused(ends: PathEnds) -> None:
    assert _passes(ends, DECIDED) == []


def test_each_path_to_somebody_who_left_is_refused() -> None:
    paths = [path for path in DECIDED if path.through is not Through.SERVER]
    assert _passes(GONE, paths) == []


def test_each_path_to_a_colleague_is_open() -> None:
    # Who may not send at all proves nothing of a path, so the same templates must pass where they may.
    refused = [
        path.id
        for path in DECIDED
        if path.id not in NOT_IN_EXAMPLE | PAST_THE_ARCHIVE | ANOTHERS_WORD
        for template in path.templates
        for way in path.ways
        if decide(EXAMPLE, fill_facts(template, way, COLLEAGUE.places())).action is not Action.RELEASE
    ]
    assert refused == []


def test_what_is_harmless_passes() -> None:
    harmless = [path for path in PATHS if path.closed is Closed.HARMLESS]
    assert {each for path in harmless for each in _passes(OUTSIDE, [path])} == {path.id for path in harmless}


def test_a_place_that_is_missing_is_an_error() -> None:
    join = next(path for path in PATHS if path.id == "room-join").templates[0]
    nowhere = PathEnds(ALICE, BareJid(GEORGE))
    assert not join.needs <= nowhere.places().keys()
    with pytest.raises(KeyError):
        fill_facts(join, Way.C2S, nowhere.places())


def test_a_name_with_markup_stays_a_name() -> None:
    template = next(path for path in PATHS if path.id == "reference").templates[0]
    odd = PathEnds(ALICE, BareJid("o'<x/>&neil@grain.example"))
    xml = render_stanza(template, odd.places(), "i1")
    assert ElementTree.fromstring(xml).get("to") == odd.target


def _passes(ends: PathEnds, paths: list[Path]) -> list[str]:
    places = ends.places()
    return [
        path.id
        for path in paths
        for template in path.templates
        if template.needs <= places.keys()
        for way in path.ways
        if decide(EXAMPLE, fill_facts(template, way, places)).action is not Action.REFUSE
    ]


def _read_as_gate(xml: str, way: Way) -> object:
    stamped = xml if re.match(r"<\w+[^>]* from='", xml) else re.sub(r"^<\w+", rf"\g<0> from='{ALICE}'", xml)
    stamped = re.sub(r"^<\w+", r"\g<0> xmlns='jabber:client'", stamped)
    submission = (
        f"<message from='metals.example' to='{EXAMPLE.gate}'><held xmlns='urn:steelyard:gate:0' epoch='e' seq='1' "
        f"session='c1' way='{way}'><forwarded xmlns='urn:xmpp:forward:0'>{stamped}</forwarded></held></message>"
    )
    [held] = SubmissionParser().feed(submission.encode())
    assert isinstance(held, Held)
    assert bare(held.facts.sender)
    return held.facts


def test_what_goes_past_the_archive_is_closed_to_all() -> None:
    for path in DECIDED:
        if path.id in PAST_THE_ARCHIVE:
            for template in path.templates:
                decision = decide(EXAMPLE, fill_facts(template, path.ways[0], COLLEAGUE.places()))
                assert decision.rules[0].startswith("direct-"), (path.id, template.xml)
