"""Alice writes to Bob, on the machine: `talk.py COUNT`; prints as JSON what became of it.

Both acknowledge the notice first, with the passwords that the access component has left for them.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from components.link.client import TraderClient

SITE = Path("/etc/steelyard")
PASSWORDS = Path("/var/lib/steelyard/access/passwords")
ACCESS = "access.steelyard.example"
PAUSE_S = 0.02


async def log_in(jid: str) -> TraderClient:
    """Log in, and say that one knows of the recording."""
    password = (PASSWORDS / jid).read_text().strip()
    client = TraderClient(jid, password, "127.0.0.1", 5222, SITE / "certs/ca.crt")
    await client.connect(timeout_s=20.0)
    await client.receive()
    client.write(f"notice@{ACCESS}", "yes")
    await client.receive()
    return client


async def talk(count: int) -> dict[str, object]:
    """Send so many messages, and return how many arrived, whether in order, and the longest wait for a receipt."""
    alice, bob = await log_in("alice@metals.example"), await log_in("bob@metals.example")
    print("logged in", flush=True)

    async def send(number: int) -> tuple[bool, float]:
        began_s = time.monotonic()
        sent = await alice.send_chat("bob@metals.example", f"offer {number}", timeout_s=90.0)
        return sent.delivered, time.monotonic() - began_s

    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(send(number)))
        await asyncio.sleep(PAUSE_S)
    done = await asyncio.gather(*tasks)
    said = [bob.inbox.get_nowait().body for _ in range(bob.inbox.qsize())]
    await alice.close()
    await bob.close()
    return {
        "delivered": sum(delivered for delivered, _ in done),
        "once and in order": said == [f"offer {number}" for number in range(count)],
        "longest_s": round(max(took_s for _, took_s in done), 3),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(talk(int(sys.argv[1])))))
