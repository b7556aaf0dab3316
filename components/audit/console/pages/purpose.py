"""Why an auditor looks: a matter and a reason, which every look of the session then records."""

import re

from aiohttp import web

from components.audit.access import Purpose
from components.audit.console.visit import Visit
from components.audit.purpose import check_purpose

_MOST_CHARACTERS = 500
# Pages that ask for a reason, and are gone back to: no other address, of this console or of another host.
_BACK = re.compile(r"/(?:record|conversation)/[\w-]+/\d+")


async def state_purpose(visit: Visit) -> web.StreamResponse:
    """Keep why the auditor looks, for this session; raises SiteError for a matter that is not theirs, or closed."""
    session = visit.own_session
    matter, reason = visit.said("matter").strip(), " ".join(visit.said("reason").split())[:_MOST_CHARACTERS]
    if matter:
        await visit.record(lambda: check_purpose(visit.console.site, visit.who, Purpose(matter, reason)))
    session.matter, session.reason = matter, reason
    back = visit.said("back")
    return visit.go_to(back if _BACK.fullmatch(back) else "/account")
