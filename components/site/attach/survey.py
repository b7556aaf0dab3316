"""What a Prosody is that Steelyard shall be attached to: its own loader reads its configuration and its storage."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.process.errors import SiteError
from components.process.json_text import read_json
from components.site.prosody import ADAPTER_DIR
from components.site.server import find_prosody

_TIMEOUT_S = 60
_MODULE = "mod_site_survey"


@dataclass(frozen=True, slots=True)
class ServerHost:
    """A host of the server; `component` is the module of a component (`muc`, `component`), empty for people's domains.

    `options` are the settings of this host alone.
    """

    name: str
    component: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a server's configuration says, with its includes; `options` are its global settings."""

    version: str
    options: Mapping[str, Any]
    hosts: tuple[ServerHost, ...]

    def find_host(self, name: str) -> ServerHost | None:
        """Return the host of this name, or None."""
        return next((host for host in self.hosts if host.name == name), None)

    def modules_of(self, host: ServerHost) -> frozenset[str]:
        """Return what is loaded on a host as far as the configuration names it."""
        own = listed(host.options, "modules_enabled")
        shared = () if host.component else listed(self.options, "modules_enabled")
        return frozenset({*own, *shared, *([host.component] if host.component else [])})


@dataclass(frozen=True, slots=True)
class Contact:
    """An entry of somebody's contact list."""

    jid: str
    subscription: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account: `name` is what the person calls themselves (XEP-0054), or empty."""

    jid: str
    name: str
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class KeptRoom:
    """A room that the server keeps, and the bare JIDs of those who have a place in it."""

    jid: str
    name: str
    is_members_only: bool
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """Who is on a server; `elsewhere` are the hosts whose storage is not internal, and was not read."""

    accounts: tuple[Account, ...]
    rooms: tuple[KeptRoom, ...]
    elsewhere: tuple[str, ...]


def listed(options: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Return a setting that is a list, or a single value in place of one; empty if it is not set."""
    value = options.get(name)
    if value is None or value == {}:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def survey_settings(config: Path) -> Survey:
    """Ask Prosody's own loader what a configuration says; raises SiteError."""
    found = _run("settings", config)
    hosts = (
        ServerHost(each["name"], each.get("component_module", ""), each) for each in _list(found["hosts"])
    )
    return Survey(str(found.get("version", "")), found["global"], tuple(hosts))


def survey_people(config: Path) -> Stored:
    """Read the accounts, contact lists and rooms of a server's internal storage; raises SiteError."""
    found = _run("people", config)
    return Stored(
        tuple(read_accounts(_list(found["people"]))),
        tuple(read_rooms(_list(found["rooms"]))),
        tuple(str(host) for host in _list(found["elsewhere"])),
    )


def read_accounts(accounts: Sequence[Any]) -> Iterator[Account]:
    """Read the accounts of an answer."""
    for each in accounts:
        contacts = (Contact(item["jid"], item["subscription"]) for item in _list(each["contacts"]))
        yield Account(each["jid"], each.get("name") or "", tuple(contacts))


def read_rooms(rooms: Sequence[Any]) -> Iterator[KeptRoom]:
    """Read the rooms of an answer, without those who are banned from them."""
    for each in rooms:
        people = (item["jid"] for item in _list(each["people"]) if item["affiliation"] != "outcast")
        yield KeptRoom(each["jid"], each.get("name") or "", each["is_members_only"], tuple(people))


def _list(value: Any) -> list[Any]:
    """Return a list as Lua has it: an empty one is as well an empty object."""
    return value if isinstance(value, list) else []


def _run(what: str, config: Path) -> dict[str, Any]:
    find_prosody()
    if not config.is_file():
        raise SiteError(
            f"{config} is no file; name the server's configuration, such as /etc/prosody/prosody.cfg.lua"
        )
    with tempfile.TemporaryDirectory(prefix="steelyard-survey-") as folder:
        # prosodyctl goes on as the server's own user, who must be able to read this, and what it includes.
        Path(folder).chmod(0o755)
        probe = Path(folder) / "survey.cfg.lua"
        probe.write_text(f'Include "{quote(config)}"\nplugin_paths = {{ "{quote(ADAPTER_DIR)}" }}\n')
        probe.chmod(0o644)
        command = ("prosodyctl", "--config", str(probe), _MODULE, what, str(config))
        try:
            ended = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise SiteError(f"prosodyctl could not read {config}: {err}") from None
    return read_answer(ended.stdout, ended.stderr, config, "Prosody")


def quote(path: Path) -> str:
    """Return a path for a Lua text in double quotes."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def read_answer(output: str, errors: str, config: Path, server: str) -> dict[str, Any]:
    """Read what a server's own program said of it, as JSON behind `survey`; raises SiteError with its reason."""
    answers = [line.removeprefix("survey ") for line in output.splitlines() if line.startswith("survey {")]
    if not answers:
        raise SiteError(f"{server} cannot read {config}: {_find_reason(output + errors, config)}")
    try:
        found: dict[str, Any] = read_json(answers[-1])
    except ValueError:
        raise SiteError(f"{server}'s answer about {config} is no JSON") from None
    return found


def _find_reason(said: str, config: Path) -> str:
    """Return the line with which prosodyctl says why, without the banners around it."""
    lines = [line.strip() for line in said.splitlines() if line.strip("* \t")]
    named = [line for line in lines if line.startswith("fault ") or "Error" in line or config.name in line]
    return (named or lines or ["it does not say why"])[-1].removeprefix("fault ")
