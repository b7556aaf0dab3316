"""The connections that each machine has open: one that opens ever more takes no place from others."""

import asyncio
from collections import defaultdict


class Connections:
    """Counts at most so many connections of each machine."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: defaultdict[str, set[asyncio.BaseTransport]] = defaultdict(set)

    def admit(self, machine: str, transport: asyncio.BaseTransport | None) -> bool:
        """Return whether a machine may ask on a connection, which counts from now until it is closed."""
        found = {each for each in self._open[machine] if not each.is_closing()}
        if transport is not None and len(found | {transport}) <= self._most:
            found.add(transport)
        self._open[machine] = found
        return transport in found
