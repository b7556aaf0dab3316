"""A client of slixmpp that sends one file, or saves one that comes, by its own plugins; it trusts what the system does.

Run it with: JID, HOST, PORT, FILE, and to send, the address of who gets it.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
from slixmpp import ClientXMPP

from tests.support.prosody import PASSWORD


async def _log_in(jid: str, host: str, port: int) -> Any:
    client: Any = ClientXMPP(jid, PASSWORD)
    client.enable_direct_tls = False
    for plugin in ("xep_0030", "xep_0066", "xep_0363"):
        client.register_plugin(plugin)
    begun = client.wait_until("session_start", 60)
    client.connect(host, port)
    await begun
    return client


async def send(client: Any, file: Path, to: str) -> None:
    """Upload a file, and send its link."""
    url = await client.plugin["xep_0363"].upload_file(file, timeout=60)
    message = client.make_message(mto=to, mbody=url, mtype="chat")
    message["oob"]["url"] = url
    message.send()
    print(url, flush=True)


async def save(client: Any, file: Path) -> None:
    """Wait for a message with a file, and save it."""
    coming = client.wait_until("message", 60)
    client.send_presence()
    print("online", flush=True)
    message = await coming
    async with aiohttp.ClientSession() as http, http.get(message["oob"]["url"]) as response:
        response.raise_for_status()
        content = await response.read()
    await asyncio.to_thread(file.write_bytes, content)


async def _main(jid: str, host: str, port: str, file: str, *to: str) -> None:
    client = await _log_in(jid, host, int(port))
    await (send(client, Path(file), *to) if to else save(client, Path(file)))
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
