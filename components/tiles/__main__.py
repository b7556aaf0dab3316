"""Run the server of tiles of a site: `python -m components.tiles SITE_TOML`."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from components.archive.store.open import StoreName
from components.settings.table import SettingsError
from components.settings.tiles import TilesSettings, load_served_logs, load_tiles
from components.tiles.server import TileServer


async def serve(settings: TilesSettings, logs: Mapping[str, StoreName]) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError when the port cannot be listened on."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = TileServer(logs)
    try:
        await server.start(settings.address, settings.port)
        _say("serving", address=settings.address, port=settings.port, logs=sorted(logs))
        await stopped.wait()
    finally:
        await server.close()


def main() -> int:
    """Run the server; exit status 0 when told to stop, 1 when it cannot listen, 2 for wrong settings."""
    try:
        site_toml = Path(sys.argv[1])
        asyncio.run(serve(load_tiles(site_toml), load_served_logs(site_toml)))
    except (SettingsError, IndexError) as error:
        _say("wrong settings", reason=str(error))
        return 2
    except OSError as error:
        _say("stopped", reason=str(error))
        return 1
    return 0


def _say(event: str, **details: object) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
