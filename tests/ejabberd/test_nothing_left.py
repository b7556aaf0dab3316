"""Sessions that come and go leave nothing in ejabberd's adapter, however many there were."""

from pathlib import Path

import pytest

from tests.support.ejabberd import EjabberdServer
from tests.support.process import wait_until
from tests.support.scripted_gate import ScriptedLine

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSIONS = 50
# It asks how much is handled (XEP-0198), and does not wait for the answer.
LAST_WORDS = (
    "<message to='bob@metals.example' type='chat'><body>Ten tons</body></message><r xmlns='urn:xmpp:sm:3'/>"
)
# Of the window: answers that nobody has taken, who watches it and whom it watches, who holds what, and who waits.
COUNTS = (
    "Window = whereis(stanza_gate_window), "
    "#{holders := #{held := Held, holders := Holders}, arrivals := Waiting} = sys:get_state(Window), "
    "{monitored_by, Watching} = process_info(Window, monitored_by), "
    "{monitors, Watched} = process_info(Window, monitors), "
    "{ets:info(stanza_gate_window, size), length(Watching), length(Watched), map_size(Held), map_size(Holders), "
    "length(Waiting)}."
)


async def test_sessions_that_do_not_wait_for_their_last_answer_leave_none(tmp_path: Path) -> None:
    async with ScriptedLine(tmp_path) as line:
        server = line.prosody
        assert isinstance(server, EjabberdServer)
        before = server.evaluate(COUNTS)
        for number in range(SESSIONS):
            alice = await line.login(f"alice/{number}")
            await alice.enable_resumption()
            alice.send(LAST_WORDS)
            await alice.close()
        assert await wait_until(lambda: server.evaluate(COUNTS) == before), (before, server.evaluate(COUNTS))
