"""The demonstration: a conversation between real clients, then what auditors see of it; strict about both."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from components.access.notice import ASK
from components.link.client import LoginError, Received, SendResult, TraderClient
from components.site.init import load_passwords
from components.site.probe import reachable_address
from components.site.settings import SiteSettings
from policy.address import BareJid
from policy.directory.directory import parse_directory
from policy.reach.affiliation import reachable_people

ALICE, BOB = "alice@metals.example", "bob@metals.example"
GEORGE, HANNA = "george@grain.example", "hanna@grain.example"

_OMEMO = "eu.siacs.conversations.axolotl"  # XEP-0384, version 0.3, which most clients speak

_SIGNED_WITHIN_S = 5.0
_KEPT_WITHIN_S = 10.0


class UnexpectedError(Exception):
    """The line did something other than what it promises."""


async def play_demonstration(settings: SiteSettings, console: Console) -> bool:
    """Play and print the demonstration on a site that is up; return whether all went as it should."""
    passwords = load_passwords(settings)
    started_at_ns = time.time_ns()
    try:
        async with _log_in(settings, passwords) as clients:
            if settings.access:
                await _acknowledge(settings.access.jid, clients, console)
            if settings.roster:
                await _show_contacts(settings, clients[ALICE], console)
            recorded = await Conversation(settings.gate.jid, clients, console).play()
        _print_accounts(settings, passwords, console)
        await _search(settings, recorded, started_at_ns, console)
        await _verify(settings, console)
    except (UnexpectedError, LoginError) as err:
        console.print(f"\nThe demonstration failed: {err}", style="bold red", markup=False, soft_wrap=True)
        return False
    console.print(f"\nAll as it should be: {len(recorded)} messages recorded, then delivered; 2 refused.")
    return True


@asynccontextmanager
async def _log_in(
    settings: SiteSettings, passwords: Mapping[str, str]
) -> AsyncIterator[dict[str, TraderClient]]:
    server = settings.prosody
    async with contextlib.AsyncExitStack() as stack:
        clients = {}
        for jid in (ALICE, BOB, GEORGE, HANNA):
            if jid not in passwords:
                raise UnexpectedError(
                    f"{jid} has no account; the demonstration needs the people it was made with"
                )
            authority = server.certificates / "ca.crt"
            client = TraderClient(
                jid, passwords[jid], reachable_address(server.address), server.c2s_port, authority
            )
            stack.push_async_callback(client.close)
            await client.connect()
            clients[jid] = client
        yield clients


async def _show_contacts(settings: SiteSettings, client: TraderClient, console: Console) -> None:
    """Show whom somebody finds in their contact list without having added anybody."""
    directory = parse_directory(settings.gate.directory.read_text())
    wanted = {person.jid: person.name for person in reachable_people(directory, BareJid(client.jid))}
    give_up_at_s = time.monotonic() + _KEPT_WITHIN_S
    while (found := client.contacts()) != wanted:
        if time.monotonic() > give_up_at_s:
            raise UnexpectedError(
                f"{client.jid} finds {sorted(found)} in the contact list, not {sorted(wanted)}"
            )
        await asyncio.sleep(_KEPT_WITHIN_S / 100)
    title = f"{client.jid.partition('@')[0]}'s contacts"
    console.print(
        f"\n  {title:16} {', '.join(found[jid] for jid in sorted(found))}", markup=False, soft_wrap=True
    )


async def _acknowledge(access: str, clients: Mapping[str, TraderClient], console: Console) -> None:
    """Wait for the notice of the recording, and answer it where that is asked; raises UnexpectedError."""
    console.print("\n[bold]First login[/]")
    for jid, client in clients.items():
        try:
            notice = await client.receive()
            while notice.sender != access:
                notice = await client.receive()  # left over from a demonstration that was interrupted
            console.print(f"  {access} → {jid}: {notice.body}", markup=False, highlight=False, soft_wrap=True)
            if notice.body.endswith(ASK):
                client.write(access, "yes")
                thanks = await client.receive()
                name = jid.partition("@")[0]
                console.print(
                    f"  {name}: yes  ✔ {thanks.body}", markup=False, highlight=False, soft_wrap=True
                )
        except TimeoutError:
            raise UnexpectedError(f"{jid} was not told that the line is recorded") from None


class Conversation:
    """What is said, and what must become of it; `play` returns the records of what was delivered."""

    def __init__(self, gate: str, clients: Mapping[str, TraderClient], console: Console) -> None:
        self._gate = gate
        self._clients = clients
        self._console = console
        self._records: list[str] = []

    async def play(self) -> list[str]:
        """Say all of it; raises UnexpectedError as soon as something is not as it should be."""
        self._console.print("\n[bold]A conversation[/]")
        price = await self._say(
            ALICE, BOB, "Copper cathodes, 25 t, 9410 USD/t CIF Hamburg, firm until 16:00."
        )
        await self._say(BOB, ALICE, "I take the copper at 9395, today.")
        await self._refused(ALICE, GEORGE, "Do you buy copper too?", "another enterprise")
        await self._refused(ALICE, BOB, "[an encrypted message]", "encrypted", _encrypted())
        await self._say(
            ALICE, BOB, "Copper cathodes, 25 t, 9395 USD/t CIF Hamburg, firm until 16:00.", corrects=price
        )
        # Messages keep their order: had one of Alice's reached George, it would be there before this one.
        await self._say(HANNA, GEORGE, "Nobody else writes to you, does anybody?")
        for jid, client in self._clients.items():
            while not client.inbox.empty():
                if not (received := client.inbox.get_nowait()).delayed:
                    raise UnexpectedError(f"{jid} received what nobody should: {received.body!r}")
        return self._records

    async def _say(self, sender: str, to: str, body: str, corrects: str = "") -> str:
        """Send what must arrive, recorded; return the message's id."""
        outcome = await self._send(sender, to, body, corrects=corrects)
        if not outcome.delivered:
            raise UnexpectedError(f"{sender} could not write to {to}: {outcome.condition}: {outcome.text}")
        received = await self._receive(to)
        while received.delayed:  # left over from a demonstration that was interrupted
            received = await self._receive(to)
        record = received.stanza_ids.get(self._gate, "")
        if received.body != body or received.sender.partition("/")[0] != sender or not record:
            raise UnexpectedError(f"{to} received {received}, not what {sender} had written, with its record")
        self._records.append(record)
        self._print(
            sender, to, ("corrects: " if corrects else "") + body, f"✔ recorded as {record}, delivered"
        )
        return outcome.message_id

    async def _refused(
        self, sender: str, to: str, body: str, why: str, payload: ET.Element | None = None
    ) -> None:
        outcome = await self._send(sender, to, body, payload=payload)
        if outcome.delivered or not outcome.text:
            raise UnexpectedError(f"{sender} to {to} ({why}) was not refused with a reason: {outcome}")
        self._print(sender, to, body, f"✘ refused ({outcome.condition}): {outcome.text}")

    async def _send(self, sender: str, to: str, body: str, **how: Any) -> SendResult:
        try:
            return await self._clients[sender].send_chat(to, body, **how)
        except TimeoutError:
            raise UnexpectedError(
                f"a message from {sender} to {to} was neither delivered nor refused"
            ) from None

    async def _receive(self, receiver: str) -> Received:
        try:
            return await self._clients[receiver].receive()
        except TimeoutError:
            raise UnexpectedError(f"{receiver} did not receive what was confirmed") from None

    def _print(self, sender: str, to: str, body: str, outcome: str) -> None:
        names = f"{sender.partition('@')[0]} → {to.partition('@')[0]}"
        self._console.print(f"  {names:16} {body}", markup=False, highlight=False, soft_wrap=True)
        style = "green" if outcome.startswith("✔") else "yellow"
        self._console.print(
            f"  {'':16} {outcome}", style=style, markup=False, highlight=False, soft_wrap=True
        )


