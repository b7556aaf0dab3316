"""Files in the demonstration: sent and fetched as clients do, over HTTPS, and found by an auditor."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from components.link.client import RequestError, TraderClient
from components.link.upload import find_upload_service, link_element, request_slot
from components.site.demo_conversation import ALICE, BOB, Conversation, UnexpectedError
from components.site.demo_media import MediaFile, make_media, make_program
from components.site.demo_scenes import File, Heading, Show

_TIMEOUT = aiohttp.ClientTimeout(total=30)


async def send_files(
    conversation: Conversation, clients: Mapping[str, TraderClient], authority: Path, show: Show
) -> dict[str, str]:
    """Send a picture, a document and a voice note, and fetch them; return the record of each message by file name.

    The certificate of the files' host must be valid by the authority in this file. Raises UnexpectedError.
    """
    show(Heading("Files"))
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(authority)))
    records = {}
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as http:
        try:
            service = await find_upload_service(clients[ALICE])
            for file in make_media():
                url = await upload_file(clients[ALICE], service, http, file)
                _, record = await conversation.deliver(ALICE, BOB, url, payload=link_element(url))
                await fetch_file(http, url, file)
                show(File(ALICE, BOB, file.name, file.media_type, len(file.content), record))
                records[file.name] = record
            program = make_program()
            text = await _refused(clients[ALICE], service, http, program)
            show(File(ALICE, BOB, program.name, program.media_type, len(program.content), text=text))
        except (RequestError, aiohttp.ClientError, TimeoutError) as err:
            raise UnexpectedError(f"a file was not sent: {err or 'no answer in time'}") from None
    return records


async def upload_file(
    client: TraderClient, service: str, http: aiohttp.ClientSession, file: MediaFile
) -> str:
    """Upload a file that must be taken; return its link. Raises UnexpectedError."""
    url, status, text = await _put(client, service, http, file)
    if status != 201:
        raise UnexpectedError(f"{file.name} was not taken: {status} {text}")
    return url


async def _refused(client: TraderClient, service: str, http: aiohttp.ClientSession, file: MediaFile) -> str:
    """Upload a file that must not be taken, and that nobody can fetch then; return the reason."""
    url, status, text = await _put(client, service, http, file)
    async with http.get(url) as response:
        if status == 201 or not text or response.status == 200:
            raise UnexpectedError(f"{file.name}, a program, was not refused with a reason: {status} {text}")
    return text


async def _put(
    client: TraderClient, service: str, http: aiohttp.ClientSession, file: MediaFile
) -> tuple[str, int, str]:
    """Put a file in a slot; return its link, the status and what the answer says."""
    slot = await request_slot(client, service, file.name, len(file.content), file.media_type)
    headers = {"Content-Type": file.media_type, **slot.headers}
    async with http.put(slot.put_url, data=file.content, headers=headers) as response:
        return slot.get_url, response.status, (await response.text()).strip()


async def fetch_file(http: aiohttp.ClientSession, url: str, file: MediaFile) -> None:
    """Fetch a file, which must be as it was uploaded; raises UnexpectedError."""
    async with http.get(url) as response:
        if response.status != 200 or await response.read() != file.content:
            raise UnexpectedError(f"{file.name} did not arrive as it was sent: {response.status}")
