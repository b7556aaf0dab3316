"""A demonstration's console, and the link that logs its auditor in."""

import time
from pathlib import Path

from components.audit.access import name_actor
from components.audit.auditor import list_auditors
from components.audit.console.login.link import load_link_key, make_link
from components.settings.site import SiteFile

# A name that every browser on this machine finds, without DNS, and with which passkeys work.
_HOST = "localhost"
_LINK_LIFETIME_S = 12 * 3600


def console_table(port: int) -> str:
    """Write the `[console]` table of a demonstration's site.toml."""
    return (
        "\n[console]                              # search, read, review and prove in a browser (docs/console.md)\n"
        f"port = {port}\n"
        f'host = "{_HOST}"\n'
        f'certificate = "certs/{_HOST}.crt"\n'
        'link_key_file = "keys/console.link"\n'
        'state_file = "run/console.json"\n'
        'status_file = "run/console.status.json"\n'
    )


def make_auditor_link(settings: SiteFile) -> str:
    """Return a one-time link that logs in the first auditor, or whoever runs this; empty without a console."""
    console = settings.console
    if console is None:
        return ""
    listed = list_auditors(settings)
    auditor = listed[0].id if listed else name_actor()
    return make_link(
        load_link_key(console.link_key_file), console.origin, auditor, time.time(), _LINK_LIFETIME_S
    )


def authority_of(settings: SiteFile) -> Path:
    """Return the certificate that a browser has to trust, or it warns."""
    return settings.prosody.certificates / "ca.crt"
