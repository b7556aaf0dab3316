"""The demonstration: a conversation between real clients, and what auditors see of it; both are checked strictly."""

import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from components.access.notice import ASK
from components.audit.reading.speech_model import find_speech_model
from components.link.client import LoginError, TraderClient
from components.settings.site import SiteFile
from components.site.demo_console import authority_of, make_auditor_link
from components.site.demo_conversation import ALICE, BOB, GEORGE, HANNA, Conversation, UnexpectedError
from components.site.demo_files import send_files
from components.site.demo_scenes import (
    Accounts,
    ChatLink,
    Command,
    ConsoleLink,
    Contacts,
    End,
    Heading,
    Notice,
    Show,
)
from components.site.init import load_passwords
from components.site.probe import reachable_address
from policy.address import BareJid, notice_address
from policy.directory.directory import parse_directory
from policy.reach.affiliation import reachable_people

_FOUND_WITHIN_S = 30.0
_SEARCH_EVERY_S = 0.25
_KEPT_WITHIN_S = 10.0
_REFUSED_MESSAGES = 2


async def play_demonstration(settings: SiteFile, chat: ChatLink, show: Show) -> bool:
    """Play and show the demonstration on a site that is up; return whether everything went as it should."""
    passwords = load_passwords(settings)
    started_at_ns = time.time_ns()
    try:
        async with _log_in(settings, passwords) as clients:
            if settings.access:
                await acknowledge(notice_address(settings.access.jid), clients, show)
            if settings.roster:
                await _show_contacts(settings, clients[ALICE], show)
            conversation = Conversation(settings.gate.jid, clients, show)
            recorded = await conversation.play()
            files = {}
            if settings.transfer:
                authority = settings.prosody.certificates / "ca.crt"
                files = await send_files(conversation, clients, authority, show)
        _show_accounts(settings, passwords, show)
        await _search(settings, recorded, files, started_at_ns, show)
        await _verify(settings, show)
        show(chat)
        if link := make_auditor_link(settings):
            show(ConsoleLink(link, authority_of(settings)))
    except (UnexpectedError, LoginError) as err:
        show(End(fault=str(err)))
        return False
    show(End(len(recorded) + len(files), _REFUSED_MESSAGES, len(files), min(1, len(files))))
    return True


@asynccontextmanager
async def _log_in(settings: SiteFile, passwords: Mapping[str, str]) -> AsyncIterator[dict[str, TraderClient]]:
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


async def _show_contacts(settings: SiteFile, client: TraderClient, show: Show) -> None:
    """Show the contact list that a person finds without having added anybody."""
    directory = parse_directory(settings.gate.directory_file.read_text())
    wanted = {person.jid: person.name for person in reachable_people(directory, BareJid(client.jid))}
    give_up_at_s = time.monotonic() + _KEPT_WITHIN_S
    while (found := client.contacts()) != wanted:
        if time.monotonic() > give_up_at_s:
            raise UnexpectedError(
                f"{client.jid} finds {sorted(found)} in the contact list, not {sorted(wanted)}"
            )
        await asyncio.sleep(_KEPT_WITHIN_S / 100)
    show(Contacts(client.jid, found))


async def acknowledge(access: str, clients: Mapping[str, TraderClient], show: Show) -> None:
    """Wait for each one's notice of the recording, and answer it if it asks for that; raises UnexpectedError.

    All answer before anybody's thanks are waited for: these come when the gate has taken the answer, a second later.
    """
    show(Heading("First login"))
    notices = {}
    for jid, client in clients.items():
        notices[jid] = notice = await _hear(client, access)
        if notice.endswith(ASK):
            client.write(access, "yes")
    for jid, notice in notices.items():
        thanks = await _hear(clients[jid], access) if notice.endswith(ASK) else ""
        show(Notice(access, jid, notice, thanks))


async def _hear(client: TraderClient, sender: str) -> str:
    """Return the next thing that somebody says; what else there is, is left from an interrupted demonstration."""
    try:
        while (received := await client.receive()).sender != sender:
            pass
    except TimeoutError:
        raise UnexpectedError(f"{client.jid} was not told that the line is recorded") from None
    return received.body


