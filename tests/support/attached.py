"""A server that is made up, for tests of attaching that need none: its survey, and a site for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from components.settings.site import SiteFile
from components.site.attach.survey import ServerHost, Survey
from tests.support.site_toml import write_site_toml

SECRET = "0123456789abcdef0123456789abcdef"

SURVEY = Survey(
    "0.12.3",
    {"component_ports": [5347], "modules_enabled": ["roster", "pep"]},
    (
        ServerHost("metals.example", "", {}),
        ServerHost("rooms.metals.example", "muc", {"modules_enabled": ["muc_mam"]}),
    ),
)


def with_options(**options: Any) -> Survey:
    """Return the survey with other global settings; None takes one away."""
    merged = {name: value for name, value in {**SURVEY.options, **options}.items() if value is not None}
    return replace(SURVEY, options=merged)


def with_host(name: str, component: str = "", **options: Any) -> Survey:
    """Return the survey with one more host, or another in the place of one."""
    others = (host for host in SURVEY.hosts if host.name != name)
    return replace(SURVEY, hosts=(*others, ServerHost(name, component, options)))


def attached_site(folder: Path, more: str = "", **gate: object) -> SiteFile:
    """Write a site.toml for the server of the survey, with the gate's secret, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = write_site_toml(
        folder / "site.toml",
        more,
        prosody={"room_domains": ["rooms.metals.example"], "attached_to": str(folder / "prosody.cfg.lua")},
        gate={"mode": "observe", **gate},
    )
    (folder / "keys").mkdir(exist_ok=True)
    (folder / "keys" / "gate.secret").write_text(SECRET)
    return SiteFile(file)
