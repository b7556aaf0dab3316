"""Compiles what is known of a record from others: who was who, what became of it, who could see it.

The tables are those of components/audit/index/{people,marks,ids,seen}.py.
"""

from components.audit.query import terms
from components.audit.query.words import spell_words

Parameter = str | int
Condition = tuple[str, tuple[Parameter, ...]]
"""Constant SQL on the table `submission`, and the values of its `?`, in order."""

# The columns of either side of a stanza.
_SIDES = ("from", "to")

# What was carried out, and went to whom it was for.
_DELIVERED = """
verdict IN (?, ?) AND EXISTS (SELECT 1 FROM delivery WHERE delivery.epoch = said.epoch AND through >= seq)
AND NOT EXISTS (SELECT 1 FROM bounced WHERE bounced.epoch = said.epoch AND bounced.seq = said.seq)
"""
_SEEN = f"""
idx IN (
SELECT idx FROM submission WHERE {{sender}}
UNION ALL SELECT idx FROM submission AS said WHERE {{recipient}} AND {_DELIVERED}
UNION ALL SELECT said.idx FROM stay JOIN submission AS said
ON to_domain = room_domain AND to_local = room_local AND said.idx > stay.since AND said.idx < stay.until
WHERE {{stay}} AND kind = ? AND {_DELIVERED}
AND (EXISTS (SELECT 1 FROM mark WHERE mark.idx = said.idx AND mark.type = ?)
    OR EXISTS (SELECT 1 FROM whisper WHERE whisper.idx = said.idx AND whisper.nick = stay.nick))
)
"""  # noqa: S608 - constant
_CARRIED = ("release", "amend")


def compile_context(term: terms.Term) -> Condition:
    """Compile a term of this sort."""
    match term:
        case terms.Listed(terms.Group.OWNER, name):
            return _owned_by(name)
        case terms.Listed(group, name):
            return _listed(group, name)
        case terms.SeenBy(local, domain):
            return _seen_by(local, domain)
        case terms.Is(state):
            return _is(state)
        case terms.StanzaType(kind):
            return _of_type(kind)
        case terms.InThread(thread):
            return "thread = ?", (thread,)
        case terms.HasText():
            return "idx NOT IN (SELECT idx FROM mark WHERE says = 0)", ()
        case terms.ById(id_):
            return _by_id(id_)
        case _:
            raise TypeError(f"no condition for a {type(term).__name__}")


def _is(state: terms.State) -> Condition:
    if state in (terms.State.EDITED, terms.State.RETRACTED):
        return "idx IN (SELECT idx FROM altered WHERE how = ?)", (str(state),)
    besides = "idx IN (SELECT idx FROM besides WHERE state = ?)"
    if state is terms.State.MESSAGE:  # the one that has no row
        plain = "kind = ? AND idx NOT IN (SELECT idx FROM mark WHERE state != ?)"
        return f"{plain} OR {besides}", ("message", str(state), str(state))
    marked = "idx IN (SELECT idx FROM mark WHERE state = ?)"
    return f"{marked} OR {besides}", (str(state), str(state))


def _of_type(kind: str) -> Condition:
    if kind == DEFAULT_TYPE:
        return "kind = ? AND idx NOT IN (SELECT idx FROM mark WHERE type != ?)", ("message", kind)
    return "idx IN (SELECT idx FROM mark WHERE type = ?)", (kind,)


DEFAULT_TYPE = "chat"
"""The type of most messages: it takes no row."""


def _by_id(id_: str) -> Condition:
    log, _, number = id_.rpartition("/")
    named = "idx IN (SELECT idx FROM named WHERE hash = hash_of(?))"
    if not (log and number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        return named, (id_,)
    place = "idx IN (SELECT place_of(log, ?) FROM state WHERE name = ?)"
    return f"{named} OR {place}", (id_, int(number), log)


_MOST_DIGITS = 12


def _seen_by(local: str, domain: str) -> Condition:
    def person(prefix: str) -> str:
        return f"{prefix}local = ?" + f" AND {prefix}domain = ?" * bool(domain)

    who = (local, domain) if domain else (local,)
    sql = _SEEN.format(sender=person("from_"), recipient=person("to_"), stay=person(""))
    return sql, (*who, *who, *_CARRIED, *who, "message", *_CARRIED, "groupchat")


def _owned_by(name: str) -> Condition:
    sender, recipient = (_at_domain(side, "who.enterprise = ?") for side in _SIDES)
    return f"{sender} OR (NOT {_at_domain('from', '1')} AND {recipient})", (name, name)


def _listed(group: terms.Group, name: str) -> Condition:
    """Compile what the directory calls so, on either side at the time of receipt."""
    if group is terms.Group.SITE:
        return _either([(_at_domain(side, "who.site = ?"), (name,)) for side in _SIDES])
    if group is terms.Group.ENTERPRISE:
        named, values = _named("enterprise", name)
        return _either([(_at_domain(side, named), values) for side in _SIDES])
    if group is terms.Group.DESK:
        named, values = _named("desk", name)
        return _either([(_of_account(side, f"who.kind = 'person' AND {named}"), values) for side in _SIDES])
    called, values = _called("who", "local", name)
    listed = [(_of_account(side, f"who.kind = '{group}' AND {called}"), values) for side in _SIDES]
    if group is terms.Group.PERSON:
        return _either([*listed, *((f"{side}_local = ?", (name,)) for side in _SIDES)])
    unlisted = [
        (_at_domain(side, "who.kind = 'rooms'") + f" AND {side}_local = ?", (name,)) for side in _SIDES
    ]
    return _either([*listed, *unlisted])


def _either(conditions: list[Condition]) -> Condition:
    return " OR ".join(f"({sql})" for sql, _ in conditions), tuple(
        value for _, values in conditions for value in values
    )


def _at_domain(side: str, condition: str) -> str:
    """Return a condition on the domain of a side, which may be that of no enterprise."""
    kinds = "who.kind IN ('site', 'rooms', 'component')"
    return (
        f"EXISTS (SELECT 1 FROM listed AS who WHERE who.domain = {side}_domain AND who.local = '' AND {kinds}"  # noqa: S608
        f" AND {condition} AND {_then('who')})"
    )


def _of_account(side: str, condition: str) -> str:
    """Return a condition on the account of a side, where the directory lists it."""
    return (
        f"EXISTS (SELECT 1 FROM listed AS who WHERE who.domain = {side}_domain AND who.local = {side}_local"  # noqa: S608
        f" AND {condition} AND {_then('who')})"
    )


def _named(what: str, name: str) -> Condition:
    """Return a condition that the desk or the enterprise of somebody listed is called so."""
    called, values = _called("named", what, name)
    same = "named.enterprise = who.enterprise" + " AND named.desk = who.desk" * (what == "desk")
    return (
        f"EXISTS (SELECT 1 FROM listed AS named WHERE named.kind = '{what}' AND {same} AND {called}"  # noqa: S608
        f" AND {_then('named')})"
    ), values


def _called(table: str, column: str, name: str) -> Condition:
    """Return a condition that an entry has this id, or these words in its name, in any spelling."""
    words = [" ".join(spelling) for spelling in spell_words(name)]
    named = "".join(f" OR instr({table}.words, ?) > 0" for _ in words)
    return f"({table}.{column} = ?{named})", (name, *(f" {each} " for each in words))


def _then(table: str) -> str:
    return f"received_at_ns >= {table}.since_ns AND received_at_ns < {table}.until_ns"
