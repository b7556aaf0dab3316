"""Reads an LDAP server: `python -m components.directory.ldap_reader`, with a source's settings on its input.

It is a process of its own, because OpenLDAP's client waits for a silent server for ever, and blocks all threads.
"""

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from components.directory.people import SourceError
from components.settings.directory import LdapSource

if TYPE_CHECKING:
    from bonsai.ldapconnection import LDAPConnection

_ADVICE = {
    "AuthenticationError": "the password of bind_dn is not accepted",
    "ConnectionError": "cannot be reached over TLS; see url and ca_file",
    "InsufficientAccess": "bind_dn may not read this",
    "NoSuchObjectError": "there is no such entry",
    "TimeoutError": "gives no answer within timeout_s",
}


@dataclass(frozen=True, slots=True)
class LdapEntry:
    """An entry: its name (DN), and those of the requested attributes that it has, as texts."""

    dn: str
    attributes: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class LdapContent:
    """The entries of people, and the names (DNs) of the members of each group that stands for a desk or a role."""

    entries: list[LdapEntry]
    groups: dict[str, list[str]]


def read_ldap(source: LdapSource) -> LdapContent:
    """Read what the server lists; raises SourceError with all problems. It waits for a silent server for ever."""
    try:
        import bonsai
    except ImportError:
        raise SourceError(["an LDAP source needs `pip install 'steelyard[ldap]'`"]) from None
    try:
        with _connect(source) as connection:
            groups = {} if source.member_of else _read_groups(source, connection)
            return LdapContent(_read_people(source, connection), groups)
    except bonsai.LDAPError as error:
        told = _ADVICE.get(type(error).__name__) or " ".join(str(error).split())
        raise SourceError([f"{source.url}: {told}"]) from None


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


def _read_groups(source: LdapSource, connection: "LDAPConnection") -> dict[str, list[str]]:
    import bonsai

    groups, problems = {}, []
    for group in source.groups:
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
        groups[group] = [str(member) for member in entries[0].get(source.member, [])]
    if problems:
        raise SourceError(problems)
    return groups


def _read_people(source: LdapSource, connection: "LDAPConnection") -> list[LdapEntry]:
    import bonsai

    wanted = (source.jid, source.name, source.id, source.desk, source.member_of)
    attributes = [attribute for attribute in wanted if attribute]
    found = connection.paged_search(
        source.base,
        bonsai.LDAPSearchScope.SUBTREE,
        source.filter,
        attrlist=attributes,
        page_size=source.page_size,
        timeout=source.timeout_s,
    )
    return [
        LdapEntry(
            str(entry.dn),
            {name: [str(value) for value in entry[name]] for name in attributes if name in entry},
        )
        for entry in found
    ]


def main() -> int:
    """Read for the settings on standard input; print the content, or the problems, as one JSON object."""
    source = LdapSource.model_validate_json(sys.stdin.read())
    try:
        print(json.dumps(asdict(read_ldap(source))))
    except SourceError as error:
        print(json.dumps({"problems": list(error.problems)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
