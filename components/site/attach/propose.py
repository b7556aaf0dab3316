"""Proposes a site for a server that already runs: site.toml, and directory.toml with the people who have accounts."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import make_folder, replace_durably
from components.process.errors import SiteError
from components.settings.site_table import ServerName
from components.site.attach.kinds import KINDS
from components.site.attach.survey import Account, KeptRoom, Stored, Survey, listed
from policy.directory.directory import DirectoryError, parse_directory

_DEFAULT_COMPONENT_PORT = 5347


@dataclass(frozen=True, slots=True)
class Proposal:
    """The files of a proposed site, and what is to be known of them; `digest` is that of the directory (SHA-256, hex).

    Two approvers compare it before the file is taken into use.
    """

    site_toml: Path
    directory: Path
    digest: str
    people: int
    rooms: int
    outside: int
    elsewhere: tuple[str, ...]


def propose_site(config: Path, folder: Path, server: ServerName = "prosody") -> Proposal:
    """Write a proposed site.toml and directory.toml into a folder; raises SiteError if one of them is there."""
    config = config.resolve()
    site_toml, file = folder / "site.toml", folder / "directory.toml"
    for each in (site_toml, file):
        if each.exists():
            raise SiteError(f"{each} is there already; name another folder")
    kind = KINDS[server]
    survey, stored = kind.survey_settings(config), kind.survey_people(config)
    domain = _find_main_domain(survey, stored)
    if not domain:
        raise SiteError(f"{config} has no host for people, and so nobody who could be on the line")
    text = propose_directory(survey, stored, gate=f"gate.{domain}", server=server)
    try:
        parse_directory(text)
    except DirectoryError as err:
        raise SiteError(f"no directory can be proposed: {'; '.join(err.problems)}") from None
    make_folder(folder, 0o700)
    replace_durably(site_toml, _propose_settings(survey, config, domain, server).encode())
    replace_durably(file, text.encode())
    known = {account.jid for account in stored.accounts}
    outside = sum(len(_outside(account, known)) for account in stored.accounts)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Proposal(
        site_toml, file, digest, len(stored.accounts), len(stored.rooms), outside, stored.elsewhere
    )


def _find_main_domain(survey: Survey, stored: Stored) -> str:
    """Return the host on which most people are, the first of several; "" if none is for people.

    The logs are named after it for good, and Debian's examples begin with `localhost`.
    """
    people = Counter(account.jid.partition("@")[2] for account in stored.accounts)
    hosts = (host.name for host in survey.hosts if not host.component)
    return max(hosts, key=people.__getitem__, default="")


def propose_directory(survey: Survey, stored: Stored, *, gate: str, server: ServerName = "prosody") -> str:
    """Return a directory of one enterprise, with everybody who has an account and every room that is kept. Pure.

    What a person would lose, contacts outside the enterprise, stands beside them as a comment.
    """
    known = {account.jid for account in stored.accounts}
    lines = [
        f"# Proposed by `steelyard attach {server} --propose`. Two approvers go through it before it is used: names,",
        "# desks, roles, and whether all of this is one enterprise (docs/attach.md, docs/policy.md).",
        "",
        f"gate = {_toml(gate)}",
        "",
        "[enterprise.firm]",
        'name = "The firm"',
        f"sites = [{', '.join(_sites(survey))}]",
    ]
    for account in stored.accounts:
        lines += _person_lines(account, known)
    for room in stored.rooms:
        lines += _room_lines(room, known)
    return "\n".join(lines) + "\n"


def _sites(survey: Survey) -> Iterator[str]:
    rooms = [host.name for host in survey.hosts if host.component == "muc"]
    for host in survey.hosts:
        if host.component:
            continue
        own = next((each for each in rooms if each.endswith(f".{host.name}")), "")
        with_rooms = f", rooms = {_toml(own)}" if own else ""
        yield f"{{ domain = {_toml(host.name)}{with_rooms} }}"


def _person_lines(account: Account, known: Iterable[str]) -> Iterator[str]:
    yield ""
    for jid in _outside(account, known):
        yield f"# has a contact outside: {_comment(jid)}"
    yield "[[enterprise.firm.person]]"
    yield f"jid = {_toml(account.jid)}"
    yield f"name = {_toml(_name_of(account))}"
    yield 'roles = ["trader"]'


def _room_lines(room: KeptRoom, known: Iterable[str]) -> Iterator[str]:
    yield ""
    for jid in sorted(set(room.people) - set(known)):
        yield f"# has a place there, and no account: {_comment(jid)}"
    if room.is_members_only:
        yield "# was for members only: write who may enter, if it shall stay so (docs/borders.md)"
    yield "[[enterprise.firm.room]]"
    yield f"jid = {_toml(room.jid)}"
    yield f"name = {_toml(_plain(room.name) or room.jid.partition('@')[0])}"


def _outside(account: Account, known: Iterable[str]) -> list[str]:
    return sorted({contact.jid for contact in account.contacts} - set(known))


def _name_of(account: Account) -> str:
    given = _plain(account.name)
    return given or account.jid.partition("@")[0].replace(".", " ").title()


def _plain(text: str) -> str:
    """Return a text that somebody gave themselves, on one line and not too long."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:100]


def _comment(jid: str) -> str:
    return _plain(jid)


def _propose_settings(survey: Survey, config: Path, domain: str, server: ServerName) -> str:
    people = [host.name for host in survey.hosts if not host.component]
    rooms = [host.name for host in survey.hosts if host.component == "muc"]
    c2s = next(iter(listed(survey.options, "c2s_ports")), 5222)
    component = next(iter(listed(survey.options, "component_ports")), _DEFAULT_COMPONENT_PORT)
    return _SITE.format(
        server=_toml(server), attach=f"steelyard attach {server} --propose",
        name=_toml(domain), config=_toml(config), c2s=int(c2s), component=int(component),
        domains=json.dumps(people), rooms=json.dumps(rooms), gate=_toml(f"gate.{domain}"),
        origin=re.sub(r"[^A-Za-z0-9._-]", "-", domain),
    )  # fmt: skip


def _toml(value: object) -> str:
    """Return a text as TOML and JSON both have it."""
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


_SITE = """\
# A site whose server already runs, proposed by `{attach}` (docs/attach.md).

[site]
name = {name}
server = {server}
logs = "logs"

[prosody]
attached_to = {config}
c2s_port = {c2s}
domains = {domains}
room_domains = {rooms}
folder = "prosody"
certificates = "certs"

[gate]
mode = "observe"                       # records what policy would do, and does nothing of it; then "enforce"
jid = {gate}
component_port = {component}
reconnect_max_s = 1.0                  # whenever the server starts again: until then nobody can log in
secret_file = "keys/gate.secret"
directory = "directory.toml"
policy = "policy.toml"
log = "archive/gate.db"
log_origin = "{origin}/gate"           # the log's name for good; change it now or never
log_key_file = "keys/log-gate.key"
status_file = "run/gate.status.json"

[archive]
recipients = ["keys/auditor.pub", "keys/escrow.pub"]
conversation_key_file = "keys/conversation.key"
retention = "retention.toml"

[audit]
log = "archive/audit.db"
log_origin = "{origin}/audit"
log_key_file = "keys/log-audit.key"
index = "archive/index.db"
key_files = ["keys/auditor.key"]

[indexer]
status_file = "run/indexer.status.json"
"""
