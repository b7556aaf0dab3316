"""The server that the tests use which can use either: Prosody, or what STEELYARD_SERVER says."""

import os
from collections.abc import Mapping

from components.site.ejabberd import EJABBERD, PROSODY, Quirks
from components.site.prosody import ProsodyPlan
from tests.support.ejabberd import EjabberdServer
from tests.support.prosody import ProsodyServer

SERVER: Quirks = {each.name: each for each in (PROSODY, EJABBERD)}[
    os.environ.get("STEELYARD_SERVER", "prosody")
]


def private_server(
    plan: ProsodyPlan,
    *,
    peers: Mapping[str, tuple[str, int]] | None = None,
    options: Mapping[str, str] | None = None,
) -> ProsodyServer | EjabberdServer:
    """Return a server for a plan; `peers` and `options` are those of `ProsodyServer`."""
    kind = EjabberdServer if SERVER is EJABBERD else ProsodyServer
    return kind(plan, peers=peers, options=options)
