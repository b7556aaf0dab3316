"""The commands by which the access component keeps accounts on ejabberd, and that nobody else has them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest
import pytest_asyncio

from components.access.accounts import (
    XMLNS_COMMANDS,
    AccountError,
    add_account,
    delete_account,
    end_sessions,
    take_password,
)
from components.access.form import encode_submission
from components.link.entity import EntityLink, XmppError
from components.link.stream import ComponentLogin
from components.site.parts import MAKES_ACCOUNTS
from components.site.prosody import PlannedComponent
from tests.support.ejabberd import EjabberdServer
from tests.support.process import PATIENCE_S
from tests.support.prosody import PASSWORD, private_plan
from tests.support.stream import XmppStream, show

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCESS, OTHER = "access.metals.example", "bot.metals.example"
ALICE, BOB, CAROL = "alice@metals.example", "bob@metals.example", "carol@metals.example"
ADD = "http://jabber.org/protocol/admin#add-user"


@dataclass(frozen=True, slots=True)
class Server:
    """A server, its folder of first passwords, the access component's link and another component's."""

    ejabberd: EjabberdServer
    passwords: Path
    link: EntityLink
    other: EntityLink


async def connect(server: EjabberdServer, jid: str, stack: AsyncExitStack) -> EntityLink:
    up = asyncio.Event()
    login = ComponentLogin(jid, "s3cret", "127.0.0.1", server.plan.component_port)
    link = EntityLink(login, on_state=lambda is_up: up.set() if is_up else None)
    link.open()
    stack.push_async_callback(link.close)
    async with asyncio.timeout(PATIENCE_S):
        await up.wait()
    return link


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    root = tmp_path_factory.mktemp("accounts")
    passwords = root / "passwords"
    passwords.mkdir()
    plan = private_plan(
        root / "server",
        components=(PlannedComponent(ACCESS, "s3cret", MAKES_ACCOUNTS), PlannedComponent(OTHER, "s3cret")),
        first_passwords=passwords,
    )
    async with EjabberdServer(plan) as ejabberd, AsyncExitStack() as stack:
        ejabberd.register(BOB)
        link, other = await connect(ejabberd, ACCESS, stack), await connect(ejabberd, OTHER, stack)
        yield Server(ejabberd, passwords, link, other)


async def test_an_account_from_its_making_to_its_end(server: Server) -> None:
    assert await add_account(server.link, ALICE, "for a moment")
    assert not await add_account(server.link, ALICE, "another")
    with pytest.raises(AccountError, match="could not be read"):
        await take_password(server.link, ALICE)
    (server.passwords / f"{ALICE}.draft").write_text("handed over\n")
    await take_password(server.link, ALICE)
    address = server.ejabberd.address
    with pytest.raises(AssertionError, match="not-authorized"):
        await XmppStream.login(address, ALICE, password="for a moment")
    alice = await XmppStream.login(address, ALICE, password="handed over")
    await end_sessions(server.link, ALICE)
    await alice.wait_for_end()
    again = await XmppStream.login(address, ALICE, password="handed over")
    await delete_account(server.link, ALICE)
    await again.wait_for_end()
    assert again.error is not None and "not-authorized" in show(again.error)
    with pytest.raises(AssertionError, match="not-authorized"):
        await XmppStream.login(address, ALICE, password="handed over")
    # Done again, it changes nothing.
    await delete_account(server.link, ALICE)
    with pytest.raises(AccountError, match="no such account"):
        await take_password(server.link, ALICE)


@pytest.mark.parametrize(
    "account", ["eve@grain.example", "eve@metals.example/desk", "metals.example", "@metals.example", ""]
)
async def test_what_is_no_account_of_this_server_is_not_made(server: Server, account: str) -> None:
    command = ET.Element(f"{{{XMLNS_COMMANDS}}}command", node=ADD, sessionid="s1", action="complete")
    command.append(encode_submission("", {"accountjid": [account], "password": ["secret"]}))
    answer = await server.link.request("metals.example", command, kind="set")
    assert answer is not None
    assert answer.findtext(f"{{{XMLNS_COMMANDS}}}note") == "this is no account of this server"


async def test_nobody_else_makes_accounts(server: Server) -> None:
    for act in (add_account(server.other, ALICE, "secret"), delete_account(server.other, BOB)):
        with pytest.raises(XmppError) as caught:
            await act
        assert caught.value.condition == "forbidden"
    bob = await XmppStream.login(server.ejabberd.address, BOB)
    command = f"<command xmlns='{XMLNS_COMMANDS}' node='{ADD}' action='execute'/>"
    answer = await bob.request("set", command, to="metals.example")
    assert "forbidden" in show(answer)
    await bob.close()


async def test_wrong_passwords_have_a_pace(server: Server) -> None:
    """A right one is answered as a wrong one when too many were wrong; other accounts are not concerned."""
    address, evaluate = server.ejabberd.address, server.ejabberd.evaluate
    server.ejabberd.register(CAROL)
    for spelt in (CAROL, "CAROL@metals.example"):
        with pytest.raises(AssertionError, match="not-authorized"):
            await XmppStream.login(address, spelt, password="wrong")
    counted = '[Left || {{_, {<<"carol">>, _}}, {Left, _}} <- maps:to_list(sys:get_state(mod_login_pace))]'
    assert evaluate(f"[Left < 20 || Left <- {counted}].") == "[true]"
    await (await XmppStream.login(address, CAROL)).close()
    # As many more as no time that this takes brings back.
    evaluate(
        "sys:replace_state(mod_login_pace, fun(Pace) -> maps:map("
        'fun({_, {<<"carol">>, _}}, {_, At}) -> {-1000, At}; (_, Each) -> Each end, Pace) end), ok.'
    )
    for password in ("wrong", PASSWORD):
        with pytest.raises(AssertionError, match="temporary-auth-failure"):
            await XmppStream.login(address, CAROL, password=password)
    await (await XmppStream.login(address, BOB)).close()


async def test_the_component_is_told_of_a_session_when_it_first_comes_online(server: Server) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    online = "{urn:steelyard:access:0}online"

    def note(message: Element) -> None:
        for each in message.iter(online):
            told.put_nowait(each.get("jid", ""))

    server.link.on_message(note)
    bob = await XmppStream.login(server.ejabberd.address, f"{BOB}/desk")
    for _ in range(2):
        bob.send("<presence/>")
        await bob.ping()
    second = await XmppStream.login(server.ejabberd.address, f"{BOB}/phone")
    await second.come_online()
    async with asyncio.timeout(PATIENCE_S):
        assert [await told.get(), await told.get()] == [f"{BOB}/desk", f"{BOB}/phone"]
    for stream in (bob, second):
        await stream.close()


async def test_a_change_that_is_answered_outlives_the_servers_end(tmp_path: Path) -> None:
    """Killed at once, in the seconds in which Mnesia has written nothing yet."""
    (tmp_path / "passwords").mkdir()
    plan = private_plan(
        tmp_path / "server",
        components=(PlannedComponent(ACCESS, "s3cret", MAKES_ACCOUNTS),),
        first_passwords=tmp_path / "passwords",
    )
    async with EjabberdServer(plan) as server:

        async def after_a_kill(change: Callable[[EntityLink], Awaitable[object]]) -> None:
            async with AsyncExitStack() as stack:
                await change(await connect(server, ACCESS, stack))
                await server.kill9()
            await server.start()

        def hand_over(link: EntityLink) -> Awaitable[object]:
            (tmp_path / "passwords" / f"{ALICE}.draft").write_text("handed over\n")
            return take_password(link, ALICE)

        await after_a_kill(lambda link: add_account(link, ALICE, "first"))
        alice = await XmppStream.login(server.address, ALICE, password="first")
        change = f"<query xmlns='jabber:iq:register'><username>alice</username><password>{PASSWORD}</password></query>"
        answer = await alice.request("set", change, to="metals.example")
        assert answer.get("type") == "result", show(answer)
        await server.kill9()
        await server.start()
        await (await XmppStream.login(server.address, ALICE)).close()
        await after_a_kill(hand_over)
        await (await XmppStream.login(server.address, ALICE, password="handed over")).close()
        await after_a_kill(lambda link: delete_account(link, ALICE))
        with pytest.raises(AssertionError, match="not-authorized"):
            await XmppStream.login(server.address, ALICE, password="handed over")
