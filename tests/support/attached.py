"""A server that is made up, for tests of attaching that need none: its survey, and a site for it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.attach.survey import ServerHost, Survey
from tests.support.site_toml import write_site_toml

SECRET = "0123456789abcdef0123456789abcdef"
CONFIGS: Mapping[ServerName, str] = {"prosody": "prosody.cfg.lua", "ejabberd": "ejabberd.yml"}

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


def listener(port: int, module: str, *handlers: str, hosts: tuple[str, ...] = ()) -> dict[str, object]:
    """Return a listener of an ejabberd as its survey has it."""
    return {"port": port, "transport": "tcp", "module": module, "hosts": hosts, "handlers": handlers}


EJABBERD_SURVEY = Survey(
    "23.01-1",
    {
        "listeners": [listener(5222, "ejabberd_c2s"), listener(5443, "ejabberd_http", "ejabberd_http_ws")],
        "component_ports": [5347],
        "c2s_ports": [5222],
        "max_fsm_queue": None,
        "stanza_gate": None,
    },
    (
        ServerHost("metals.example", "", {"modules_enabled": ["mod_roster", "mod_muc"]}),
        ServerHost("rooms.metals.example", "muc", {}),
    ),
)


def with_listener(*listeners: Mapping[str, object]) -> Survey:
    """Return the survey of the ejabberd, which listens there, too."""
    every = [*EJABBERD_SURVEY.options["listeners"], *listeners]
    return with_ejabberd(listeners=every)


def with_ejabberd(**options: Any) -> Survey:
    """Return the survey of the ejabberd with other settings."""
    return replace(EJABBERD_SURVEY, options={**EJABBERD_SURVEY.options, **options})


def with_modules(*names: str, **options: Any) -> Survey:
    """Return the survey of the ejabberd, whose host of people has these modules, and other options."""
    host = ServerHost("metals.example", "", {"modules_enabled": ["mod_roster", *names], **options})
    return replace(EJABBERD_SURVEY, hosts=(host, EJABBERD_SURVEY.hosts[1]))


def attached_site(
    folder: Path, more: str = "", *, server: ServerName = "prosody", **gate: object
) -> SiteFile:
    """Write a site.toml for the server of the survey, with the gate's secret, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = str(folder / CONFIGS[server])
    file = write_site_toml(
        folder / "site.toml",
        more,
        site={"server": server},
        prosody={"room_domains": ["rooms.metals.example"], "attached_to": config},
        gate={"mode": "observe", **gate},
    )
    (folder / "keys").mkdir(exist_ok=True)
    (folder / "keys" / "gate.secret").write_text(SECRET)
    return SiteFile(file)


def write_directory(folder: Path, server: ServerName = "prosody") -> None:
    """Write the directory of the made-up server, and a configuration of it."""
    site = '[{ domain = "metals.example", rooms = "rooms.metals.example" }]'
    firm = f'[enterprise.metals]\nname = "Metals"\nsites = {site}\n'
    (folder / "directory.toml").write_text(f'gate = "gate.metals.example"\n{firm}')
    (folder / CONFIGS[server]).touch()
