"""What ejabberd's configuration says of the enterprise's other sites (docs/federation.md, docs/ejabberd.md); pure."""

from collections.abc import Iterator
from typing import Any

from components.site.ejabberd_web import TLS_OPTIONS
from components.site.planned_site import PlannedSite
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
    """Return which servers may talk to this one, and how: by TLS, with a certificate, and no other way.

    Without `mod_s2s_dialback` a server proves who it is by its certificate alone (XEP-0178).
    """
    if not plan.takes_sites or plan.certificates is None:
        return {"s2s_access": "nobody"}
    domains = [domain for site in plan.all_sites for domain in site.domains]
    return {
        "s2s_access": [{"allow": [{"server": domain}]} for domain in domains] or "nobody",
        "s2s_use_starttls": "required",
        # What no site is trusted by: `mod_federated_sites` names the authority of each.
        "s2s_cafile": str(plan.certificates / "ca.crt"),
        "s2s_protocol_options": list(TLS_OPTIONS),
        "s2s_max_retry_delay": RETRY_MAX_S,
    }


def sites_modules(plan: ProsodyPlan) -> dict[str, dict[str, Any]]:
    """Return the module that knows where each other site is, and whose certificates count for it."""
    if not plan.takes_sites:
        return {}
    sites = {domain: _site(site) for site in plan.all_sites for domain in site.domains}
    return {"mod_federated_sites": {"sites": sites, "streams": plan.site_streams}}


def _site(site: PlannedSite) -> dict[str, Any]:
    options: dict[str, Any] = {"authority": str(site.authority)}
    if site.pins:
        options["pins"] = list(site.pins)
    if site.address:
        options |= {"address": site.address, "port": site.port}
    return options