def _encrypted() -> ET.Element:
    encrypted = ET.Element(f"{{{_OMEMO}}}encrypted")
    header = ET.SubElement(encrypted, f"{{{_OMEMO}}}header", sid="27183")
    ET.SubElement(header, f"{{{_OMEMO}}}key", rid="31415").text = "BASE64=="
    ET.SubElement(header, f"{{{_OMEMO}}}iv").text = "BASE64=="
    ET.SubElement(encrypted, f"{{{_OMEMO}}}payload").text = "BASE64=="
    return encrypted


async def _search(settings: SiteSettings, recorded: list[str], since_ns: int, console: Console) -> None:
    """Find the conversation as an auditor does; every record that a receiver saw must be there, and the refusals."""
    query = "copper OR verdict:refuse"
    give_up_at_s = time.monotonic() + _SIGNED_WITHIN_S
    while fault := await _find_fault(settings, query, recorded[:-1], since_ns):
        if time.monotonic() > give_up_at_s:
            raise UnexpectedError(fault)
        await asyncio.sleep(_SIGNED_WITHIN_S / 20)
    await _show_command(settings, console, "audit", "search", query, "--limit", "5")


async def _find_fault(settings: SiteSettings, query: str, copper: list[str], since_ns: int) -> str:
    """Search, and say what is not found; a record is found once a checkpoint covers it, within a second."""
    found = json.loads(await _fetch_output(settings, "audit", "search", query, "--json", "--limit", "1000"))
    records = {record["id"]: record for record in found["records"]}
    if missing := [record for record in copper if record not in records]:
        return f"the search did not find {', '.join(missing)}"
    refused = [
        record for record in records.values() if record["verdict"] == "refuse" and record["at_ns"] >= since_ns
    ]
    return (
        "" if len(refused) == 2 else f"the search found {len(refused)} refused messages of this talk, not 2"
    )


