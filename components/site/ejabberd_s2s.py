"""What ejabberd's configuration says of the enterprise's other sites (docs/ejabberd.md); pure."""

from collections.abc import Iterator
from typing import Any

from components.site.ejabberd_web import TLS_OPTIONS
from components.site.prosody import ProsodyPlan

SERVER_STANZA_MAX_BYTES = 512 * 1024
"""What another site may say at once: as much as Prosody takes."""

RETRY_MAX_S = 10
"""For how long at most nothing is sent to a site that could not be reached; ejabberd's own is five minutes."""


def sites_listeners(plan: ProsodyPlan) -> Iterator[dict[str, Any]]:
    """Yield the listener for other sites, if there are any."""
    if plan.takes_sites:
        yield {
            "port": plan.s2s_port,
            "ip": plan.address,
            "module": "ejabberd_s2s_in",
            "max_stanza_size": SERVER_STANZA_MAX_BYTES,
        }


def sites_options(plan: ProsodyPlan) -> dict[str, Any]:
    """Return which servers may talk to this one, and how: by TLS, with a certificate of `ca.crt`, and no other way.

    Without `mod_s2s_dialback` a server proves who it is by its certificate alone (XEP-0178).
    """
    if not plan.takes_sites or plan.certificates is None:
        return {"s2s_access": "nobody"}
    return {
        "s2s_access": [{"allow": [{"server": domain}]} for domain in plan.federated_domains] or "nobody",
        "s2s_use_starttls": "required",
        "s2s_cafile": str(plan.certificates / "ca.crt"),
        "s2s_protocol_options": list(TLS_OPTIONS),
        "s2s_max_retry_delay": RETRY_MAX_S,
    }
