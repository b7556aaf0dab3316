"""People out of a real OpenLDAP server, over TLS."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from components.directory.ldap_reader import read_ldap
from components.directory.ldap_source import list_ldap, make_listing, normal_dn
from components.directory.people import Listing, SourceError
from components.settings.directory import LdapSource
from policy.directory.enterprise import Role
from tests.support.certificates import CertificateAuthority
from tests.support.slapd import ADDRESS, PASSWORD, READER, SUFFIX, SlapdServer

PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
# (uid, cn, mail, employee number, department, groups)
STAFF = (
    ("ann", "Ann Arbor", "Ann@metals.example", "1001", "base", ("traders", "base")),
    ("ben", "Bén Berg", "ben@metals.example", "1002", "oil", ("traders", "Base")),
    ("cid", "Cid", "cid@metals.example", "", "IT", ("approvers",)),
    ("dan", "Dan, Jr.", "dan@metals.example", "1004", "base", ("traders", "approvers")),
    ("eve", "Eve", "eve@metals.example", "1005", "IT", ()),
    ("fin", "Fin", "fin@metals.example", "1006", "base", ("traders",)),
)


def dn_of(uid: str, name: str) -> str:
    return f"uid={uid},{PEOPLE}" if "," not in name else f"cn={name.replace(',', chr(92) + ',')},{PEOPLE}"


def ldif() -> str:
    entries = [
        f"dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}"
        for unit in ("people", "groups")
    ]
    for uid, name, mail, number, department, groups in STAFF:
        lines = [
            f"dn: {dn_of(uid, name)}",
            *("objectClass: inetOrgPerson", f"uid: {uid}", f"cn: {name}", "sn: x", f"mail: {mail}"),
            *("mail: private@elsewhere.example", f"departmentNumber: {department}"),
            *([f"employeeNumber: {number}"] if number else []),
            *(f"memberOf: cn={group},{GROUPS}" for group in groups),
        ]
        entries.append("\n".join(lines))
    for group in ("traders", "approvers", "base"):
        members = [dn_of(uid, name) for uid, name, *_, groups in STAFF if group in map(str.lower, groups)]
        lines = [f"dn: cn={group},{GROUPS}", "objectClass: groupOfNames", f"cn: {group}"]
        entries.append("\n".join([*lines, *(f"member: {member.upper()}" for member in members)]))
    return "\n\n".join(entries) + "\n"


def found(listing: Listing) -> dict[str, tuple[str, str | None, str | None, list[str]]]:
    return {
        listed.person.jid.partition("@")[0]: (
            listed.person.name,
            listed.person.id,
            listed.person.desk,
            sorted(listed.person.roles),
        )
        for listed in listing.people
    }


ALL = {
    "ann": ("Ann Arbor", "1001", "base", ["trader"]),
    "ben": ("Bén Berg", "1002", "base", ["trader"]),
    "cid": ("Cid", None, None, ["approver"]),
    "dan": ("Dan, Jr.", "1004", None, ["approver", "trader"]),
    "fin": ("Fin", "1006", None, ["trader"]),
}

Read = Callable[..., Coroutine[Any, Any, Listing]]


@pytest.fixture
async def read(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Read]:
    """Give what reads the people of a running server; its arguments are settings of the source."""
    async with SlapdServer(tmp_path / "slapd", authority, ldif()) as server:
        password_file = tmp_path / "password"
        password_file.write_text(f"{PASSWORD}\n")
        settings: dict[str, Any] = {
            "enterprise": "metals",
            "domain": "metals.example",
            "url": f"ldaps://{ADDRESS}:{server.tls_port}",
            "ca_file": server.ca_file,
            "bind_dn": READER,
            "password_file": password_file,
            "base": PEOPLE,
            "desks": {f"cn=base,{GROUPS}": "base"},
            "roles": {f"cn=traders, {GROUPS}": "trader", f"CN=Approvers,{GROUPS}": "approver"},
            "page_size": 2,
            "timeout_s": 10.0,
        }

        async def read_(whole: bool = False, **changes: Any) -> Listing:
            changes = {
                key: str(value).format(port=server.port, tls_port=server.tls_port) if key == "url" else value
                for key, value in changes.items()
            }
            source = LdapSource(**(settings | changes))
            # Most are read within this process, which is quicker; a server that answers keeps nobody waiting.
            if whole:
                return await asyncio.to_thread(list_ldap, source)
            return make_listing(source, await asyncio.to_thread(read_ldap, source))

        yield read_


async def problems(read: Read, **changes: Any) -> list[str]:
    try:
        listing = await read(**changes)
    except SourceError as error:
        return list(error.problems)
    return [f"{len(listing.people)} people were read"]


async def test_people_and_their_groups(read: Read, tmp_path: Path, authority: CertificateAuthority) -> None:
    listing = await read(whole=True)
    assert (found(listing), listing.left_out) == (ALL, 1)
    assert {listed.origin for listed in listing.people if listed.person.name == "Ann Arbor"} == {
        f"uid=ann,{PEOPLE}"
    }
    assert found(await read(url=f"ldap://{ADDRESS}:{{port}}")) == ALL, "over StartTLS"
    assert found(await read(member_of="memberOf")) == ALL
    everybody = await read(roles={}, desk="departmentNumber", desks={"IT": ""}, default_roles=("trader",))
    assert {account: desk for account, (_, _, desk, _) in found(everybody).items()} == {
        "ann": "base",
        "ben": "oil",
        "cid": None,
        "dan": "base",
        "eve": None,
        "fin": "base",
    }
    by_uid = await read(jid="uid", filter="(&(objectClass=inetOrgPerson)(employeeNumber=1004))")
    assert list(found(by_uid)) == ["dan"]

    # What is wrong is told, and nobody is then listed.
    wrong_password, empty = tmp_path / "wrong", tmp_path / "empty"
    wrong_password.write_text("wrong")
    empty.write_text("\n")
    stranger = CertificateAuthority(tmp_path / "stranger")
    rows: list[tuple[dict[str, Any], str]] = [
        ({"password_file": wrong_password}, "the password of bind_dn is not accepted"),
        ({"password_file": empty}, "empty is empty (directory.ldap.password_file)"),
        ({"password_file": tmp_path / "none"}, "none cannot be read (directory.ldap.password_file)"),
        ({"whole": True, "base": f"ou=nowhere,{SUFFIX}"}, "there is no such entry"),
        ({"bind_dn": None, "password_file": None}, "bind_dn may not read this"),
        (
            {"ca_file": stranger.issue(tmp_path / "other", ()) / "ca.crt"},
            "cannot be reached over TLS; see url and ca_file",
        ),
        ({"ca_file": tmp_path / "none"}, "there is no"),
        ({"url": "ldaps://localhost:{tls_port}"}, "cannot be reached over TLS; see url and ca_file"),
        ({"url": "ldap://localhost:{port}"}, "cannot be reached over TLS; see url and ca_file"),
        ({"filter": "(("}, "ldaps://"),
        ({"roles": {f"cn=nobody,{GROUPS}": "trader"}}, f"there is no group 'cn=nobody,{GROUPS}'"),
        ({"roles": {"nonsense": "trader"}}, "there is no group 'nonsense'"),
        ({"jid": "title"}, f"uid=ann,{PEOPLE}: has no values of 'title' to be its account"),
        ({"domain": None}, f"uid=ann,{PEOPLE}: has 2 values of 'mail' to be its account"),
        ({"name": "title"}, f"uid=ann,{PEOPLE}: the name is empty"),
        (
            {"desks": {f"cn=base,{GROUPS}": "base", f"cn=traders,{GROUPS}": "fx"}},
            f"uid=ann,{PEOPLE}: belongs to several desks (base, fx): a person has one",
        ),
    ]
    unexpected = []
    for changes, problem in rows:
        told = await problems(read, **changes)
        if not any(problem in line for line in told):
            unexpected.append((changes, told))
    assert unexpected == []


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"ldaps://127.0.0.1:{silent.getsockname()[1]}"
        source = LdapSource(
            enterprise="metals", url=url, base=SUFFIX, default_roles=(Role.TRADER,), timeout_s=2.0
        )
        with pytest.raises(SourceError, match="gives no answer within timeout_s"):
            list_ldap(source)


def test_names_are_compared_without_capitals_and_blanks() -> None:
    assert normal_dn(" CN=Base\\, Metals , OU=Groups,dc=x ") == "cn=base\\, metals,ou=groups,dc=x"
