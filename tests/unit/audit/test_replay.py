"""`steelyard policy replay`: what a proposed policy would have changed."""

import pytest

from components.archive.record import RecordKind
from components.audit.auditor import Auditor, Role
from components.audit.checks.replay import FLAGGED, Replay, RuleCount, Ruling, parse_time_span, replay
from components.audit.query.error import QueryError
from components.process.errors import SiteError
from policy.content import decide
from policy.content.said import Said
from policy.decision import StanzaError
from policy.facts import StanzaFacts
from tests.support.audit_site import REFUSAL, T0_NS, Site
from tests.support.auditors import DIRECTORY
from tests.unit.policy.content.rules import write_rule

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@grain.example"
HELD = write_rule("tips", "hold", kind="lexicon", terms={"en": ["tip"]}, must_match=["tip"])
FLAGS = write_rule("metal", "flag", kind="lexicon", terms={"en": ["copper"]}, must_match=["copper"])
RATE = write_rule(
    "rate", "refuse", kind="rate", count="messages", more_than=2, window_s=60, must_match=["3 in 60 s"]
)
SAID = "Say it otherwise."


@pytest.fixture
async def said(site: Site) -> Site:
    """Five messages of Alice's, three of them under rules that were in force then, and what is not decided on."""
    await site.record(
        site.say(ALICE, BOB, "a tip: copper"),
        site.say(ALICE, BOB, "copper", at_s=10, rules=("metal", "old")),
        site.say(ALICE, BOB, "lead", at_s=20, action="refuse", rules=("old",), error=REFUSAL),
        site.say(ALICE, EVE, "a tip", at_s=30, action="refuse", rules=("recipient-outside",), error=REFUSAL),
        site.say(ALICE, BOB, "zinc", at_s=1_000),
        site.submit(b"<bind jid='alice@metals.example/desk'/>", kind=RecordKind.SESSION),
    )
    return site


async def play(
    site: Site,
    text: str,
    *,
    since: str | None = None,
    until: str | None = None,
    limit: int = 50,
    auditor: Auditor | None = None,
) -> Replay:
    file = site.path.parent / "proposed.toml"
    file.write_text(text)
    span = parse_time_span(since, until, T0_NS)
    return await replay(site.settings, file, span, limit, lambda _done, _total: None, auditor)


async def test_it_tells_what_would_have_been_decided_otherwise(said: Site) -> None:
    found = await play(said, HELD + FLAGS + RATE)
    assert (found.decided, found.unreadable, found.changed) == (5, 0, 4)
    assert [(change.id, change.was, change.would_be) for change in found.changes] == [
        (said.id_of(0), Ruling("release", ()), Ruling("hold", ("metal", "tips"))),
        (said.id_of(1), Ruling(FLAGGED, ("metal", "old")), Ruling(FLAGGED, ("metal",))),
        (said.id_of(2), Ruling("refuse", ("old",)), Ruling("refuse", ("rate",))),
        (
            said.id_of(3),
            Ruling("refuse", ("recipient-outside",)),
            Ruling("refuse", ("recipient-outside", "rate", "tips")),
        ),
    ]  # fmt: skip
    assert (found.changes[1].sender, found.changes[1].to, found.changes[1].at_ns) == (
        ALICE,
        BOB,
        T0_NS + 10**10,
    )
    assert found.verdicts == {
        ("release", "hold"): 1, (FLAGGED, FLAGGED): 1, ("refuse", "refuse"): 2, ("release", "release"): 1,
    }  # fmt: skip
    assert found.rules == {
        "tips": RuleCount("hold", newly=2),
        "metal": RuleCount("flag", as_before=1, newly=1),
        "rate": RuleCount("refuse", newly=2),
        "old": RuleCount("", no_longer=2),
    }


async def test_the_look_is_a_record(said: Site) -> None:
    found = await play(said, FLAGS)
    (access,) = await said.accesses()
    assert (access.act, access.result_count, access.log_size) == ("replay", found.changed, found.log_size)
    assert found.digest in access.query
    assert found.access_id.startswith("audit/")


async def test_times_and_the_number_of_records_are_bounded(said: Site) -> None:
    found = await play(said, HELD, since="2026-11-23T20:04:15Z", until="2026-11-23T20:10Z", limit=1)
    assert (found.decided, found.changed) == (3, 3)
    assert [change.id for change in found.changes] == [said.id_of(3)]
    with pytest.raises(QueryError):
        await play(said, HELD, since="last week")
    with pytest.raises(SiteError, match="is no time"):
        await play(said, HELD, since="2h lead")


