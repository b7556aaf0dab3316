"""OMEMO as a real client speaks it: what worked on the bare server is refused on the line, and the client goes on."""

from dataclasses import replace
from pathlib import Path

import pytest
from omemo.session_manager import BundleUploadFailed, DeviceListUploadFailed
from slixmpp import exceptions
from slixmpp.stanza import Error
from slixmpp.xmlstream import StanzaBase

from policy.content.refusals import OMEMO
from policy.decision import StanzaError
from tests.support.line import Line
from tests.support.omemo import Keys, OmemoClient
from tests.support.prosody import ProsodyServer
from tests.support.rules import with_and_without_rules

# slixmpp-omemo reaches for other plugins in a way that slixmpp no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing plugins through the XMPP object:DeprecationWarning")

ALICE, BOB = "alice@metals.example", "bob@metals.example"


async def encrypt_on_the_bare_server(server: ProsodyServer, alice: Keys, bob: Keys) -> None:
    """Keys are published and an encrypted message is read: so the clients are real, and know one another."""
    speaker, listener = OmemoClient(f"{ALICE}/desk", alice), OmemoClient(f"{BOB}/desk", bob)
    for client in (listener, speaker):
        await client.log_in(server.address)
        await client.publish_keys()
    sent = await speaker.say_encrypted(BOB, "Copper at 9410?")
    came = await listener.next_message()
    assert came["id"] == sent["id"]
    assert came["body"] == "This message is OMEMO encrypted."
    assert await listener.decrypt(came) == "Copper at 9410?"
    for client in (listener, speaker):
        await client.log_out()


@pytest.fixture(autouse=True)
def knows_policy_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach slixmpp a condition (RFC 6120, 8.3.3.12) without which it waits two minutes for an answer that has come."""
    monkeypatch.setattr(Error, "conditions", Error.conditions | {"policy-violation"})
    monkeypatch.setitem(exceptions._DEFAULT_ERROR_TYPES, "policy-violation", "modify")


def told(stanza: StanzaBase) -> StanzaError:
    """Give the error in a stanza."""
    error = stanza["error"]
    return StanzaError(error["type"], error["condition"], error["text"])


@with_and_without_rules
async def test_a_client_that_encrypts_is_told_and_goes_on_in_clear(
    tmp_path: Path, rules: dict[str, str]
) -> None:
    line = Line(tmp_path, (ALICE, BOB), rules=rules)
    line.prosody.befriend(ALICE, BOB)
    alice, bob = Keys(), Keys()
    # The site before it had a gate: the same data.
    server = ProsodyServer(replace(line.prosody.plan, gate=""))
    async with server:
        await encrypt_on_the_bare_server(server, alice, bob)
        await server.stop()  # in order, or it would not keep all of the keys
    async with line:
        speaker, listener = OmemoClient(f"{ALICE}/desk", alice), OmemoClient(f"{BOB}/desk", bob)
        for client in (listener, speaker):
            await client.log_in(line.prosody.address)
        # A message to keys that were published before the line was recorded.
        sent = await speaker.say_encrypted(BOB, "Copper at 9420?")
        refused = await speaker.next_message()
        assert (refused["id"], refused["type"]) == (sent["id"], "error")
        assert told(refused) == OMEMO.error
        # The keys of a new device, and a change to those that are known.
        newcomer = OmemoClient(f"{ALICE}/phone", Keys())
        await newcomer.log_in(line.prosody.address)
        with pytest.raises(BundleUploadFailed) as bundle:
            await newcomer.publish_keys()
        with pytest.raises(DeviceListUploadFailed) as device_list:
            await speaker.name_device("desk")
        for failed in (bundle, device_list):
            assert isinstance(failed.value.__cause__, exceptions.IqError)
            assert told(failed.value.__cause__.iq) == OMEMO.error
        # Both go on in clear, and nothing else came.
        for client, text in ((speaker, "Copper at 9430?"), (newcomer, "Or 9440?")):
            await client.say(f"{BOB}/desk", text)
            came = await listener.next_message()
            assert (came["type"], came["body"]) == ("chat", text)
        for client in (listener, speaker, newcomer):
            await client.log_out()
