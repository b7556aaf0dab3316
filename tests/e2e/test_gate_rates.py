"""Rates and topics on a real line, and what auditors' commands make of its record."""

from pathlib import Path

from components.archive.keys import create_log_key
from components.audit.checks.replay import parse_time_span, replay
from components.audit.checks.topics import mark_topics
from components.audit.search import Page, search
from components.settings.site import SiteFile
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.prosody import ProsodyServer
from tests.support.stream import XmppStream, message
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = "alice@metals.example", "bob@metals.example"
LIMIT = 3
TOO_MANY = "{urn:ietf:params:xml:ns:xmpp-stanzas}policy-violation"
SAID = (
    "Copper cathodes, 25 t, 9410 USD/t CIF Hamburg.",
    "let&apos;s take this to WhatsApp",
    "仓库说铜周一可以装车 &lt;&#x26;&gt;",
    "Three a day are enough.",
    "Really.",
)


def rate(more_than: int) -> str:
    example = f"{more_than + 1} in 60 s"
    return write_rule(
        "rate", kind="rate", count="messages", more_than=more_than, window_s=86_400, must_match=[example]
    )


def audit_table(gate: GateProcess, folder: Path) -> str:
    return (
        f'[audit]\nlog = "{folder / "audit.db"}"\nlog_origin = "metals.example/audit"\n'
        f'log_key_file = "{folder / "log-audit.key"}"\nindex = "{folder / "index.db"}"\n'
        f'key_files = ["{gate.auditor_key_file}"]\n'
    )


async def test_a_rate_refuses_on_the_line_and_the_record_tells_the_rest(tmp_path: Path) -> None:
    policy, proposed = tmp_path / "policy.toml", tmp_path / "proposed.toml"
    topic = write_rule("off", "flag", kind="topic", topics=["off-channel"], messages=1, must_match=["x"])
    policy.write_text(rate(LIMIT) + topic)
    proposed.write_text(rate(1))
    plan = gated_plan(tmp_path / "prosody")
    prosody = ProsodyServer(plan)
    prosody.register(ALICE, BOB)
    gate = GateProcess(tmp_path / "gate", plan, one_enterprise((ALICE, BOB)), policy=str(policy))
    create_log_key(tmp_path / "log-audit.key", "metals.example/audit")
    gate.add_archive_settings(audit_table(gate, tmp_path))
    await prosody.start()
    try:
        await gate.start()
        await say(prosody)
    finally:
        await prosody.kill9()
        await gate.stop()
    site = tmp_path / "gate" / "site.toml"
    settings = SiteFile(site)
    found = await replay(settings, proposed, parse_time_span(None, None, 0), 50, lambda _done, _total: None)
    assert found.unreadable == 0
    assert (found.rules["rate"].newly, found.rules["rate"].as_before, found.rules["rate"].no_longer) == (
        2,
        2,
        0,
    )
    assert {(each.was.verdict, each.would_be.verdict) for each in found.changes} == {("release", "refuse")}
    marked = await mark_topics(settings, lambda _done, _total: None)
    assert marked.marks == {"off": 1}
    (view,) = (await search(settings, "rule:off", Page(5), lambda _done, _total: None)).records
    assert view.reading.text == "let's take this to WhatsApp"


async def say(prosody: ProsodyServer) -> None:
    """Alice says all; Bob gets as much as the rate allows, and she is told of each that was too much."""
    alice = await XmppStream.login(prosody.address, f"{ALICE}/desk")
    bob = await XmppStream.login(prosody.address, f"{BOB}/desk")
    for number, text in enumerate(SAID):
        alice.send(f"<message to='{BOB}/desk' type='chat' id='m{number}'><body>{text}</body></message>")
        alice.send(
            f"<message to='{BOB}/desk' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
        )
    for number in range(LIMIT, len(SAID)):
        error = await alice.expect(lambda each, id_=f"m{number}": each.get("id") == id_)  # type: ignore[misc]
        assert error.get("type") == "error"
        assert error.find(f".//{TOO_MANY}") is not None
    await bob.expect(message("Copper cathodes, 25 t, 9410 USD/t CIF Hamburg."))
    assert not [each for each in bob.received if each.get("id") in ("m3", "m4")]
