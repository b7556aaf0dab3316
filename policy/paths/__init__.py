"""Every way from one person to another, as stanzas that can be decided on and really sent (docs/paths.md)."""

from policy.paths.messages import MESSAGES
from policy.paths.nodes import NODES
from policy.paths.path import Closed, Path, PathEnds, Template, Through, fill_facts, render_stanza
from policy.paths.presence import PRESENCE
from policy.paths.queries import QUERIES
from policy.paths.rooms import ROOMS
from policy.paths.servers import SERVERS

PATHS: tuple[Path, ...] = MESSAGES + PRESENCE + QUERIES + NODES + ROOMS + SERVERS
"""The whole catalogue; each `id` is in it once."""

__all__ = ["PATHS", "Closed", "Path", "PathEnds", "Template", "Through", "fill_facts", "render_stanza"]
