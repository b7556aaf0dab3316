"""The canonical text of a query's terms: it parses to the same term, at any time."""

from datetime import UTC, datetime, timedelta

from components.audit.query import terms
from components.audit.query.words import write_words

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_term(term: terms.Term) -> str:
    """Write a term in its canonical form."""
    match term:
        case terms.Everything():
            return "*"
        case terms.Words() | terms.Near() | terms.Spelling() | terms.Pattern():
            return _format_words(term)
        case terms.Party(role, local, domain):
            return f'{role}:"{_address(local, domain)}"'
        case terms.SeenBy(local, domain):
            return f'seen-by:"{_address(local, domain)}"'
        case terms.Listed(group, name):
            return f'{group}:"{name}"'
        case terms.Moment(bound, at_ns):
            return f"{bound}:{_format_time(at_ns)}"
        case terms.Span(begin_ns, end_ns):
            begin = "" if begin_ns is None else _format_time(begin_ns)
            # A time in a range stands for all of it, here for a microsecond.
            return f"date:{begin}..{'' if end_ns is None else _format_time(end_ns - 1000, full=True)}"
        case _:
            return _format_other(term)


def _format_words(term: terms.WordTerm) -> str:
    match term:
        case terms.Words(words, prefix):
            return f'"{write_words(words)}{"*" * prefix}"'
        case terms.Near(left, right, within):
            sides = (" OR ".join(map(_format_words, side)) for side in (left, right))
            return f" w/{within} ".join(f"({side})" for side in sides)
        case terms.Spelling(word, apart):
            return f"{word}~{apart}"
        case terms.Pattern(expression):
            return f"/{expression}/"


def _format_other(term: terms.Term) -> str:
    match term:
        case terms.Verdict(action):
            return f"verdict:{action}"
        case terms.OfKind(kind):
            return f"kind:{kind}"
        case terms.ByRule(rule, prefix):
            return f'rule:"{rule}{"*" * prefix}"'
        case terms.Is(state):
            return f"is:{state}"
        case terms.StanzaType(kind):
            return f"type:{kind}"
        case terms.InThread(thread):
            return f'thread:"{thread}"'
        case terms.ById(id_):
            return f'id:"{id_}"'
        case terms.HasText():
            return "has:text"
        case _:
            return _format_file_term(term)


def _format_file_term(term: terms.Term) -> str:
    match term:
        case terms.HasFile():
            return "has:file"
        case terms.FileName(words, prefix):
            return f'file:"{write_words(words)}{"*" * prefix}"'
        case terms.FileType(kind, prefix):
            return f"type:{kind}{'*' * prefix}"
        case terms.FileHash(digits):
            return f"hash:{digits}"
        case terms.FileSize(least, most):
            return f"size:{'' if least is None else least}..{'' if most is None else most}"
        case terms.SimilarTo(log, number):
            return f'similar:"{log}/{number}"'
        case _:
            raise TypeError(f"no canonical form for a {type(term).__name__}")


def _address(local: str, domain: str) -> str:
    return f"{local}{'@' * bool(domain)}{domain}"


def _format_time(at_ns: int, *, full: bool = False) -> str:
    at = _EPOCH + timedelta(microseconds=at_ns // 1000)
    return at.isoformat(timespec="microseconds" if full else "auto").replace("+00:00", "Z")
