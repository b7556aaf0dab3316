"""Asks the writer of a log to do something for a reviewer, and waits for its answer (docs/review.md)."""

import asyncio
import time
import uuid

from components.archive.store.open import StoreName, open_requests
from components.link.review_request import (
    FETCH_PREFIX,
    ReviewAnswer,
    ReviewRequest,
    ReviewRequestError,
    ShutRequest,
    encode_review_request,
    parse_review_answer,
)
from components.process.errors import SiteError

_ASK_EVERY_S = 0.05


class NoAnswerError(SiteError):
    """Nobody has answered in time: what would have to does not run."""


async def ask_writer(
    store: StoreName, prefix: str, request: ReviewRequest | ShutRequest, timeout_s: float, who: str
) -> ReviewAnswer:
    """Return the answer to a request; withdraw one that is not answered in time.

    `prefix` says whom it is for, `who` calls them by name. Raises SiteError (NoAnswerError if nobody answers) and
    LogError.
    """
    answer = await _ask(store, prefix, encode_review_request(request), timeout_s)
    if answer is None:
        raise NoAnswerError(
            f"{who} does not answer: see whether the site is up, then `steelyard review list`"
        )
    return answer


async def ask_for_file(store: StoreName, record: int, timeout_s: float) -> ReviewAnswer | None:
    """Have the follower of a feed fetch the file of a record, and return its answer; None for none in time.

    Then the file comes all the same, while the follower runs. Raises SiteError and LogError.
    """
    return await _ask(store, FETCH_PREFIX, str(record).encode(), timeout_s)


async def _ask(store: StoreName, prefix: str, body: bytes, timeout_s: float) -> ReviewAnswer | None:
    box = await open_requests(store)
    id_ = f"{prefix}{uuid.uuid4().hex}"
    try:
        await box.submit_request(id_, body)
        give_up_at_s = time.monotonic() + timeout_s
        text = await box.fetch_answer(id_)
        while text is None and time.monotonic() < give_up_at_s:
            await asyncio.sleep(_ASK_EVERY_S)
            text = await box.fetch_answer(id_)
        # Killed before this: the request stays, and is carried out.
        await box.withdraw_request(id_)
        return None if text is None else parse_review_answer(text)
    except ReviewRequestError as error:
        raise SiteError(str(error)) from None
    finally:
        await box.close()
