"""Compiles what is known of a record from others: who was who, what became of it, who could see it.

The tables are those of components/audit/index/{people,marks,ids,seen}.py.
"""

from typing import NamedTuple

from components.audit.query import terms
from components.audit.query.ids import IdRole, hash_id, match_id
from components.audit.query.words import spell_words

Parameter = str | int

DEFAULT_TYPE = "chat"
"""The type of most messages: it takes no row."""

ALWAYS = "since_ns = 0 AND {0}.until_ns = 9223372036854775807"
_ENDS = ("sender", "recipient")
_MOST_DIGITS = 12

# A stay that has not ended goes on in its own log alone (40 is the LOG_SHIFT of index/logs.py).
_SEEN = """
route IN (SELECT id FROM route WHERE sender IN ({person}))
OR ((route IN (SELECT id FROM route WHERE recipient IN ({person}) AND verdict IN ('release', 'amend'))
OR idx IN (
SELECT said.idx FROM stay
JOIN account ON account.domain = stay.room_domain AND account.local = stay.room_local
JOIN route ON route.recipient = account.id AND route.kind = 'message' AND route.verdict IN ('release', 'amend')
JOIN entry AS said ON said.route = route.id AND said.idx > stay.since AND said.idx < stay.until
AND said.idx >> 40 = stay.since >> 40
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
    named = "idx IN (SELECT rowid FROM word WHERE word MATCH ? UNION SELECT idx FROM room_id WHERE hash = ?)"
    hash_ = hash_id(id_)
    match = match_id(hash_, IdRole.OWN, IdRole.ALONE)
    if not (log and number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        return Condition(named, (match, hash_))
    place = "idx IN (SELECT place_of(log, ?) FROM state WHERE name = ?)"
    return Condition(f"{named} OR {place}", (match, hash_, int(number), log))


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
    named, values = _within(term, *_entries_of(term))
    sender, recipient = (_side(end, named, is_constant=is_constant) for end in _ENDS)
    if term.group is terms.Group.OWNER and is_constant:
        return _owned(named, values)
    if term.group is terms.Group.OWNER:
        strange = _side("sender", _DOMAINS, is_constant=False)
        return Condition(f"{sender} OR (NOT {strange} AND {recipient})", values * 6)
    factor = 2 if is_constant else 6
    either, all_values = f"{sender} OR {recipient}", values * factor
    if term.group is terms.Group.PERSON:
        either += f" OR {_accounts('local = ?')}"
        all_values += (term.name, term.name)
    return Condition(either, all_values, is_constant)


def _within(
    term: terms.Listed, named: str, values: tuple[Parameter, ...]
) -> tuple[str, tuple[Parameter, ...]]:
    """Return a condition on the entries of some enterprises alone, if the term is about these."""
    if term.within is None:
        return named, values
    places = ", ".join("?" * len(term.within))
    return f"({named}) AND who.enterprise IN ({places})", (*values, *term.within)


def _owned(named: str, values: tuple[Parameter, ...]) -> Condition:
    """Return a condition that an entry's route belongs to an enterprise whose domains were always the same.

    It stands beside everything that an auditor of one enterprise asks, so it looks at each route by itself.
    """
    own, any_ones = (f"SELECT account.id FROM {_AT_DOMAINS} WHERE {each}" for each in (named, _DOMAINS))  # noqa: S608
    sql = (
        "EXISTS (SELECT 1 FROM route AS way WHERE way.id = route AND (way.sender IN ({own})"
        " OR (way.sender NOT IN ({any_ones}) AND way.recipient IN ({own}))))"
    )
    return Condition(sql.format(own=own, any_ones=any_ones), values * 2, of_route=True)


_AT_DOMAINS = "listed AS who JOIN account ON account.domain = who.domain"


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


def _side(end: str, named: str, *, is_constant: bool) -> str:
    """Return a condition that one end of an entry's route is listed so, always or at the time of receipt."""
    tables = ["who", "named"] if "named." in named else ["who"]
    always = " AND ".join(f"{each}.{ALWAYS.format(each)}" for each in tables)
    source = "listed AS who JOIN account ON account.domain = who.domain"
    source += " AND (who.local = account.local OR who.local = '')" + ", listed AS named" * (len(tables) > 1)

    def routes(when: str) -> str:
        accounts = f"SELECT account.id FROM {source} WHERE {named} AND {when}"  # noqa: S608 - constant
        return f"route IN (SELECT id FROM route WHERE {end} IN ({accounts}))"  # noqa: S608 - constant

    if is_constant:
        return f"({routes(always)})"
    then = " AND ".join(
        f"received_at_ns >= {each}.since_ns AND received_at_ns < {each}.until_ns" for each in tables
    )
    own = f"account.id = (SELECT {end} FROM route AS way WHERE way.id = route)"  # noqa: S608 - constant
    at_times = f"EXISTS (SELECT 1 FROM {source} WHERE {own} AND {named} AND {then})"  # noqa: S608 - constant
    return f"({routes(always)} OR ({routes(f'NOT ({always})')} AND {at_times}))"


def _called(table: str, column: str, name: str) -> tuple[str, tuple[Parameter, ...]]:
    """Return a condition that an entry has this id, or these words in its name, in any spelling."""
    words = [" ".join(spelling) for spelling in spell_words(name)]
    named = "".join(f" OR instr({table}.words, ?) > 0" for _ in words)
    return f"({table}.{column} = ?{named})", (name, *(f" {each} " for each in words))
