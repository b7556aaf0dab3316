"""Keeps the server's accounts as admission says: makes, suspends and removes them, revocations first."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping

import structlog

from components.access.accounts import Asking, add_account, delete_account, end_sessions
from components.access.memory import AccountState, Memory
from components.access.password import PasswordError, PasswordFolder
from components.link.entity import EntityError
from components.process.backoff import Backoff

log = structlog.get_logger("access")


class AccountKeeper:
    """Brings accounts to their wanted state, one after the other, while the link is up."""

    def __init__(self, link: Asking, memory: Memory, passwords: PasswordFolder) -> None:
        self._link = link
        self._memory = memory
        self._passwords = passwords
        self._wanted: dict[str, AccountState] = {}
        self._pauses: dict[str, Backoff] = {}
        self._wake = asyncio.Event()
        self._is_up = False

    def want(self, wanted: Mapping[str, AccountState]) -> None:
        """Set the wanted state of accounts, by bare JID; all other accounts stay as they are."""
        self._wanted = dict(wanted)
        self._pauses = {jid: pause for jid, pause in self._pauses.items() if jid in wanted}
        self._wake.set()

    def link_changed(self, *, connected: bool) -> None:
        """Note that the server is connected, or is not."""
        self._is_up = connected
        self._wake.set()

    @property
    def pending(self) -> int:
        """Count the accounts that do not have their wanted state yet."""
        return sum(self._memory.accounts.get(jid) != account for jid, account in self._wanted.items())

    @property
    def stuck(self) -> tuple[str, ...]:
        """Accounts whose last try failed, each with the reason."""
        return tuple(f"{jid}: {pause.fault}" for jid, pause in self._pauses.items() if pause.fault)

    async def run(self) -> None:
        """Work until cancelled. Try failed accounts again after growing pauses, while the others go on."""
        while True:
            pause_s = await self._work_off() if self._is_up else None
            self._memory.store()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            self._wake.clear()

    async def _work_off(self) -> float | None:
        """Do what is due; return after how many seconds there is more, or None if only a change brings more."""
        while self._is_up and (job := self._next_job()) is not None:
            pause = self._pauses.setdefault(job[0], Backoff())
            try:
                await self._carry_out(*job)
                del self._pauses[job[0]]
            except (EntityError, PasswordError, OSError) as error:
                if pause.failed(str(error), time.monotonic()):
                    log.error("an account is not as it should be", account=job[0], reason=str(error))
                self._memory.store()
        now_s = time.monotonic()
        return min((pause.due_in_s(now_s) for pause in self._pauses.values()), default=None)

    def _next_job(self) -> tuple[str, AccountState] | None:
        """Return the next account to change. Revocations come before admissions, of which there may be thousands."""
        now_s = time.monotonic()
        found: tuple[str, AccountState] | None = None
        for jid, account in self._wanted.items():
            paused = jid in self._pauses and not self._pauses[jid].is_due(now_s)
            if self._memory.accounts.get(jid) != account and not paused:
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
                # Remove the account first: then nobody can log in again, and the server ends the sessions itself.
                await delete_account(self._link, jid)
                self._passwords.drop(jid)
        # Killed here: the next start does it again, which changes nothing.
        self._memory.set_account(jid, account)
        log.info("account", account=jid, state=account.value)

    async def _make(self, jid: str) -> None:
        was_drafted = self._passwords.is_drafted(jid)
        if not was_drafted:
            self._passwords.draft(jid)
        # This password goes over the line and into the record, so it is valid only until the next step.
        is_new = await add_account(self._link, jid, secrets.token_urlsafe(32))
        if is_new or was_drafted:
            await self._passwords.hand_over(jid)
        else:
            self._passwords.drop_draft(jid)
