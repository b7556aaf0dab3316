"""Checks an ejabberd before Steelyard is attached to it. Pure: the survey and the settings are all that it looks at."""

from collections.abc import Iterator

from components.settings.site import SiteFile
from components.site.attach.check import (
    Note,
    check_domains,
    check_gate_address,
    check_other_parts,
    problem,
    read_version,
    remark,
)
from components.site.attach.ejabberd.lines import ADDRESS
from components.site.attach.survey import Survey
from components.site.ejabberd_server import OLDEST_VERSION

_KNOWN = ((23, 1), (24, 12))
# Below this, others who write to somebody whose own stanza waits end that session sooner than by ejabberd's default.
_QUEUE_MIN = 10_000
# What anybody may use past the archive. An included file cannot take a module out.
_PAST_THE_ARCHIVE = {
    "mod_http_upload": "it takes files past the archive",
    "mod_proxy65": "files go through it past the archive",
    "mod_mqtt": "people reach each other by MQTT past the archive",
    "mod_multicast": "it sends messages on past the archive",
    "mod_sip": "calls go past the archive",
}
_OTHER_WAYS = {
    "mod_http_api": "programs that may use it write to people over HTTP past the record",
    "mod_announce": "an administrator writes to everybody past the record",
    "mod_service_log": "it sends copies of what is said on, past the record",
    "mod_push": "what a push service is told leaves the server unrecorded",
    "mod_register": "anybody whom it lets makes an account; those who are not listed are recorded like all",
    "ejabberd_stun": "calls go from client to client",
    "ejabberd_xmlrpc": "programs that may use it write to people over HTTP past the record",
    "ejabberd_s2s_in": "what other servers send is held, and recorded or refused; none of them is turned away",
}


def check_ejabberd(survey: Survey, settings: SiteFile) -> tuple[Note, ...]:
    """Return all that is to be mended or known before this ejabberd is attached."""
    checks = (
        _version,
        check_gate_address,
        _component_port,
        check_domains,
        check_other_parts,
        _own_modules,
        _past_the_archive,
        _other_ways,
        _queue,
    )
    return tuple(note for check in checks for note in check(survey, settings))


def _version(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    version = read_version(survey.version)
    if version is None or (version >= OLDEST_VERSION and version not in _KNOWN):
        yield remark(f"ejabberd {survey.version}: the adapter is tried with 23.01 and 24.12")
    elif version < OLDEST_VERSION:
        yield problem(f"ejabberd {survey.version} is too old: 23.01 or newer is needed")


def _component_port(survey: Survey, settings: SiteFile) -> Iterator[Note]:
    gate = settings.gate
    if gate.address != ADDRESS:
        yield problem(
            f"the gate connects to {gate.address}, and the server will listen on {ADDRESS}: set gate.address"
        )
    for each in survey.options["listeners"]:
        if (
            each["transport"] == "tcp"
            and each["port"] == gate.component_port
            and gate.jid not in each["hosts"]
        ):
            yield problem(
                f"{each['module']} listens on port {gate.component_port} already: set another gate.component_port"
            )


def _own_modules(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    """A host with modules of its own gets ours by append_host_config, in which it may be named once."""
    for host in survey.hosts:
        if (
            host.options.get("replaces_modules")
            and host.options.get("appends")
            and "mod_stanza_gate" not in survey.modules_of(host)
        ):
            yield problem(
                f"{host.name} has modules in host_config and in append_host_config: write all of them into host_config"
            )


def _found(survey: Survey) -> dict[str, set[str]]:
    """Return where each module is loaded or listens."""
    found: dict[str, set[str]] = {}
    for host in survey.hosts:
        for name in survey.modules_of(host):
            found.setdefault(name, set()).add(host.name)
    for each in survey.options["listeners"]:
        for name in (each["module"], *each["handlers"]):
            found.setdefault(name, set()).add(f"port {each['port']}")
    return found


def _past_the_archive(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    for name, where in sorted(_found(survey).items()):
        if name in _PAST_THE_ARCHIVE:
            yield problem(f"{name} ({', '.join(sorted(where))}): {_PAST_THE_ARCHIVE[name]}; take it out")


def _other_ways(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    for name, where in sorted(_found(survey).items()):
        if name in _OTHER_WAYS:
            yield remark(f"{name} ({', '.join(sorted(where))}): {_OTHER_WAYS[name]}")


def _queue(survey: Survey, _settings: SiteFile) -> Iterator[Note]:
    size = survey.options["max_fsm_queue"]
    if size is not None and size < _QUEUE_MIN:
        yield remark(
            f"max_fsm_queue: a session for which more than {size} stanzas wait is ended; leave it out"
        )
