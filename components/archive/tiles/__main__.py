"""Run the server of tiles: `python -m components.archive.tiles ADDRESS PORT NAME=LOG...`."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from components.archive.store.open import StoreName, parse_store_name
from components.archive.tiles.server import TileServer


async def serve(address: str, port: int, logs: Mapping[str, StoreName]) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError when the port cannot be listened on."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = TileServer(logs)
    try:
        port = await server.start(address, port)
        _say("serving", address=address, port=port, logs=sorted(logs))
        await stopped.wait()
    finally:
        await server.close()


def main() -> int:
    """Run the server; exit status 0 when told to stop, 1 when it cannot listen, 2 for wrong use."""
    try:
        address, port, *named = sys.argv[1:]
        logs = {
            name: parse_store_name(path, Path()) for name, _, path in (each.partition("=") for each in named)
        }
        asyncio.run(serve(address, int(port), logs))
    except ValueError:
        _say("wrong use", reason="ADDRESS PORT NAME=LOG... is expected")
        return 2
    except OSError as error:
        _say("stopped", reason=str(error))
        return 1
    return 0


def _say(event: str, **details: object) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
