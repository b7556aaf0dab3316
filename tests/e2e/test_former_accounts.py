"""Whoever is not on the line any more is told so at the login; whoever has not the password is told nothing."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from tests.support.gate_process import one_enterprise
from tests.support.line import Line
from tests.support.prosody import PASSWORD
from tests.support.stream import Element, XmppStream, named, show

ALICE, DANA = "alice@metals.example", "dana@metals.example"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


async def log_in_by_scram(line: Line, name: str, password: str, stream: XmppStream | None = None) -> Element:
    """Try it (RFC 5802), on a stream of its own or once more on one; returns the server's verdict."""
    if stream is None:
        stream = XmppStream(line.prosody.address, "metals.example")
        await stream.open()
    first = f"n={name},r=abc"
    stream.send(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-1'>{encode(f'n,,{first}')}</auth>")
    challenge = base64.b64decode((await stream.expect(named(SASL, "challenge"))).text or "").decode()
    said = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha1", password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    key = hmac.digest(salted, b"Client Key", "sha1")
    final = f"c=biws,r={said['r']}"
    signature = hmac.digest(hashlib.sha1(key).digest(), f"{first},{challenge},{final}".encode(), "sha1")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
    stream.send(f"<response xmlns='{SASL}'>{encode(f'{final},p={proof}')}</response>")
    return await stream.expect(lambda element: element.tag in (f"{{{SASL}}}success", f"{{{SASL}}}failure"))


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_a_login_tells_who_has_left_and_has_the_password(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, DANA]) as line:
        before = await line.login(f"{DANA}/before")
        await line.gate.change_rules(line.gate.directory_file, one_enterprise([ALICE]))
        # Who is in already is told with each refusal.
        before.send(f"<message to='{ALICE}' type='chat' id='x'><body>and now?</body></message>")
        refused = await before.expect(lambda element: element.get("id") == "x")
        assert "Your access to this line has ended" in show(refused)
        for _ in range(2):
            with pytest.raises(
                AssertionError, match=r"account-disabled[\s\S]*Your access to this line has ended"
            ):
                await line.login(DANA)
        with pytest.raises(AssertionError, match="not-authorized"):
            await XmppStream.login(line.prosody.address, DANA, password="a guess")
        assert "account-disabled" in show(await log_in_by_scram(line, "dana", PASSWORD))
        guess, unknown = [show(await log_in_by_scram(line, name, "a guess")) for name in ("dana", "nobody")]
        assert "not-authorized" in guess
        assert guess == unknown
        # The server goes on with another handler after an attempt that failed.
        stream = XmppStream(line.prosody.address, "metals.example")
        await stream.open()
        for password, condition in (("a guess", "not-authorized"), (PASSWORD, "account-disabled")):
            verdict = await log_in_by_scram(line, "dana", password, stream)
            assert condition in show(verdict)
        await (await line.login(ALICE)).close()
        await line.gate.change_rules(line.gate.directory_file, one_enterprise([ALICE, DANA]))
        await before.ping()
        await (await line.login(DANA)).close()


async def test_who_is_listed_is_let_in_by_a_server_that_has_heard_of_nobody_yet(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE]) as line:
        await line.gate.kill9()
        await line.prosody.kill9()
        await line.prosody.start()
        assert "success" in show(await log_in_by_scram(line, "alice", PASSWORD))
