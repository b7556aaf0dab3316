"""Parses policy.toml into a policy: checks it as a whole, and reports all mistakes at once."""

from collections.abc import Iterator
from typing import Any

from policy.content.policy import ContentPolicy
from policy.content.rate import RECIPIENTS_MAX, parse_amount
from policy.content.refusals import REFUSALS as PAYLOAD_REFUSALS
from policy.content.rule import ContentAction, Counted
from policy.content.shape import Files, PolicyTable, check_term, describe, read_terms
from policy.files.built_in import FILE_RULES
from policy.files.reach import OUT_OF_REACH
from policy.observed import MARKS
from policy.problems import ProblemsError
from policy.reach import affiliation
from policy.toml_problem import TomlError, read_shape, read_toml
from policy.topic.model import ModelName

RESERVED = frozenset(
    rule for refusal in (*affiliation.REFUSALS, *PAYLOAD_REFUSALS, OUT_OF_REACH) for rule in refusal.rules
) | {"undecidable", "repeated", *FILE_RULES, *MARKS}
"""The ids of Steelyard's own rules, whose refusals no policy overrides."""


FILE_CONDITIONS = (
    "types",
    "names",
    "larger_than_mib",
    "sha256",
    "marks",
    "from_desks",
    "to_desks",
    "purposes",
)
"""The settings of a rule of kind `file`: it needs one at least."""


class PolicyError(ProblemsError):
    """A policy is wrong; `problems` has all its mistakes, each as `path: what to do`."""


def find_lexicon_files(text: str) -> tuple[str, ...]:
    """Return the names of a policy.toml's files of terms; ignore its mistakes."""
    try:
        raw = _read_toml(text)
    except PolicyError:
        return ()
    return tuple(sorted({name for _, rule in _rules(raw) for _, name in _file_names(rule)}))


def parse_policy(text: str, files: Files | None = None, own_links: str = "") -> ContentPolicy:
    """Parse the text of a `policy.toml` (docs/policy.md, section 5); `files` are its lexicon files' texts.

    `own_links` is what links to the site's own files begin with. The order of the rules has no meaning. Raises
    PolicyError with all problems at once, each with its path as in `rule[0].patterns[2]`, counting from 0.
    """
    raw = _read_toml(text)
    shape, problems = read_shape(PolicyTable, raw, describe)
    problems += _rule_problems(raw)
    problems += _file_problems(raw, files or {})
    if problems or shape is None:
        raise PolicyError(tuple(problems))
    return ContentPolicy(tuple(rule.build(files or {}) for rule in shape.rule), own_links)


def _read_toml(text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except TomlError as error:
        raise PolicyError((f"policy.toml: {error}",)) from None


# --- what entries say of one another ---
# These look at the raw tables, so that they are told even where the shape is wrong elsewhere.


def _rule_problems(raw: dict[str, Any]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for index, rule in _rules(raw):
        path = f"rule[{index}]"
        id_, kind, action = rule.get("id"), rule.get("kind"), rule.get("action")
        if isinstance(id_, str):
            if id_ in RESERVED:
                yield f"{path}.id: {id_!r} is a rule of Steelyard's own: choose another"
            if id_ in seen:
                yield f"{path}.id: {id_!r} is already rule[{seen[id_]}]"
            seen.setdefault(id_, index)
        if action == ContentAction.AMEND and kind not in ("link", "file"):
            yield f"{path}.action: only links and files can be amended: choose flag, warn, hold or refuse"
        if action == ContentAction.FLAG and "text" in rule:
            yield f"{path}.text: flag tells the sender nothing: remove it, or choose warn"
        if action in _told(kind) and "text" not in rule:
            yield f"{path}.text: is missing: say to the sender what is wrong and what to do instead"
        yield from _review_problems(path, rule)
        if kind == "lexicon" and not rule.get("terms") and not rule.get("files"):
            yield f"{path}.terms: is missing: give terms or files"
        if kind == "payload" and rule.get("namespaces") and "unknown" not in _list(rule.get("payloads")):
            yield f"{path}.namespaces: has a meaning only if payloads has unknown"
        if kind == "rate":
            yield from _rate_problems(path, rule)
        if kind == "topic":
            yield from _topic_problems(path, rule)
        if kind == "file":
            yield from _upload_problems(path, rule)


def _review_problems(path: str, rule: dict[str, Any]) -> Iterator[str]:
    if rule.get("action") == ContentAction.HOLD and rule.get("reviewers") == 0:
        yield f"{path}.reviewers: what is held needs one at least"


def _told(kind: Any) -> tuple[str, ...]:
    """Return the actions that tell the sender something."""
    # A picture without its metadata looks the same: its sender need not be told each time.
    return ("warn", "hold", "refuse") if kind == "file" else ("warn", "amend", "hold", "refuse")


def _upload_problems(path: str, rule: dict[str, Any]) -> Iterator[str]:
    if not any(rule.get(name) for name in FILE_CONDITIONS):
        yield f"{path}.kind: every file would match: give one of {', '.join(FILE_CONDITIONS)}"
    if rule.get("action") == ContentAction.AMEND and rule.get("to_desks"):
        yield f"{path}.to_desks: a file is amended when it is put, and nobody knows then to whom it goes"
    if "otherwise" in rule and rule.get("action") != ContentAction.AMEND:
        yield f"{path}.otherwise: has a meaning only if the action is amend"


def _rate_problems(path: str, rule: dict[str, Any]) -> Iterator[str]:
    more_than = rule.get("more_than")
    if rule.get("count") == Counted.RECIPIENTS and isinstance(more_than, int) and more_than > RECIPIENTS_MAX:
        yield f"{path}.more_than: of recipients at most {RECIPIENTS_MAX} can be told apart"
    for name in ("must_match", "must_not_match"):
        for place, example in enumerate(_list(rule.get(name))):
            if isinstance(example, str) and parse_amount(example) is None:
                yield f"{path}.{name}[{place}]: write how much in what time, such as '31 in 60 s'"


def _topic_problems(path: str, rule: dict[str, Any]) -> Iterator[str]:
    action = rule.get("action")
    if action in (ContentAction.WARN, ContentAction.REFUSE):
        yield f"{path}.action: a model may be wrong, so that topics only flag or hold: choose one of these"
    if action == ContentAction.HOLD and rule.get("model") == ModelName.E5:
        yield f"{path}.model: e5 takes too long to let anybody wait for it: choose ngram, or flag"


def _file_problems(raw: dict[str, Any], files: Files) -> Iterator[str]:
    told: set[str] = set()
    for index, rule in _rules(raw):
        for path, name in _file_names(rule):
            if name not in files:
                yield f"rule[{index}].{path}: there is no file {name}"
            elif name not in told:
                told.add(name)
                yield from _term_problems(name, files[name])


def _term_problems(name: str, text: str) -> Iterator[str]:
    terms = read_terms(text)
    if not terms:
        yield f"{name}: has no term: write one on each line"
    for number, term in terms:
        try:
            check_term(term)
        except ValueError as error:
            yield f"{name}:{number}: {error}"


def _rules(raw: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from ((index, rule) for index, rule in enumerate(_list(raw.get("rule"))) if isinstance(rule, dict))


def _file_names(rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
    files = rule.get("files")
    if rule.get("kind") == "lexicon" and isinstance(files, dict):
        for language, names in files.items():
            for place, name in enumerate(_list(names)):
                if isinstance(name, str):
                    yield f"files.{language}[{place}]", name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
