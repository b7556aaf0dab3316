"""What reviewers on their own machines ask of the line: checked here, and then by the log's writer itself."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from components.archive.log.note import VerifierKey
from components.archive.orders.order import OrderError, verify_order
from components.archive.orders.request import OrderRequestError, check_request, name_request, parse_request
from components.archive.store.open import open_requests
from components.feed.machines import Machine
from components.link.review_request import (
    FILE_REQUEST_PREFIX,
    LIST,
    REQUEST_PREFIX,
    ReviewAnswer,
    ReviewRequestError,
    encode_review_answer,
    parse_review_answer,
    parse_review_request,
)
from components.rules.reviewers import NOT_SIGNED, Reviewers, read_note
from components.settings.log import LogSettings
from policy.directory.directory import Directory
from policy.review import ReviewAct
from policy.supervision.act import ActError
from policy.supervision.once import CLOCK_SLACK_S
from policy.supervision.parties import find_parties

MAX_REQUEST_BYTES = 64 * 1024
MAX_ORDER_BYTES = 16 * 1024 * 1024
"""An order's envelopes are about 1 kB for each segment in which it erases something."""

KEPT_S = 2.0 * CLOCK_SLACK_S
"""For so long an answer that its machine has not taken is kept, and an act is known that was handed in."""

_ID = re.compile(rf"({REQUEST_PREFIX}|{FILE_REQUEST_PREFIX})([0-9a-f]{{32}})")
_LOOK_EVERY_S = 0.05


def is_order(id_: str) -> bool:
    """Return whether a request is an order: every other has a colon in its id."""
    return ":" not in id_


class RequestRefused(ValueError):  # noqa: N818 - the condition is the name
    """A machine asks for what it may not ask for; the message says why."""


class Requests:
    """Passes requests of machines on to the writers of logs: `prefixes` are by the log's name.

    `orders` are the names of those whose writers always run, and take orders.

    A request has the id that its machine gave it: handed in again, after a cut, it is not carried out again.
    """

    def __init__(
        self,
        logs: Mapping[str, LogSettings],
        prefixes: Mapping[str, str],
        clock_s: Callable[[], float] = time.time,
        orders: Collection[str] = (),
    ) -> None:
        self._logs = logs
        self._prefixes = prefixes
        self._orders = frozenset(orders)
        self._clock_s = clock_s
        # Acts that were handed in, with the request and the time; and requests that wait to be taken or forgotten.
        self._acts: dict[str, tuple[str, float]] = {}
        self._handed_in: dict[tuple[str, str], float] = {}

    def check_order(self, name: str, id_: str, body: bytes, approvers: Sequence[VerifierKey]) -> None:
        """Check an order to a log's writer, which checks it again before it carries it out; raises RequestRefused."""
        if name not in self._orders:
            raise RequestRefused("this log takes no orders from here: give them on the server")
        try:
            request = parse_request(body)
            order = verify_order(request.order, approvers)
            check_request(request, order)
        except (OrderError, OrderRequestError) as error:
            raise RequestRefused(str(error)) from None
        if order.id != id_ or order.log != self._logs[name].origin:
            raise RequestRefused(f"the order is {order.id} on {order.log}")

    def check(self, machine: Machine, name: str, id_: str, body: bytes, reviewers: Reviewers) -> None:
        """Check a request to a log's writer; raises RequestRefused."""
        match = _ID.fullmatch(id_)
        if match is None or self._prefixes.get(name) != match[1]:
            raise RequestRefused("this log takes no such request")
        try:
            request = parse_review_request(body)
            if request.act == LIST:
                return
            ReviewAct(request.act)
            act, signature = read_note(request.statement)
        except (ReviewRequestError, ActError, ValueError):
            raise RequestRefused("not a signed decision of a reviewer") from None
        if not reviewers.must_sign or not signature:
            raise RequestRefused(NOT_SIGNED)
        if act.by not in machine.auditors:
            raise RequestRefused(f"{act.by} does not work on the machine {machine.id}")
        now_s = self._clock_s()
        item, origin = f"{name}/{request.record}", self._logs[name].origin
        if problem := reviewers.find_statement_problem(act, signature, request, item, origin, int(now_s)):
            raise RequestRefused(problem)
        self._require_new(f"{act.by} {act.id}", self._name(machine, id_), now_s)

    async def hand_in(self, machine: Machine, name: str, id_: str, body: bytes) -> None:
        """Hand a request in that was checked; if it was before, nothing is done. Raises LogUnavailable."""
        box = await open_requests(self._logs[name].store)
        try:
            own = self._name(machine, id_)
            if await box.fetch_answer(own) is None:
                # Killed here, or cut: the machine hands it in again, under the same id.
                await box.submit_request(own, body)
            self._handed_in[name, own] = self._clock_s()
        finally:
            await box.close()

    async def find_answer(
        self, machine: Machine, name: str, id_: str, wait_s: float, directory: Directory
    ) -> str | None:
        """Return the writer's answer, None while there is none; of what is held, what the machine may see."""
        box = await open_requests(self._logs[name].store)
        try:
            own, give_up_at_s = self._name(machine, id_), time.monotonic() + wait_s
            answer = await box.fetch_answer(own)
            while answer is None and time.monotonic() < give_up_at_s:
                await asyncio.sleep(_LOOK_EVERY_S)
                answer = await box.fetch_answer(own)
        finally:
            await box.close()
        return answer if answer is None or is_order(id_) else _leave_out(answer, machine, directory)

    async def withdraw(self, machine: Machine, name: str, id_: str) -> None:
        """Forget a request with its answer; raises LogUnavailable."""
        await self._forget(name, self._name(machine, id_))

    async def forget_old(self) -> None:
        """Forget requests whose machines did not come back for the answer; raises LogUnavailable."""
        over_s = self._clock_s() - KEPT_S
        for (name, own), at_s in list(self._handed_in.items()):
            if at_s < over_s:
                await self._forget(name, own)
        self._acts = {act: each for act, each in self._acts.items() if each[1] >= over_s}

    async def _forget(self, name: str, own: str) -> None:
        box = await open_requests(self._logs[name].store)
        try:
            await box.withdraw_request(own)
        finally:
            await box.close()
        self._handed_in.pop((name, own), None)

    def _require_new(self, act: str, own: str, now_s: float) -> None:
        known, _ = self._acts.setdefault(act, (own, now_s))
        if known != own:
            raise RequestRefused("this act was handed in before")

    def _name(self, machine: Machine, id_: str) -> str:
        """Return a request's id in the writer's table: no two machines share one."""
        if is_order(id_):
            return name_request(id_, machine.id)
        prefix, _, number = id_.rpartition(":")
        return f"{prefix}:{machine.id}:{number}"


def _leave_out(text: str, machine: Machine, directory: Directory) -> str:
    """Return an answer without what is held of enterprises that nobody on the machine may see."""
    try:
        answer: ReviewAnswer = parse_review_answer(text)
    except ReviewRequestError:
        return text
    held = tuple(
        each for each in answer.held if machine.may_see(find_parties(directory, (each.sender, each.to)))
    )
    return encode_review_answer(replace(answer, held=held))
