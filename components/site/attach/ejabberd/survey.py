"""What an ejabberd is that Steelyard shall be attached to: by its own loader, and by what the running server says."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.process.errors import SiteError
from components.site.attach.ejabberd.places import Places, read_places
from components.site.attach.survey import (
    ServerHost,
    Stored,
    Survey,
    read_accounts,
    read_answer,
    read_rooms,
)
from components.site.ejabberd import ADAPTER_DIR, SYSTEM_LIBRARIES, beam_arguments, compile_erlang

LIBRARIES = SYSTEM_LIBRARIES
"""Below which ejabberd is installed."""

_TIMEOUT_S = 120
_NO_NAMES = "register/listen error"
_DEFAULT_COMPONENT_PORT = 5347


def survey_settings(config: Path) -> Survey:
    """Ask ejabberd's own loader what a configuration says, with all that it includes; raises SiteError.

    `options` has `listeners` as they are, the gate's domain as `stanza_gate` where one is attached, and the ports for
    clients and components by the names that they have with Prosody.
    """
    if not config.is_file():
        raise SiteError(
            f"{config} is no file; name the server's configuration, such as /etc/ejabberd/ejabberd.yml"
        )
    found = _run(config, read_places(config), ("settings",), ())
    listeners = found["listeners"]
    clients = [each["port"] for each in listeners if each["module"] == "ejabberd_c2s"]
    gates = {host["gate"] for host in found["hosts"]} - {None}
    options = {
        "listeners": listeners,
        "c2s_ports": clients,
        "component_ports": [_free_port({each["port"] for each in listeners})],
        "max_fsm_queue": found["max_fsm_queue"],
        "stanza_gate": min(gates) if gates else None,
    }
    components = (ServerHost(name, "component", {}) for each in listeners for name in each["hosts"])
    return Survey(str(found["version"]), options, (*_hosts(found["hosts"]), *components))


def survey_people(config: Path) -> Stored:
    """Ask the running server for its accounts, contact lists and rooms, whatever its storage; raises SiteError."""
    places = read_places(config)
    own = f"steelyard-{os.getpid()}@{places.node.partition('@')[2]}"
    # As ejabberdctl does: a name with a dot is a long one.
    named = ("-name" if "." in places.node.partition("@")[2] else "-sname", own)
    flags = (*named, "-hidden", "-start_epmd", "false")
    try:
        found = _run(config, places, ("people", places.node), flags)
    except SiteError as err:
        # With no server up, nothing here keeps the names of Erlang's (epmd), and Erlang's own words do not say so.
        why = f"no {places.node} is up here" if _NO_NAMES in str(err) else str(err)
        raise SiteError(f"the people are asked of the running server, which has to be up: {why}") from None
    return Stored(tuple(read_accounts(found["people"])), tuple(read_rooms(found["rooms"])), ())


def _hosts(found: list[dict[str, Any]]) -> Iterator[ServerHost]:
    for each in found:
        own = {
            "modules_enabled": each["modules"],
            "replaces_modules": each["replaces_modules"],
            "appends": each["appends"],
        }
        yield ServerHost(each["name"], "", own)
        yield from (ServerHost(name, "muc", {}) for name in each["rooms"])


def _free_port(taken: set[int]) -> int:
    """Return the port for components, or the next one that nobody listens on."""
    return next(port for port in range(_DEFAULT_COMPONENT_PORT, 65536) if port not in taken)


def _run(config: Path, places: Places, what: tuple[str, ...], flags: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="steelyard-survey-") as folder:
        compile_erlang([ADAPTER_DIR / "site_survey.erl"], Path(folder), LIBRARIES)
        paths = (*beam_arguments(LIBRARIES), "-pa", folder)
        command = ("erl", "-noinput", *flags, *paths, "-run", "site_survey", "main", *what)
        try:
            ended = subprocess.run(  # noqa: S603
                command,
                env={**os.environ, **survey_environment(config, places)},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
                # As ejabberdctl does: files that are included by a relative path are looked for there.
                cwd=places.data if places.data.is_dir() else folder,
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise SiteError(f"Erlang could not read {config}: {err}") from None
    return read_answer(ended.stdout, ended.stderr, config, "ejabberd")


def survey_environment(config: Path, places: Places) -> Mapping[str, str]:
    """Return what ejabberdctl tells Erlang by its environment. Pure."""
    # Erlang finds the cookie of the server's node in its home.
    own = {
        "HOME": str(places.data),
        "EJABBERD_CONFIG_PATH": str(config),
        "CONTRIB_MODULES_PATH": str(places.modules),
        "ERL_CRASH_DUMP_SECONDS": "0",
    }
    named = {"CONTRIB_MODULES_CONF_DIR": places.configs, "ERL_INETRC": places.names}
    return {**own, **{name: str(path) for name, path in named.items() if path is not None}}
