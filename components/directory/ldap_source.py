"""People in an LDAP directory (RFC 4511), found by a filter (RFC 4515), with desks and roles by their groups."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

from components.directory.ldap_reader import LdapContent, LdapEntry
from components.directory.people import ListedPerson, Listing, SourceError, make_person
from components.process.json_text import read_json
from components.settings.directory import LdapSource
from policy.directory.enterprise import Person

_READER = ("-m", "components.directory.ldap_reader")
_PIECE = re.compile(
    r"(?P<hex>(?:\\[0-9a-fA-F]{2})+)|\\(?P<escaped>.)|(?P<between> *[,;+=] *)|(?P<plain>.)", re.DOTALL
)
_SPECIAL = frozenset(',;+"\\<>#')


def list_ldap(source: LdapSource) -> Listing:
    """Return all people of the server and the groups that the settings name; raises SourceError with all problems."""
    command = (sys.executable, *_READER)
    try:
        read = subprocess.run(  # noqa: S603 - ourselves
            command,
            input=source.model_dump_json(),
            capture_output=True,
            text=True,
            check=False,
            timeout=source.timeout_s,
        )
        content = read_json(read.stdout)
    except subprocess.TimeoutExpired:
        raise SourceError([f"{source.url}: gives no answer within timeout_s"]) from None
    except ValueError:
        last = (read.stderr.strip().splitlines() or ["nothing"])[-1]
        raise SourceError([f"{source.url}: cannot be read; the reader says {last}"]) from None
    if "problems" in content:
        raise SourceError(content["problems"])
    entries = [LdapEntry(entry["dn"], entry["attributes"]) for entry in content["entries"]]
    return make_listing(source, LdapContent(entries, content["groups"]))


def make_listing(source: LdapSource, content: LdapContent) -> Listing:
    """Return the people whom a server lists; raises SourceError with all problems."""
    groups_of = _groups_by_member(content.groups)
    people, problems, left_out = [], [], 0
    for entry in content.entries:
        groups = _own_groups(source, entry) if source.member_of else groups_of.get(normal_dn(entry.dn), ())
        if not source.default_roles and not any(group in source.roles for group in groups):
            left_out += 1
            continue
        try:
            people.append(ListedPerson(_make(source, entry, groups), entry.dn))
        except SourceError as error:
            problems += [f"{entry.dn}: {problem}" for problem in error.problems]
    if problems:
        raise SourceError(problems)
    return Listing(tuple(people), left_out)


def normal_dn(dn: str) -> str:
    """Return a distinguished name (RFC 4514) for comparison.

    It is in lower case, with no blank around what separates its parts and one where there are several, and each
    character is escaped in the same way: servers write a comma in a name as `\\2C`, people as `\\,`.
    """
    return re.sub(r" +", " ", "".join(map(_normal_piece, _PIECE.finditer(dn.strip())))).lower()


def _normal_piece(piece: re.Match[str]) -> str:
    if piece["between"]:
        return piece["between"].strip().replace(";", ",")
    if piece["hex"]:
        text = bytes.fromhex(piece["hex"].replace("\\", "")).decode(errors="replace")
        return "".join(f"\\{each}" if each in _SPECIAL else each for each in text)
    text = piece["escaped"] or piece["plain"]
    return f"\\{text}" if text in _SPECIAL else text


def _groups_by_member(groups: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for group, members in groups.items():
        for member in members:
            found[normal_dn(member)].append(group)
    return found


def _own_groups(source: LdapSource, entry: LdapEntry) -> list[str]:
    """Return the groups that an entry itself names, as the settings write them."""
    known = {normal_dn(group): group for group in source.groups}
    own = (normal_dn(group) for group in _values(entry, source.member_of))
    return [known[group] for group in own if group in known]


def _make(source: LdapSource, entry: LdapEntry, groups: Sequence[str]) -> Person:
    desks = {source.desks.get(value, value) for value in _values(entry, source.desk)}
    if not source.desk:
        desks = {source.desks[group] for group in groups if group in source.desks}
    names, ids = sorted(_values(entry, source.name)), sorted(_values(entry, source.id))
    return make_person(
        source,
        account=_account(source, entry),
        name=names[0] if names else "",
        id_=ids[0] if ids else None,
        desks=desks,
        roles={source.roles[group] for group in groups if group in source.roles},
    )


def _account(source: LdapSource, entry: LdapEntry) -> str:
    """Return the only account, or, of several, the one in the source's own domain, which one without `@` is in."""
    accounts = _values(entry, source.jid)
    if len(accounts) > 1 and source.domain:
        accounts = [
            each for each in accounts if each.lower().endswith(f"@{source.domain}") or "@" not in each
        ]
    if len(accounts) != 1:
        raise SourceError([f"has {len(accounts) or 'no'} values of {source.jid!r} to be its account"])
    return accounts[0]


def _values(entry: LdapEntry, attribute: str | None) -> list[str]:
    return entry.attributes.get(attribute, []) if attribute else []
