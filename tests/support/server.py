"""The server that the tests use which can use either: Prosody, or what STEELYARD_SERVER says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from components.site.prosody import ProsodyPlan
from tests.support.ejabberd import EjabberdServer
from tests.support.prosody import ProsodyServer


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server does otherwise than another, where the same tests are run against both."""

    name: str
    adds_to_messages: tuple[str, ...]
    """What it puts into a message on its way to a client, besides what its sender and the gate did."""


PROSODY = Quirks("prosody", ("{urn:xmpp:sid:0}stanza-id",))
EJABBERD = Quirks("ejabberd", ("{urn:xmpp:sid:0}stanza-id", "{urn:xmpp:mam:tmp}archived"))

SERVER = {each.name: each for each in (PROSODY, EJABBERD)}[os.environ.get("STEELYARD_SERVER", "prosody")]


def private_server(
    plan: ProsodyPlan,
    *,
    peers: Mapping[str, tuple[str, int]] | None = None,
    options: Mapping[str, str] | None = None,
) -> ProsodyServer | EjabberdServer:
    """Return a server for a plan; `peers` and `options` are those of `ProsodyServer`."""
    kind = EjabberdServer if SERVER is EJABBERD else ProsodyServer
    return kind(plan, peers=peers, options=options)
