"""Compiles what is known of a record from others: who was who, what became of it, who could see it.

The tables are those of components/audit/index/{people,marks,ids,seen}.py.
"""

from typing import NamedTuple

from components.audit.query import terms
from components.audit.query.ids import hash_id
from components.audit.query.words import spell_words

Parameter = str | int

DEFAULT_TYPE = "chat"
"""The type of most messages: it takes no row."""

ALWAYS = "since_ns = 0 AND {0}.until_ns = 9223372036854775807"
_ENDS = ("sender", "recipient")
_MOST_DIGITS = 12

_SEEN = """
route IN (SELECT id FROM route WHERE sender IN ({person}))
OR ((route IN (SELECT id FROM route WHERE recipient IN ({person}) AND verdict IN ('release', 'amend'))
OR idx IN (
SELECT said.idx FROM stay
JOIN account ON account.domain = stay.room_domain AND account.local = stay.room_local
JOIN route ON route.recipient = account.id AND route.kind = 'message' AND route.verdict IN ('release', 'amend')
JOIN entry AS said ON said.route = route.id AND said.idx > stay.since AND said.idx < stay.until
WHERE {stay} AND (EXISTS (SELECT 1 FROM mark WHERE mark.idx = said.idx AND mark.type = 'groupchat')
OR EXISTS (SELECT 1 FROM whisper WHERE whisper.idx = said.idx AND whisper.nick = stay.nick))
)) AND idx NOT IN (SELECT idx FROM outstanding) AND idx NOT IN (SELECT idx FROM returned))
"""


class Condition(NamedTuple):
    """Constant SQL on the table `entry`, and the values of its `?`; `of_route`: it uses the column `route` alone."""

    sql: str
    values: tuple[Parameter, ...] = ()
    of_route: bool = False


def compile_context(term: terms.Term, *, is_constant: bool = False) -> Condition:
    """Compile a term of this sort; `is_constant`: what the directory says of it was always so."""
    match term:
        case terms.Listed():
            return _listed(term, is_constant=is_constant)
        case terms.SeenBy(local, domain):
            return _seen_by(local, domain)
        case terms.Is(state):
            return _is(state)
        case terms.StanzaType(kind):
            return _of_type(kind)
        case terms.InThread(thread):
            return Condition("thread IN (SELECT id FROM thread WHERE name = ?)", (thread,))
        case terms.HasText():
            return Condition("idx NOT IN (SELECT idx FROM mark WHERE says = 0)")
        case terms.ById(id_):
            return _by_id(id_)
        case _:
            raise TypeError(f"no condition for a {type(term).__name__}")


def _is(state: terms.State) -> Condition:
    if state in (terms.State.EDITED, terms.State.RETRACTED):
        return Condition("idx IN (SELECT idx FROM altered WHERE how = ?)", (str(state),))
    besides = "idx IN (SELECT idx FROM besides WHERE state = ?)"
    if state is terms.State.MESSAGE:  # the one that has no row
        plain = f"{_OF_MESSAGES} AND idx NOT IN (SELECT idx FROM mark WHERE state != ?)"  # noqa: S608 - constant
        return Condition(f"{plain} OR {besides}", (str(state), str(state)))
    marked = "idx IN (SELECT idx FROM mark WHERE state = ?)"
    return Condition(f"{marked} OR {besides}", (str(state), str(state)))


_OF_MESSAGES = "route IN (SELECT id FROM route WHERE kind = 'message')"


def _of_type(kind: str) -> Condition:
    if kind == DEFAULT_TYPE:
        others = "idx NOT IN (SELECT idx FROM mark WHERE type != ?)"
        return Condition(f"{_OF_MESSAGES} AND {others}", (kind,))
    return Condition("idx IN (SELECT idx FROM mark WHERE type = ?)", (kind,))


