"""Lets approvers sign an order's file, and gives it to the log's writer."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from components.archive.errors import LogBusy, LogUnavailable
from components.archive.keys import KeyFileError, load_log_key, load_recipient
from components.archive.keys.reference import KeyReferenceError, parse_key_reference
from components.archive.keys.rotation import open_log_writer
from components.archive.log.note import VerifierKey
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.order import OrderError, approve_order, require_approver, verify_order
from components.archive.orders.request import OrderAnswer, OrderRequestError, encode_request, parse_answer
from components.archive.store import RequestBox
from components.archive.store.open import open_requests, open_source, open_store
from components.archive.writer import LogWriter
from components.audit.orders.file import OrderFile, read_order_file, write_order_file
from components.process.errors import SiteError
from components.settings.archive import load_approvers, load_retention
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError

_RETRY_S = 0.2


def approve_file(path: Path, key: str, approvers: Sequence[VerifierKey] | None) -> OrderFile:
    """Sign the order in a file with the key at this place (docs/keys.md); raises SiteError.

    It refuses signatures that would not count. `approvers` are the site's, or None if the site is not here.
    """
    file = read_order_file(path)
    try:
        signer = load_log_key(parse_key_reference(key, Path.cwd()))
        if approvers is not None:
            require_approver(signer.verifier_key, approvers)
        note = approve_order(file.request.order, signer)
    except (KeyFileError, KeyReferenceError, OrderError) as error:
        raise SiteError(str(error)) from None
    write_order_file(path, replace(file.request, order=note))
    return read_order_file(path)


def fetch_approvers(settings: SiteFile) -> list[VerifierKey]:
    """Return the approvers' keys, two of which must have signed an order; raises SiteError."""
    try:
        return load_approvers(settings.archive.approvers)
    except KeyFileError as error:
        raise SiteError(f"archive.approvers: {error}") from None


async def hand_over(
    settings: SiteFile, log: LogSettings, file: OrderFile, timeout_s: float
) -> OrderAnswer | None:
    """Give an order to the log's writer, or be its writer if none runs; return the result.

    On a machine that follows a feed, the writer is at the site.

    Returns None if there is no answer in time: the request stays, and will still be carried out. Raises SiteError for
    an order that no writer would accept, and LogError.
    """
    if not file.signed_by:
        raise SiteError("nobody has approved this order; two must: steelyard archive approve FILE --key KEY")
    approvers = fetch_approvers(settings)
    try:
        verify_order(file.request.order, approvers)
    except OrderError as error:
        unknown = sorted(set(file.signed_by) - {key.name for key in approvers})
        more = f"; {', '.join(unknown)} signed it, and is none of archive.approvers" if unknown else ""
        raise SiteError(f"the order is not approved: {error}{more}") from None
    box = await open_requests(log.store)
    try:
        await box.submit_request(file.order.id, encode_request(file.request).encode())
        answer = await _wait_for_answer(settings, log, box, file.order.id, timeout_s)
        if answer is not None:
            await box.withdraw_request(file.order.id)
        return answer
    finally:
        await box.close()


async def _wait_for_answer(
    settings: SiteFile, log: LogSettings, box: RequestBox, id_: str, timeout_s: float
) -> OrderAnswer | None:
    give_up_at_s = time.monotonic() + timeout_s
    while True:
        try:
            if (text := await box.fetch_answer(id_)) is not None:
                return parse_answer(text)
            if settings.follow is None or log == settings.audit_log:
                await _serve(settings, log)
            # Else the follower of the feed carries it to the log's writer, and brings the answer.
        except LogBusy:
            pass  # its writer runs, and looks for requests each second
        except OrderRequestError as error:
            raise SiteError(str(error)) from None
        if time.monotonic() > give_up_at_s:
            return None
        await asyncio.sleep(_RETRY_S)


async def _serve(settings: SiteFile, log: LogSettings) -> None:
    """Be the log's writer for a moment; raises LogBusy if there is another."""
    writer = await _open_writer(settings, log)
    try:
        source = await open_source(log.store)
        try:
            policy, approvers = (
                load_retention(settings.archive.retention),
                load_approvers(settings.archive.approvers),
            )
            await OrderExecutor(writer, source, log.origin, policy, approvers).serve()
        finally:
            await source.close()
    except LogUnavailable:
        await writer.recover()  # which tells whether the error is permanent
    except (SettingsError, KeyFileError) as error:
        raise SiteError(str(error)) from None
    finally:
        await writer.close()


async def _open_writer(settings: SiteFile, log: LogSettings) -> LogWriter:
    store = await open_store(log.store)
    try:
        recipients = [load_recipient(path) for path in settings.archive.recipients]
    except KeyFileError as error:
        await store.close()
        raise SiteError(str(error)) from None
    try:
        return await open_log_writer(store, log.key_file, log.origin, recipients)
    except KeyFileError as error:
        raise SiteError(f"no process writes {log.name} now, and this one cannot: {error}") from None
