"""Acts in matters and on grants: as events of the audit log (docs/archive-format.md, 1.1, kind 13), and as signed."""

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace

from components.archive.record import Event, RecordKind
from components.audit.author import Author
from components.audit.matter.values import Deed, DeedAct, Detail, GrantAct, MatterAct, MatterError
from components.process.errors import SiteError
from components.process.json_text import read_json
from policy.one_encoding import LineForm, require_all
from policy.utc import format_utc, parse_utc

HEADER = "steelyard-matter/1"

_WORD = re.compile(r"[^\s=]{1,200}")
_ID = re.compile(r"[0-9a-f]{16,64}")
_OWN = ("matter", "by", "id", "origin", "signature")
_NS_PER_S = 1_000_000_000


def make_deed(author: Author, act: DeedAct, matter: str, origin: str, details: Mapping[str, Detail]) -> Deed:
    """Return an act of an auditor of now, with an id by chance, and signed if they have a key; raises SiteError."""
    at_ns, id_ = int(time.time()) * _NS_PER_S, secrets.token_hex(8)
    deed = Deed(act, matter, author.auditor.id, at_ns, details, id=id_, origin=origin)
    if author.signer is None:
        return deed
    try:
        return replace(deed, signature=author.sign(encode_deed(deed)))
    except MatterError as error:
        raise SiteError(str(error)) from None


def make_event(deed: Deed) -> Event:
    """Return the event that records an act."""
    own = ((name, getattr(deed, name)) for name in _OWN)
    details = {name: value for name, value in own if value} | dict(deed.details)
    return Event(RecordKind.MATTER, deed.act, tuple(sorted(details.items())), deed.at_ns)


def read_deed(event: Event, record_id: str, recorded_at_ns: int = 0) -> Deed | None:
    """Return the act that an event records, and verify nothing; None for another event."""
    act = _ACTS.get(event.name)
    if act is None:
        return None
    details = dict(event.details)
    matter, by, id_, origin, signature = (str(details.get(name, "")) for name in _OWN)
    rest = {name: value for name, value in details.items() if name not in _OWN}
    return Deed(act, matter, by, event.at_ns, rest, record_id, id_, origin, signature, recorded_at_ns)


def _name_fields(deed: Deed) -> tuple[str, Mapping[str, str]]:
    said = json.dumps(dict(deed.details), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return deed.act.value, {
        "matter": deed.matter,
        "origin": deed.origin,
        "by": deed.by,
        "at": format_utc(deed.at_ns // _NS_PER_S),
        "id": deed.id,
        "details": said,
    }


def _build(act: str, fields: Mapping[str, str]) -> Deed:
    details = read_json(fields["details"])
    if act not in _ACTS or not isinstance(details, dict):
        raise ValueError
    at_ns, matter, origin = parse_utc(fields["at"]) * _NS_PER_S, fields.get("matter", ""), fields["origin"]
    return Deed(_ACTS[act], matter, fields["by"], at_ns, details, id=fields["id"], origin=origin)


def _require_valid(deed: Deed) -> None:
    """Refuse what is not one act, so that nobody signs a meaningless word."""
    checks = (
        (not deed.matter or _WORD.fullmatch(deed.matter), "a matter is named by its id, without a space"),
        (_WORD.fullmatch(deed.origin), "a log is named by its origin"),
        (_WORD.fullmatch(deed.by), "an auditor is named by their id, without a space"),
        (_ID.fullmatch(deed.id), "it has an id of hexadecimal digits"),
        (deed.at_ns % _NS_PER_S == 0 and 0 <= deed.at_ns // _NS_PER_S < 1 << 34, "its time is a Unix time"),
        (all(type(each) in (str, int) for each in deed.details.values()), "it says texts and numbers"),
        (_is_utf8([*deed.details, *deed.details.values()]), "a text in it has no UTF-8"),
    )
    require_all(checks, _no_deed)


def _is_utf8(values: list[Detail]) -> bool:
    try:
        "".join(map(str, values)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_deed(problem: str) -> MatterError:
    return MatterError(f"not an act in a matter: {problem}")


_ACTS: Mapping[str, DeedAct] = {each.value: each for each in (*MatterAct, *GrantAct)}
_FORM = LineForm(HEADER, "details", _name_fields, _build, _require_valid, _no_deed)
encode_deed, parse_deed, digest_deed = _FORM.encode, _FORM.parse, _FORM.digest
