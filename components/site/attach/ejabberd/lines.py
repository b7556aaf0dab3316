"""Steelyard's own file for an ejabberd: the gate's listener and the adapter's modules. Pure."""

import json
from typing import Any

from components.settings.access import NOTICE
from components.settings.gate import OBSERVING
from components.settings.site import SiteFile
from components.site.attach.survey import Survey
from components.site.ejabberd import component_listener, gate_options

ADDRESS = "127.0.0.1"
"""Where components connect: their link is in the clear."""


def render_ejabberd(settings: SiteFile, survey: Survey, secret: str) -> str:
    """Render the file that the server's configuration includes; ejabberd adds its lists to those of the server.

    It is JSON, which each reader of YAML reads.
    """
    gate = settings.gate
    modules = {
        "mod_stanza_gate": gate_options(
            gate.jid, gate.hold_timeout_s, gate.window_stanzas, gate.window_bytes
        ),
        "mod_room_borders": {},
        # It ends a server that the adapter was not compiled for.
        "mod_beside_the_gate": {"made_for": survey.version, "notice": NOTICE, "observing": OBSERVING},
    }
    added: dict[str, Any] = {
        "listen": [component_listener(ADDRESS, gate.component_port, {gate.jid: secret})],
        "modules": modules,
    }
    # A host with modules of its own has none of those that all have.
    if alone := [host.name for host in survey.hosts if host.options.get("replaces_modules")]:
        added["append_host_config"] = {name: {"modules": modules} for name in alone}
    return f"{_HEAD}{json.dumps(added, indent=2, ensure_ascii=False)}\n"


_HEAD = """\
# Written by `steelyard attach ejabberd`, which also takes it away. Change site.toml, and apply it again.
# A server that does not find the modules that are named here does not start: it would record nothing.
"""