async def _search(
    settings: SiteFile, recorded: list[str], files: Mapping[str, str], since_ns: int, show: Show
) -> None:
    """Find the conversation as an auditor does, and each file: all that receivers saw must be there.

    All of it is looked for at once, as each search is a process, which starts for most of a second.
    """
    talk = "copper OR verdict:refuse"
    by_query = {query: files[name] for query, name in _queries(settings) if name in files}
    everything = " OR ".join((talk, *by_query))

    async def find_fault() -> str:
        found = await _find_records(settings, everything)
        return tell_fault(found, recorded[:-1], by_query, since_ns)

    await wait_until_found(find_fault)
    await show_command(settings, show, "audit", "search", talk, "--limit", "5")
    for query in by_query:
        await show_command(settings, show, "audit", "search", query, "--limit", "2")


def _queries(settings: SiteFile) -> Iterator[tuple[str, str]]:
    """Yield queries, each with the name of the file that it finds: by words in it, or by its name (`file:`)."""
    # Pictures are read where Tesseract is installed.
    yield "nordsee" if shutil.which("tesseract") else "file:cathodes", "cathodes-shed-12.png"
    yield '"certificate of assay"', "assay-certificate.pdf"
    # What is said is heard where the extra [speech] is installed.
    said = '"before noon"' if find_speech_model(settings.audit.speech_model) else "file:voice-note"
    yield said, "voice-note.ogg"


async def wait_until_found(find_fault: Callable[[], Awaitable[str]]) -> None:
    """Search until nothing is missing: a search finds a record when a checkpoint covers it, within a second.

    Raises UnexpectedError with what is missing after half a minute: the first search may have files to read.
    """
    give_up_at_s = time.monotonic() + _FOUND_WITHIN_S
    while fault := await find_fault():
        if time.monotonic() > give_up_at_s:
            raise UnexpectedError(fault)
        await asyncio.sleep(_SEARCH_EVERY_S)


def tell_fault(
    records: Mapping[str, Mapping[str, Any]], copper: list[str], files: Mapping[str, str], since_ns: int
) -> str:
    """Return what a search did not find of the conversation, and of the `files`, which are records by query, or ""."""
    if missing := _tell_missing(records, [*copper, *files.values()]):
        return missing
    for query, record in files.items():
        if not query.startswith("file:") and not _is_found_inside(records[record]):
            return f"the search found {record}, but not {query} in its file"
    refused = [
        record
        for record in records.values()
        if record.get("verdict") == "refuse" and record["at_ns"] >= since_ns
    ]
    if len(refused) != _REFUSED_MESSAGES:
        return f"the search found {len(refused)} refused messages of this talk, not {_REFUSED_MESSAGES}"
    return ""


def _is_found_inside(record: Mapping[str, Any]) -> bool:
    return any(file["in_the_file"] for file in record.get("kept_files", ()))


async def find_missing(settings: SiteFile, query: str, wanted: list[str]) -> str:
    """Search, and return which of these records are not found."""
    return _tell_missing(await _find_records(settings, query), wanted)


async def _find_records(settings: SiteFile, query: str) -> dict[str, dict[str, Any]]:
    """Search as an auditor does, and return the newest records by their ids: a few dozen are of this talk."""
    # Where others are named, ids have the names of their sites, and what crossed has one of several.
    own = ("--at", settings.site.name) if settings.audit.sites else ()
    found = json.loads(
        await _fetch_output(settings, "audit", "search", query, "--json", "--limit", "100", *own)
    )
    return {record["id"]: record for record in found["records"]}


def _tell_missing(records: Mapping[str, object], wanted: list[str]) -> str:
    missing = [record for record in wanted if record not in records]
    return f"the search did not find {', '.join(missing)}" if missing else ""


async def _verify(settings: SiteFile, show: Show) -> None:
    if await show_command(settings, show, "verify") != 0:
        raise UnexpectedError("the record does not verify")


async def show_command(settings: SiteFile, show: Show, *arguments: str) -> int:
    """Run a `steelyard` command as a person would, with its output on our standard output; return its status."""
    show(Command(arguments, settings.path))
    status, _, _ = await _run(settings, arguments)
    return status


async def _fetch_output(settings: SiteFile, *arguments: str) -> str:
    status, output, errors = await _run(settings, arguments, asyncio.subprocess.PIPE)
    if status != 0:
        raise UnexpectedError(f"steelyard {arguments[0]}: {errors.decode().strip()}")
    return output.decode()


async def _run(
    settings: SiteFile, arguments: Sequence[str], output: int | None = None
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


def _show_accounts(settings: SiteFile, passwords: Mapping[str, str], show: Show) -> None:
    server = settings.prosody
    show(
        Accounts(
            passwords, reachable_address(server.address), server.c2s_port, server.certificates / "ca.crt"
        )
    )
