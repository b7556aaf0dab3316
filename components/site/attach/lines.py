"""The lines that attach a server: a file of Steelyard's own, and the line of the server's that includes it. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.link.limits import ELEMENT_MAX_BYTES, STANZA_MAX_BYTES
from components.settings.access import NOTICE
from components.settings.gate import OBSERVING
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.attach.survey import Survey, listed
from components.site.lua import lua_list, lua_text
from components.site.prosody import ADAPTER_DIR

INCLUDED: Mapping[ServerName, str] = {"prosody": "steelyard.cfg.lua", "ejabberd": "steelyard.yml"}
"""The name of Steelyard's file, beside the server's configuration."""

_MARK = "Steelyard records this line. Taken out again by: steelyard attach"


@dataclass(frozen=True, slots=True)
class Secret:
    """The gate's secret: what is written, and what is shown of it."""

    value: str
    shown: str = "(that of gate.secret_file)"


def render_included(settings: SiteFile, survey: Survey, secret: str) -> str:
    """Render Steelyard's file for a server: the gate's component and the adapter's settings, no option of its own."""
    gate, server = settings.gate, settings.prosody
    paths = [path for path in listed(survey.options, "plugin_paths") if path != str(ADAPTER_DIR)]
    lines = [
        "-- Written by `steelyard attach prosody`, which also takes it away. Change site.toml, and apply it again.",
        "-- A server that could not record must not start.",
        f"Include {lua_text(ADAPTER_DIR / 'attached.cfg')}",
        f"plugin_paths = {lua_list((*paths, str(ADAPTER_DIR)))}",
        f"stanza_gate = {lua_text(gate.jid)}",
        f"stanza_gate_timeout = {gate.hold_timeout_s}",
        f"stanza_gate_window = {gate.window_stanzas}",
        f"stanza_gate_window_bytes = {gate.window_bytes}",
        f"stanza_gate_stanza_bytes = {STANZA_MAX_BYTES}",
        f"stanza_gate_federated = {lua_list(server.federated_domains)}",
        f"component_stanza_size_limit = {ELEMENT_MAX_BYTES}",
        f"line_notice = {lua_text(NOTICE)}",
        f"line_notice_observing = {lua_text(OBSERVING)}",
        f"Component {lua_text(gate.jid)}",
        f"  component_secret = {lua_text(secret)}",
        "  modules_enabled = { 'stanza_gate', 'beside_the_gate' }",
        "  disco_hidden = true",
    ]
    return "\n".join(lines) + "\n"


def included_file(config: Path, server: ServerName = "prosody") -> Path:
    """Return the path of Steelyard's file for a configuration."""
    return config.with_name(INCLUDED[server])


def add_include(text: str, included: Path) -> str:
    """Return a configuration with the lines that include a file, at its end; the same if it has them."""
    block = _block(included)
    if block in text:
        return text
    return f"{text}\n{block}" if text and not text.endswith("\n") else f"{text}{block}"


def take_include(text: str, included: Path) -> str:
    """Return a configuration without those lines, and nothing else changed; raises ValueError if it has not them."""
    before, block, after = text.partition(_block(included))
    if not block:
        raise ValueError("the lines are not there")
    return before + after


def include_lines(included: Path) -> Iterator[str]:
    """Yield the lines that the server's configuration gets."""
    yield from _block(included).splitlines()


def _block(included: Path) -> str:
    if included.name == INCLUDED["ejabberd"]:
        # A text of JSON is one of YAML, too.
        return f"# {_MARK} ejabberd --undo\ninclude_config_file: {json.dumps(str(included))}\n"
    return f"-- {_MARK} prosody --undo\nInclude {lua_text(included)}\n"
