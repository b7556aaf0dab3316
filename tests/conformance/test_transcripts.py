"""G7: what clients see on a recorded line is what they see on a bare server, but for the gate's receipts.

So it is with the example policy in force, too: nothing in the transcripts is against a rule, and what a protocol says
is no prose.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.gate_process import GATE, GateProcess, gated_plan, one_enterprise
from tests.support.prosody import ProsodyServer, private_plan, server_version
from tests.support.rules import WITH_EXAMPLE_POLICY, WITHOUT_RULES
from tests.support.transcript import Transcript, play, read_transcript

TRANSCRIPTS = [
    read_transcript(file, server_version())
    for file in sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
]


@dataclass(frozen=True, slots=True)
class Site:
    """A running server, and the gate it asks, if it has one."""

    server: ProsodyServer
    gate: GateProcess | None


@pytest.fixture(scope="module", params=["bare", "gated", "with the example policy"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a bare server, or one with the gate, for all transcripts: each has accounts of its own."""
    rules = WITH_EXAMPLE_POLICY if request.param == "with the example policy" else WITHOUT_RULES
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "bare":
        site = Site(ProsodyServer(private_plan(root / "prosody")), None)
    else:
        plan = gated_plan(root / "prosody")
        people = [script.account(person) for script in TRANSCRIPTS for person in script.people]
        rooms = [script.room(room) for script in TRANSCRIPTS for room in script.rooms]
        gate = GateProcess(root / "gate", plan, one_enterprise(people, rooms), **rules)
        site = Site(ProsodyServer(plan), gate)
    with asyncio.Runner() as runner:
        try:
            runner.run(site.server.start())
            if site.gate:
                runner.run(site.gate.start())
            yield site
        finally:
            runner.run(site.server.kill9())
            if site.gate:
                runner.run(site.gate.stop())


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript.name)
async def test_clients_receive_what_the_transcript_says(site: Site, transcript: Transcript) -> None:
    receipts = await play(transcript, site.server, gate=GATE if site.gate else "")
    if site.gate and transcript.has_messages:
        assert receipts > 0, "no message passed through the gate"