async def _verify(settings: SiteSettings, console: Console) -> None:
    if await _show_command(settings, console, "verify") != 0:
        raise UnexpectedError("the record does not verify")


async def _show_command(settings: SiteSettings, console: Console, *arguments: str) -> int:
    """Run a command of ours as a person would, its output on our own standard output; return its status."""
    typed = " ".join(f"'{each}'" if " " in each else each for each in arguments)
    console.print(f"\n[bold]$ steelyard {typed} --site {settings.path}[/]", highlight=False, soft_wrap=True)
    console.file.flush()
    status, _, _ = await _run(settings, arguments)
    return status


async def _fetch_output(settings: SiteSettings, *arguments: str) -> str:
    status, output, errors = await _run(settings, arguments, asyncio.subprocess.PIPE)
    if status != 0:
        raise UnexpectedError(f"steelyard {arguments[0]}: {errors.decode().strip()}")
    return output.decode()


async def _run(
    settings: SiteSettings, arguments: Sequence[str], output: int | None = None
) -> tuple[int, bytes, bytes]:
    command = (sys.executable, "-m", "components.cli.main", *arguments, "--site", str(settings.path))
    process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        written, errors = await process.communicate()
    finally:
        if process.returncode is None:  # we are told to stop: nothing is left behind
            process.kill()
            await process.wait()
    return await process.wait(), written, errors


def _print_accounts(settings: SiteSettings, passwords: Mapping[str, str], console: Console) -> None:
    server = settings.prosody
    table = Table(title="Who can log in, with any XMPP client", title_justify="left", title_style="bold")
    for column in ("JID", "password", "host", "port"):
        table.add_column(column, no_wrap=True)
    for jid, password in passwords.items():
        table.add_row(jid, password, reachable_address(server.address), str(server.c2s_port))
    console.print()
    console.print(table)
    console.print(
        f"TLS is required; let the client trust {server.certificates / 'ca.crt'}",
        highlight=False,
        soft_wrap=True,
    )
