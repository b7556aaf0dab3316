"""People in an LDAP directory (RFC 4511), found by a filter (RFC 4515), with desks and roles by their groups."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from components.directory.people import ListedPerson, Listing, SourceError, make_person
from components.directory.settings import LdapSource
from policy.enterprise import Person, Role

if TYPE_CHECKING:
    from bonsai import LDAPEntry
    from bonsai.ldapconnection import LDAPConnection

_COMMA = re.compile(r"\s*(?<!\\),\s*")
_ADVICE = {
    "AuthenticationError": "the password of bind_dn is not accepted",
    "ConnectionError": "cannot be reached over TLS; see url and ca_file",
    "InsufficientAccess": "bind_dn may not read this",
    "NoSuchObjectError": "there is no such entry",
    "TimeoutError": "gives no answer within timeout_s",
}


@dataclass(slots=True)
class _Groups:
    """What the groups give to one person."""

    desks: set[str] = field(default_factory=set)
    roles: set[Role] = field(default_factory=set)


def list_ldap(source: LdapSource) -> Listing:
    """Ask the server for all people and the groups that mean something; raises SourceError with all problems."""
    try:
        import bonsai
    except ImportError:
        raise SourceError(["an LDAP source needs `pip install 'steelyard[ldap]'`"]) from None
    try:
        with _connect(source) as connection:
            members = {} if source.member_of else _read_groups(source, connection)
            entries = _read_people(source, connection)
    except bonsai.LDAPError as error:
        raise SourceError([f"{source.url}: {_explain(error)}"]) from None
    return make_listing(source, entries, members)


def make_listing(
    source: LdapSource, entries: Iterable[Mapping[str, Any]], members: Mapping[str, _Groups]
) -> Listing:
    """Make people of entries; `members` are those of the groups by their `normal_dn`. Raises SourceError."""
    people, problems, left_out = [], [], 0
    for entry in entries:
        dn = str(entry["dn"])
        groups = _groups_of(source, entry) if source.member_of else members.get(normal_dn(dn), _Groups())
        if not groups.roles and not source.default_roles:
            left_out += 1
            continue
        try:
            people.append(ListedPerson(_make(source, entry, groups), dn))
        except SourceError as error:
            problems += [f"{dn}: {problem}" for problem in error.problems]
    if problems:
        raise SourceError(problems)
    return Listing(tuple(people), left_out)


def normal_dn(dn: str) -> str:
    """Put a distinguished name (RFC 4514) so that it can be compared: without capitals and blanks around commas."""
    return _COMMA.sub(",", dn.strip()).lower()


def _connect(source: LdapSource) -> "LDAPConnection":
    import bonsai

    client = bonsai.LDAPClient(source.url, tls=urlsplit(source.url).scheme == "ldap")
    client.set_cert_policy("demand")
    if source.ca_file is not None:
        if not source.ca_file.is_file():
            raise SourceError([f"there is no {source.ca_file} (directory.ldap.ca_file)"])
        client.set_ca_cert(str(source.ca_file))
    if source.bind_dn is not None and source.password_file is not None:
        client.set_credentials("SIMPLE", user=source.bind_dn, password=_read_password(source))
    connection: LDAPConnection = client.connect(timeout=source.timeout_s)
    return connection


def _read_password(source: LdapSource) -> str:
    assert source.password_file is not None  # noqa: S101 - its caller looked
    try:
        password = source.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SourceError([f"{source.password_file} cannot be read (directory.ldap.password_file)"]) from None
    if not password:  # a simple bind without one is anonymous, and succeeds (RFC 4513, 5.1.2)
        raise SourceError([f"{source.password_file} is empty (directory.ldap.password_file)"])
    return password


def _read_groups(source: LdapSource, connection: "LDAPConnection") -> dict[str, _Groups]:
    """Read the members of each group that stands for a desk or a role."""
    import bonsai

    members: defaultdict[str, _Groups] = defaultdict(_Groups)
    problems = []
    for group in dict.fromkeys((*_desk_groups(source), *source.roles)):
        try:
            entries = connection.search(
                group, bonsai.LDAPSearchScope.BASE, attrlist=[source.member], timeout=source.timeout_s
            )
        except (bonsai.NoSuchObjectError, bonsai.errors.InvalidDN):
            entries = []
        if not entries:
            problems.append(f"{source.url}: there is no group {group!r}, or bind_dn may not read it")
            continue
        if any(name.lower().startswith(f"{source.member.lower()};range=") for name in entries[0]):
            problems.append(
                f"{group}: its server gives only some of its members; set directory.ldap.member_of"
            )
        for member in entries[0].get(source.member, []):
            _give(source, group, members[normal_dn(str(member))])
    if problems:
        raise SourceError(problems)
    return members


def _read_people(source: LdapSource, connection: "LDAPConnection") -> "list[LDAPEntry]":
    import bonsai

    wanted = (source.jid, source.name, source.id, source.desk, source.member_of)
    return list(
        connection.paged_search(
            source.base,
            bonsai.LDAPSearchScope.SUBTREE,
            source.filter,
            attrlist=[attribute for attribute in wanted if attribute],
            page_size=source.page_size,
            timeout=source.timeout_s,
        )
    )


def _desk_groups(source: LdapSource) -> tuple[str, ...]:
    """Give the keys of `desks` that are groups; with a desk attribute they are its values instead."""
    return () if source.desk else tuple(source.desks)


def _groups_of(source: LdapSource, entry: Mapping[str, Any]) -> _Groups:
    known = {normal_dn(group): group for group in (*_desk_groups(source), *source.roles)}
    groups = _Groups()
    for group in _values(entry, source.member_of):
        if normal_dn(group) in known:
            _give(source, known[normal_dn(group)], groups)
    return groups


def _give(source: LdapSource, group: str, groups: _Groups) -> None:
    if group in _desk_groups(source):
        groups.desks.add(source.desks[group])
    if group in source.roles:
        groups.roles.add(source.roles[group])


def _make(source: LdapSource, entry: Mapping[str, Any], groups: _Groups) -> Person:
    desks = {source.desks.get(value, value) for value in _values(entry, source.desk)} | groups.desks
    names, ids = sorted(_values(entry, source.name)), sorted(_values(entry, source.id))
    return make_person(
        source,
        account=_account(source, entry),
        name=names[0] if names else "",
        id_=ids[0] if ids else None,
        desks=desks,
        roles=groups.roles,
    )


def _account(source: LdapSource, entry: Mapping[str, Any]) -> str:
    """Give the one account; of several, the one in the source's own domain."""
    accounts = _values(entry, source.jid)
    if len(accounts) > 1 and source.domain:
        accounts = [each for each in accounts if each.lower().endswith(f"@{source.domain}")]
    if len(accounts) != 1:
        raise SourceError([f"has {len(accounts) or 'no'} values of {source.jid!r} to be its account"])
    return accounts[0]


def _values(entry: Mapping[str, Any], attribute: str | None) -> list[str]:
    return [str(value) for value in entry.get(attribute, [])] if attribute else []


def _explain(error: Exception) -> str:
    return _ADVICE.get(type(error).__name__) or " ".join(str(error).split())
