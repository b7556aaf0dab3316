"""Keeps the server's accounts as admission has them: makes, suspends and removes them, revocations first."""

import asyncio
import secrets
from collections.abc import Mapping

import structlog

from components.access.accounts import Asking, add_account, delete_account, end_sessions
from components.access.memory import AccountState, Memory
from components.access.password import PasswordError, PasswordFolder
from components.link.entity import EntityError

_RETRY_S = 2.0

log = structlog.get_logger("access")


class AccountKeeper:
    """Brings accounts to where they should be, one after the other, for as long as the link is up."""

    def __init__(self, link: Asking, memory: Memory, passwords: PasswordFolder) -> None:
        self._link = link
        self._memory = memory
        self._passwords = passwords
        self._wanted: dict[str, AccountState] = {}
        self._wake = asyncio.Event()
        self._is_up = False

    def want(self, wanted: Mapping[str, AccountState]) -> None:
        """Say how accounts should be, by bare JID; all others are left as they are."""
        self._wanted = dict(wanted)
        self._wake.set()

    def link_changed(self, *, connected: bool) -> None:
        """Be told that the server is there, or is not."""
        self._is_up = connected
        self._wake.set()

    @property
    def pending(self) -> int:
        """Count the accounts that are not yet as they should be."""
        return sum(self._memory.accounts.get(jid) != account for jid, account in self._wanted.items())

    async def run(self) -> None:
        """Work until cancelled; what fails is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._is_up and (job := self._next_job()) is not None:
                try:
                    await self._carry_out(*job)
                except (EntityError, PasswordError, OSError) as error:
                    log.error("an account is not as it should be", account=job[0], reason=str(error))
                    self._memory.store()
                    await asyncio.sleep(_RETRY_S)
            self._memory.store()

    def _next_job(self) -> tuple[str, AccountState] | None:
        """Return the next account to change; those to put out come before those to let in, who may be thousands."""
        found: tuple[str, AccountState] | None = None
        for jid, account in self._wanted.items():
            if self._memory.accounts.get(jid) != account:
                if account is not AccountState.PRESENT:
                    return jid, account
                found = found or (jid, account)
        return found

    async def _carry_out(self, jid: str, account: AccountState) -> None:
        match account:
            case AccountState.PRESENT:
                await self._make(jid)
            case AccountState.SUSPENDED:
                await end_sessions(self._link, jid)
            case AccountState.ABSENT:
                # The account first: nobody can log in again, and the server ends the sessions itself.
                await delete_account(self._link, jid)
                self._passwords.drop(jid)
        # Killed here: it is done again, which changes nothing.
        self._memory.set_account(jid, account)
        log.info("account", account=jid, state=account.value)

    async def _make(self, jid: str) -> None:
        was_drafted = self._passwords.is_drafted(jid)
        if not was_drafted:
            self._passwords.draft(jid)
        # This one goes over the line and into the record, so it holds only until the next step.
        is_new = await add_account(self._link, jid, secrets.token_urlsafe(32))
        if is_new or was_drafted:
            await self._passwords.hand_over(jid)
        else:
            self._passwords.drop_draft(jid)