async def test_what_refused_before_the_rules_stays_refused(site: Site) -> None:
    error = StanzaError("modify", "policy-violation", "Turn off OMEMO.")
    await site.record(site.say(ALICE, BOB, "x", action="refuse", rules=("encrypted-omemo",), error=error))
    assert (await play(site, HELD)).changed == 0


async def test_what_was_only_observed_counts_as_what_policy_said_of_it(site: Site) -> None:
    await site.record(
        site.say(ALICE, BOB, "x", rules=("would-refuse", "encrypted-omemo")),
        site.say(ALICE, BOB, "a tip", rules=("would-hold", "tips")),
        site.say(ALICE, BOB, "a tip", rules=("tips",)),
    )
    found = await play(site, HELD)
    assert found.verdicts == {("refuse", "refuse"): 1, ("hold", "hold"): 1, (FLAGGED, "hold"): 1}
    assert [change.id for change in found.changes] == [site.id_of(2)]
    assert (found.rules["tips"].as_before, set(found.rules)) == (2, {"tips"})


async def test_what_cannot_be_read_is_counted(site: Site) -> None:
    for body in (b"<message>", b"", b"</forwarded>", b"\xff"):
        await site.record(site.submit(body))
    await site.record(site.say(ALICE, BOB, "a tip"))
    found = await play(site, HELD)
    assert (found.unreadable, found.decided, found.changed) == (4, 1, 1)


async def test_what_our_own_code_stumbles_over_is_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbling(facts: StanzaFacts) -> object:
        if "tripwire" in facts.text:
            raise IndexError("this is not what the stanza says")
        return Said(facts)

    monkeypatch.setattr(decide, "Said", stumbling)
    await site.record(site.say(ALICE, BOB, "a tip: tripwire"), site.say(ALICE, BOB, "a tip"))
    found = await play(site, HELD)
    assert (found.decided, found.unreadable, found.changed) == (1, 1, 1)


async def test_a_conversation_is_told_by_its_topic(site: Site) -> None:
    topic = write_rule(
        "off", "flag", kind="topic", topics=["off-channel"], share=0.6, messages=1, must_match=["x"]
    )
    await site.record(
        site.say(ALICE, BOB, "let's take this to WhatsApp"), site.say(BOB, ALICE, "9410 USD/t CIF Hamburg")
    )
    found = await play(site, topic)
    assert [change.id for change in found.changes] == [site.id_of(0)]


async def test_a_wrong_policy_is_told_before_anything_is_opened(said: Site) -> None:
    with pytest.raises(SiteError, match=r"is not usable \(1 problem\): run `steelyard policy check` on it"):
        await play(said, HELD.replace("hold", "zap"))
    assert await said.accesses() == []


async def test_an_auditor_of_one_enterprise_is_told_of_its_records_alone(site: Site) -> None:
    (site.path.parent / "directory.toml").write_text(DIRECTORY)
    await site.record(
        site.say(ALICE, BOB, "a tip: copper"),
        site.say(EVE, BOB, "a tip", at_s=1, action="refuse", rules=("recipient-outside",), error=REFUSAL),
        site.say(ALICE, EVE, "copper", at_s=2, action="refuse", rules=("recipient-outside",), error=REFUSAL),
        site.say("notice@gate.metals.example", EVE, "a tip", at_s=3),
    )
    expected = {"metals": [0, 2], "grain": [1, 3], "timber": list[int]()}
    for enterprise, places in expected.items():
        auditor = Auditor("x", "X", frozenset({Role.AUDITOR}), frozenset({enterprise}))
        found = await play(site, HELD + FLAGS, auditor=auditor)
        ids = [site.id_of(place) for place in places]
        assert ([change.id for change in found.changes], found.changed, found.decided) == (
            ids,
            len(ids),
            len(ids),
        )
        assert sum(found.verdicts.values()) == len(ids)
        counted = [each for each in found.rules.values() if each.newly or each.as_before or each.no_longer]
        assert bool(counted) == bool(ids)
    # A rule with a word would else be a search in others' records.
    assert {each.actor for each in await site.accesses()} == {"x"}
    with pytest.raises(SiteError, match="has not the role"):
        await play(site, HELD, auditor=Auditor("o", "O", frozenset({Role.OVERSEER}), None))


async def test_without_a_readable_directory_nobody_is_told_whose_records_they_are(said: Site) -> None:
    (said.path.parent / "directory.toml").write_text("gate = ")
    with pytest.raises(SiteError, match="cannot be read: run `steelyard check`"):
        await play(said, HELD, auditor=Auditor("x", "X", frozenset({Role.AUDITOR}), frozenset({"metals"})))
