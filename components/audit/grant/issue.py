"""Issues a grant: joins the shares in memory, opens the segments' keys, and seals them to the auditor's own key."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from components.archive.grant import GrantTerms, seal_grant
from components.archive.keys import load_recipient_key
from components.archive.keys.private import remove_key
from components.archive.keys.recipient_text import parse_recipient
from components.archive.keys.shares import ShareError, join_shares
from components.archive.reader import LogReader
from components.archive.seal import EnvelopeOpener, SealError, SegmentKeys, open_segment_keys
from components.audit.access import record_finding, record_findings
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.grant.contribute import find_contribution_problem, open_contributions
from components.audit.grant.file import GrantFile, read_grant_file, write_grant_file
from components.audit.grant.fold import GrantState, RecordedGrant, fold_grants
from components.audit.grant.request import collector_file, find_recipient, require_worthy
from components.audit.matter.acts import fetch_deeds
from components.audit.matter.record import make_deed, make_event
from components.audit.matter.values import GrantAct
from components.process.errors import SiteError
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile


async def issue_grant(settings: SiteFile, by: Author, path: Path) -> GrantFile:
    """Make the grant of the shares that were contributed to it; raises SiteError, KeyFileError and LogError.

    The key that the shares give is in this process's memory for a moment, and nowhere else. The record of the grant is
    durable before the grant is.
    """
    file = read_grant_file(path)
    await _require_asked(settings, file.terms)
    await _require_worthy(settings, file)
    shares = open_contributions(file, load_recipient_key(collector_file(path)))
    try:
        key = join_shares([each.words for each in shares], find_recipient(settings, file.terms.opened_with))
    except ShareError as error:
        raise SiteError(f"{file.terms.id} cannot be issued: {error}") from None
    keys = await _open_segments(settings, file.terms, key)
    grant = seal_grant(file.terms, keys, parse_recipient(file.terms.recipient))
    details = {"grant": file.terms.id, "digest": file.terms.digest()}
    origin = settings.audit_log.origin
    deed = make_deed(by, GrantAct.ISSUE, file.terms.matter, origin, details)
    deeds = [*(each.as_deed(file.terms) for each in file.contributions), deed]
    await record_findings(settings, [make_event(each) for each in deeds])
    # Killed here: the log says that it was issued, and there is no grant; run it again.
    issued = replace(file, contributions=(), envelopes=grant.envelopes)
    write_grant_file(path, issued)
    remove_key(collector_file(path))
    return issued


async def revoke_grant(settings: SiteFile, author: Author, id_: str, reason: str) -> RecordedGrant:
    """Record that a grant does not count any more, and return it; raises SiteError and LogError.

    Who asked for it may do this, who has it, and who may add people to any matter.
    """
    by = author.auditor
    found = await find_grant(settings, by, id_)
    if found.revoked:
        raise SiteError(f"{id_} is revoked already")
    details = {"grant": id_, "reason": reason}
    deed = make_deed(author, GrantAct.REVOKE, found.matter, settings.audit_log.origin, details)
    await record_finding(settings, make_event(deed))
    return await find_grant(settings, by, id_)


async def list_grants(settings: SiteFile, by: Auditor) -> list[RecordedGrant]:
    """Return the grants that somebody may know of, in the order in which they were asked for."""
    found = fold_grants(await fetch_deeds(settings)).values()
    sees_all = by.enterprises is None and bool({"lead", "overseer"} & {role.value for role in by.roles})
    return [each for each in found if sees_all or by.id in (each.asked_by, each.auditor)]


async def find_grant(settings: SiteFile, by: Auditor, id_: str) -> RecordedGrant:
    """Return a grant that somebody may know of; raises SiteError and LogError."""
    for each in await list_grants(settings, by):
        if each.id == id_:
            return each
    raise SiteError(f"there is no grant {id_}; `steelyard audit grant list` shows those that you may see")


async def _require_asked(settings: SiteFile, terms: GrantTerms) -> None:
    """Check that just these terms were recorded, and are neither over nor revoked; raises SiteError and LogError."""
    deeds = await fetch_deeds(settings)
    recorded = fold_grants(deeds).get(terms.id)
    if recorded is None or recorded.digest != terms.digest():
        raise SiteError(
            f"nobody asked for {terms.id} in these terms: the file was altered, or is of another site"
        )
    # A clock that was set back does not make a request last longer.
    state = recorded.state(max(time.time_ns(), deeds[-1].recorded_at_ns))
    if state in (GrantState.OVER, GrantState.REVOKED):
        raise SiteError(f"{terms.id} is {state}")


async def _require_worthy(settings: SiteFile, file: GrantFile) -> None:
    """Check that the auditor may still have it, and that who contributed has signed; raises SiteError and LogError."""
    await require_worthy(settings, file.terms.auditor, file.terms.matter)
    reviewers, now_s = load_reviewers(settings), int(time.time())
    for each in file.contributions:
        if problem := find_contribution_problem(file, each, reviewers, now_s):
            raise SiteError(
                f"the share of {each.by} does not count: {problem}; contribute it anew, with --key"
            )


async def _open_segments(
    settings: SiteFile, terms: GrantTerms, key: EnvelopeOpener
) -> Mapping[int, SegmentKeys]:
    log = next((each for each in settings.logs if each.origin == terms.log), None)
    if log is None:
        raise SiteError(f"the grant is for {terms.log}, which is no log of this site")
    reader = await LogReader.open(log.store)
    opened = {}
    try:
        for number in terms.segments:
            rows = await reader.source.fetch_segments(number, number + 1)
            if not rows or rows[0].keys is None:
                raise SiteError(f"the keys of segment {number} are gone: ask for the others")
            try:
                opened[number] = open_segment_keys(rows[0].keys, log.origin, number, [key])
            except SealError as error:
                raise SiteError(str(error)) from None
    finally:
        await reader.close()
    return opened
