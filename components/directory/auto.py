"""Applies each push at once, with the same checks as `steelyard directory apply`."""

import asyncio

import structlog

from components.directory.apply import ApplyRefusedError, SiteDirectory, apply_site, plan_site
from components.directory.people import SourceError
from components.directory.plan import PlanError
from policy.directory.enterprise import EnterpriseId

log = structlog.get_logger("directory")


class AutoApply:
    """Applies the sources of one enterprise whenever something was pushed."""

    def __init__(self, site: SiteDirectory, enterprise: str) -> None:
        self._site = site
        self._enterprise = EnterpriseId(enterprise)
        self._pushed = asyncio.Event()
        # Killed between a push and this: the next start applies the push.
        self._pushed.set()

    def pushed(self) -> None:
        """Note that something new was pushed."""
        self._pushed.set()

    async def run(self) -> None:
        """Apply until cancelled; apply pushes that come meanwhile together, and log refusals."""
        while True:
            await self._pushed.wait()
            self._pushed.clear()
            await asyncio.to_thread(self._apply)

    def _apply(self) -> None:
        try:
            plan = apply_site(self._site, {self._enterprise})
        except ApplyRefusedError as error:
            log.error("not applied", enterprise=self._enterprise, reasons=list(error.plan.refusals))
        except (SourceError, PlanError) as error:
            log.error("not applied", enterprise=self._enterprise, reasons=list(error.problems))
        except OSError as error:
            log.error("not applied", enterprise=self._enterprise, reasons=[str(error)])
        else:
            log.info("applied", enterprise=self._enterprise, changes=len(plan.changes))


def find_unapplied(site: SiteDirectory) -> list[str]:
    """Return the changes that were not applied automatically and wait for an operator."""
    problems: list[str] = []
    for source in site.settings.scim:
        if not source.auto or not source.state.exists():
            continue
        try:
            waiting = len(plan_site(site, {EnterpriseId(source.enterprise)}).changes)
        except (SourceError, PlanError) as error:
            problems += error.problems
            continue
        if waiting:
            problems.append(
                f"{waiting} pushed changes of {source.enterprise} are not applied; see `steelyard directory plan`"
            )
    return problems