def _by_id(id_: str) -> Condition:
    log, _, number = id_.rpartition("/")
    named = "idx IN (SELECT idx FROM named WHERE hash = ?)"
    if not (log and number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        return Condition(named, (hash_id(id_),))
    place = "idx IN (SELECT place_of(log, ?) FROM state WHERE name = ?)"
    return Condition(f"{named} OR {place}", (hash_id(id_), int(number), log))


def _seen_by(local: str, domain: str) -> Condition:
    who = "local = ?" + " AND domain = ?" * bool(domain)
    in_room = " AND ".join(f"stay.{each}" for each in who.split(" AND "))
    sql = _SEEN.format(person=f"SELECT id FROM account WHERE {who}", stay=in_room)  # noqa: S608 - constant
    return Condition(sql, ((local, domain) if domain else (local,)) * 3)


def find_varying(term: terms.Listed) -> Condition:
    """Return a selection of what the directory said of a term at some times only."""
    named, values = _entries_of(term)
    if term.group is terms.Group.ROOM:
        named, values = f"{named.partition(' OR who.kind')[0]} OR who.kind = 'rooms')", values[:-1]
    firsts = "named" if "named" in named else "who"
    always = " AND ".join(f"{each}.{ALWAYS.format(each)}" for each in dict.fromkeys(("who", firsts)))
    source = "listed AS who" + (", listed AS named" if firsts == "named" else "")
    return Condition(f"SELECT 1 FROM {source} WHERE {named} AND NOT ({always}) LIMIT 1", values)  # noqa: S608


def _listed(term: terms.Listed, *, is_constant: bool) -> Condition:
    """Compile what the directory calls so, on either side at the time of receipt."""
    named, values = _entries_of(term)
    sender, recipient = (_side(end, term.group, named, is_constant=is_constant) for end in _ENDS)
    if term.group is terms.Group.OWNER:
        strange = _side("sender", term.group, _DOMAINS, is_constant=is_constant)
        factor = 1 if is_constant else 2
        sql = f"{sender} OR (NOT {strange} AND {recipient})"
        return Condition(sql, values * factor * 2, is_constant)
    factor = 2 if is_constant else 4
    either, all_values = f"{sender} OR {recipient}", values * factor
    if term.group is terms.Group.PERSON:
        either += f" OR {_accounts('local = ?')}"
        all_values += (term.name, term.name)
    return Condition(either, all_values, is_constant)


def _accounts(condition: str) -> str:
    of = f"SELECT id FROM account WHERE {condition}"  # noqa: S608 - constant
    return f"route IN (SELECT id FROM route WHERE sender IN ({of}) OR recipient IN ({of}))"  # noqa: S608


_DOMAINS = "who.kind IN ('site', 'rooms', 'component')"


def _entries_of(term: terms.Listed) -> tuple[str, tuple[Parameter, ...]]:
    """Return a condition on the entries of the directory that a term names: `who`, and `named` for a name of theirs."""
    group, name = term.group, term.name
    if group is terms.Group.OWNER:
        return f"{_DOMAINS} AND who.enterprise = ?", (name,)
    if group is terms.Group.SITE:
        return f"{_DOMAINS} AND who.site = ?", (name,)
    if group is terms.Group.ENTERPRISE:
        called, values = _called("named", "enterprise", name)
        return (
            f"{_DOMAINS} AND named.kind = 'enterprise' AND named.enterprise = who.enterprise AND {called}",
            values,
        )
    if group is terms.Group.DESK:
        called, values = _called("named", "desk", name)
        same = "named.enterprise = who.enterprise AND named.desk = who.desk"
        return f"who.kind = 'person' AND named.kind = 'desk' AND {same} AND {called}", values
    called, values = _called("who", "local", name)
    if group is terms.Group.ROOM:
        return f"(who.kind = 'room' AND {called} OR who.kind = 'rooms' AND account.local = ?)", (
            *values,
            name,
        )
    return f"who.kind = 'person' AND {called}", values


def _side(end: str, group: terms.Group, named: str, *, is_constant: bool) -> str:
    """Return a condition that one end of an entry's route is listed so, always or at the time of receipt."""
    tables = ["who", "named"] if "named." in named else ["who"]
    source = f"route AS way JOIN account ON account.id = way.{end} JOIN listed AS who ON who.domain = account.domain"
    source += " AND (who.local = account.local OR who.local = '')" + ", listed AS named" * (len(tables) > 1)
    always = " AND ".join(f"{each}.{ALWAYS.format(each)}" for each in tables)
    constant = f"route IN (SELECT way.id FROM {source} WHERE {named} AND {always})"  # noqa: S608 - constant
    if is_constant:
        return f"({constant})"
    then = " AND ".join(
        f"received_at_ns >= {each}.since_ns AND received_at_ns < {each}.until_ns" for each in tables
    )
    at_times = f"EXISTS (SELECT 1 FROM {source} WHERE way.id = route AND {named} AND {then})"  # noqa: S608
    return f"({constant} OR {at_times})"


def _called(table: str, column: str, name: str) -> tuple[str, tuple[Parameter, ...]]:
    """Return a condition that an entry has this id, or these words in its name, in any spelling."""
    words = [" ".join(spelling) for spelling in spell_words(name)]
    named = "".join(f" OR instr({table}.words, ?) > 0" for _ in words)
    return f"({table}.{column} = ?{named})", (name, *(f" {each} " for each in words))
