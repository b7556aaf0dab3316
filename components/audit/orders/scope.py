"""The scope of an order, as a person names it: records, a custodian, conversations, a query."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.archive.conversation import ConversationHash
from components.archive.keys import KeyFileError, load_conversation_key
from components.process.errors import SiteError
from components.rules.person import read_jid
from components.settings.log import LogSettings
from components.settings.site import SiteFile

_RECORD = re.compile(r"(.+)/([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Scope:
    """Records by index; or a custodian (bare JID) and a query, and a record has to match both.

    `conversations` are keyed hashes; then `query` finds the same conversations by sender and recipient. `named` are
    all named people and rooms, by bare JID.
    """

    indexes: frozenset[int] = frozenset()
    custodian: str = ""
    query: str = ""
    conversations: frozenset[bytes] = frozenset()
    named: tuple[str, ...] = ()


def read_scope(
    settings: SiteFile,
    log: LogSettings,
    records: Sequence[str],
    custodian: str,
    conversations: Sequence[str],
    query: str,
) -> Scope:
    """Read the scope from the command line; raises SiteError if it is empty or makes no sense."""
    if sum(map(bool, (records, conversations, custodian or query))) != 1:
        raise SiteError("name records, or conversations, or a custodian and a query (or one of these two)")
    if records:
        return Scope(indexes=frozenset(_parse_record(log, record) for record in records))
    if not conversations:
        jid = read_jid(custodian) if custodian else ""
        return Scope(custodian=jid, query=query, named=(jid,) if jid else ())
    hashes = ConversationHash(_load_key(settings))
    found, queries = set(), []
    named: list[str] = []
    for conversation in conversations:
        jids = [read_jid(jid.strip()) for jid in conversation.split(",")]
        named += jids
        match jids:
            case [room]:
                found.add(hashes.of_room(room))
                queries.append(f'with:"{room}"')
            case [one, other]:
                found.add(hashes.of_people(one, other))
                queries.append(f'(from:"{one}" AND to:"{other}") OR (from:"{other}" AND to:"{one}")')
            case _:
                raise SiteError(
                    f"{conversation!r}: a conversation is two JIDs with a comma between, or a room's"
                )
    return Scope(query=" OR ".join(queries), conversations=frozenset(found), named=tuple(named))


def _parse_record(log: LogSettings, record: str) -> int:
    match = _RECORD.fullmatch(record)
    if match is None or match[1] != log.name:
        raise SiteError(f"{record!r} is no record of this log: one looks like {log.name}/100042")
    return int(match[2])


def _load_key(settings: SiteFile) -> bytes:
    try:
        return load_conversation_key(settings.archive.conversation_key_file)
    except KeyFileError as error:
        raise SiteError(str(error)) from None
