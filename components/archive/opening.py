"""Finds, before a writer continues a log, differences that an operator must accept first."""

from components.archive.errors import LogDamaged
from components.archive.last_signed import LastSigned, LastSignedMissing, Loss
from components.archive.log.note import NoteSigner
from components.archive.store import LogSource
from components.archive.tail import TailKey, UnprovedTail, find_unproved

Departure = Loss | LastSignedMissing | UnprovedTail
"""A difference between a log and what its writer left; if it is accepted, its alarm is recorded."""


async def find_departures(
    source: LogSource | None, last: LastSigned | None, key: TailKey | None
) -> list[Departure]:
    """Compare a log, None if there is none, with the files outside it; raises LogDamaged and LogUnavailable.

    Without `key`, it does not check unsigned records; without `last`, it checks nothing else.
    """
    found: list[Departure] = []
    if last is not None and (loss := await last.find_loss(source)) is not None:
        found.append(loss)
    if source is not None and key is not None:
        row = await source.fetch_newest_checkpoint()
        tail = None if row is None else await find_unproved(source, row.size, key)
        found += [] if tail is None else [tail]
    return found


async def require_accepted(
    found: list[Departure], source: LogSource | None, last: LastSigned | None, signer: NoteSigner
) -> None:
    """Raise LogDamaged, which says what to do, if there is a difference that nobody has accepted."""
    if not found or (last is not None and await last.is_accepted(source)):
        return
    raise LogDamaged(
        f"{signer.verifier_key.name}: {'; '.join(map(str, found))}. Restore the newest state (`steelyard restore`); if"
        " there is none, `steelyard restore --accept-loss` lets it go on, and records that"
    )
