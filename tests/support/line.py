"""A recorded line for a test: a real server with the adapter, the real gate, accounts that may log in."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.server import private_server
from tests.support.stream import XmppStream


class Line:
    """One site under test, below `root`; `people` and `rooms` are bare JIDs of one enterprise.

    `directory` replaces the directory that is made of them; `rules` are further settings of the gate; `options` are
    those of `ProsodyServer`, `changes` fields of `ProsodyPlan`.
    """

    def __init__(
        self,
        root: Path,
        people: Iterable[str],
        rooms: Iterable[str] = (),
        *,
        directory: str = "",
        rules: Mapping[str, str] | None = None,
        options: dict[str, str] | None = None,
        **changes: Any,
    ) -> None:
        accounts = tuple(people)
        plan = gated_plan(root / "prosody", **changes)
        self.prosody = private_server(plan, options=options)
        self.prosody.register(*accounts)
        # With canaries in every gap between what the test says: whatever breaks, they must not be in the way.
        self.gate = GateProcess(
            root / "gate",
            plan,
            directory or one_enterprise(accounts, rooms),
            canary_interval_s=0.2,
            **(rules or {}),
        )

    async def __aenter__(self) -> Self:
        await self.prosody.start()
        try:
            await self.gate.start()
        except BaseException:
            await self.prosody.kill9()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.prosody.kill9()
        await self.gate.stop()

    async def login(self, jid: str) -> XmppStream:
        """Log in with a full or bare JID; returns the bound session, which has sent no presence."""
        return await XmppStream.login(self.prosody.address, jid)
