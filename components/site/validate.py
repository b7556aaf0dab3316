"""Checks site.toml as a whole: finds all problems in its tables, between them, and with the files that they name."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from components.archive.store.open import store_label
from components.rules.access.check import find_access_problems
from components.rules.load import RulesError, load_content
from components.settings.site import SiteFile, skip_wrong
from components.settings.table import INIT_MAKES_IT, PUT_IT_BACK, SettingsError, Table, find_missing
from components.settings.tables import TABLES
from components.site.agreement import find_disagreements
from components.site.ejabberd_check import find_unsupported
from components.site.machine import find_machine_problems
from components.site.parts import is_machine, listening_ports, parts_of
from policy.content.parse import PolicyError
from policy.toml_lines import add_line


def read_site(path: Path) -> SiteFile:
    """Read site.toml without checking the files that it names; raises SettingsError."""
    site = SiteFile(path)
    _require_none(site, [*site.find_wrong_tables(), *_find(site, _BETWEEN_TABLES)])
    return site


def load_site(path: Path) -> SiteFile:
    """Read site.toml and check it against the files that it names; raises SettingsError with all problems."""
    site = SiteFile(path)
    with_files = (find_machine_problems, _policy_problems) if is_machine(site) else _WITH_FILES
    found = [*site.find_wrong_tables(), *_find(site, (*_BETWEEN_TABLES, *with_files))]
    _require_none(site, _after_what_is_lost(found))
    return site


def _require_none(site: SiteFile, problems: list[str]) -> None:
    if problems:
        raise SettingsError([_add_line(site, problem) for problem in problems])


def _add_line(site: SiteFile, problem: str) -> str:
    """Add to a problem its line in site.toml, or in the file that the problem begins with."""
    try:
        named = [site.gate.directory_file, site.gate.policy, site.archive.retention]
    except SettingsError:
        named = []
    file = next((each for each in named if each and problem.startswith(f"{each.name}: ")), None)
    try:
        if file is None:
            return add_line(problem, site.path.read_text("utf-8"), site.path.name)
        prefix = f"{file.name}: "
        return prefix + add_line(problem.removeprefix(prefix), file.read_text("utf-8"), file.name)
    except (OSError, UnicodeDecodeError):
        return problem


def _find(site: SiteFile, checks: Iterable[Callable[[SiteFile], Iterator[str]]]) -> Iterator[str]:
    for check in checks:
        yield from skip_wrong(check(site))


def _port_problems(site: SiteFile) -> Iterator[str]:
    yield from _repeated(((each.setting, each.port) for each in listening_ports(site)), "set another port")
    if not is_machine(site) and site.federated_domains and not site.prosody.s2s_port:
        yield "prosody.s2s_port: federated domains need one; set it (5269 is usual)"


def _domain_problems(site: SiteFile) -> Iterator[str]:
    server = site.prosody
    named = [(f"{part.name}.jid", part.component.jid) for part in parts_of(site) if part.component]
    for key in ("domains", "room_domains", "federated_domains"):
        named += [(f"prosody.{key}", domain) for domain in getattr(server, key)]
    if site.federation:
        named += [("federation.sites", domain) for domain in site.federation.all_domains]
    yield from _repeated(named, "name it once")


def _log_problems(site: SiteFile) -> Iterator[str]:
    advice = "each log needs its own"
    yield from _repeated(((f"{log.table}.log", store_label(log.store)) for log in site.logs), advice)
    yield from _repeated(((f"{log.table}.log_origin", log.origin) for log in site.logs), advice)
    yield from _repeated(((f"{log.table}.log_key_file", log.key_file) for log in site.logs), advice)


def _other_site_problems(site: SiteFile) -> Iterator[str]:
    """Yield which sites that auditors look into share what each has for itself; that one is away is no mistake."""
    own = dict.fromkeys(_places_of(site), site.site.name)
    for other in site.audit.sites:
        try:
            places = _places_of(SiteFile(other.site))
        except (SettingsError, OSError):
            continue
        for place in places:
            if place in own:
                yield f"audit.sites: {other.name} and {own[place]} have the same {place}; {_APART}"
            own.setdefault(place, other.name)


def _places_of(site: SiteFile) -> tuple[str, ...]:
    """Return what two sites must not share: the auditors' log, with its name, and the index."""
    audit, log = site.audit, site.audit_log
    index = str(audit.index_store or audit.index)
    return f"audit.log {store_label(log.store)}", f"audit.log_origin {log.origin}", f"index {index}"


def _repeated(named: Iterable[tuple[str, object]], advice: str) -> Iterator[str]:
    seen: dict[object, str] = {}
    for name, value in named:
        if value in seen:
            yield f"{name}: {value} is also {seen[value]}; {advice}"
        seen.setdefault(value, name)


def _table_problems(site: SiteFile) -> Iterator[str]:
    elsewhere = site.cluster.elsewhere if site.cluster else ()
    for table in TABLES:
        if table.table_name not in elsewhere:  # its files are on another node of the cluster
            yield from skip_wrong(_problems_of(site, table))


def _problems_of(site: SiteFile, table: type[Table]) -> Iterator[str]:
    if found := site.find(table):
        yield from found.find_problems()


def _archive_key_problems(site: SiteFile) -> Iterator[str]:
    """Yield the missing keys that all logs share: if a log exists, no new key is made in their place."""
    begun = find_begun_log(site)
    archive, advice = site.archive, INIT_MAKES_IT
    if begun:
        advice = f"{begun} is sealed to them: {PUT_IT_BACK}"
    yield from find_missing("archive.recipients", archive.recipients, advice)
    if begun:
        advice = f"conversations in {begun} are found by it: {PUT_IT_BACK}"
    yield from find_missing("archive.conversation_key_file", [archive.conversation_key_file], advice)


def find_begun_log(site: SiteFile) -> str:
    """Return the first of the site's logs that is known to exist; empty while there is none."""
    return next((store_label(log.store) for log in site.logs if log.is_begun), "")


def _after_what_is_lost(problems: Iterable[str]) -> list[str]:
    """Put the advice to run `steelyard init` behind the keys that must be put back first: until then it refuses."""
    lost: list[str] = []
    others: list[str] = []
    for problem in problems:
        (lost if problem.endswith(PUT_IT_BACK) else others).append(problem)
    if not lost:
        return others
    return lost + [re.sub(f"{INIT_MAKES_IT}$", f"then {INIT_MAKES_IT}", problem) for problem in others]


def _policy_problems(site: SiteFile) -> Iterator[str]:
    file = site.gate.policy
    if file is None:
        return
    try:
        load_content(file)
    except PolicyError as err:
        yield from (f"{file.name}: {problem}" for problem in err.problems)
    except (RulesError, OSError) as err:
        yield f"gate.policy: {err}"


def _mode_problems(site: SiteFile) -> Iterator[str]:
    """Yield what would still bite while the gate only observes: the rules on files, which another process holds to."""
    if site.gate.observes and site.transfer:
        yield (
            'gate.mode: "observe" is for the gate alone, and [transfer] would still refuse and hold files; '
            'take that table out, or write "enforce" (docs/attach.md, section 1)'
        )


def _access_problems(site: SiteFile) -> Iterator[str]:
    if site.access:
        yield from find_access_problems(site.access, site.gate.directory_file)


_APART = "each site has its own, also on a machine of auditors"
_BETWEEN_TABLES = (_port_problems, _domain_problems, _log_problems, _other_site_problems, find_unsupported)
_WITH_FILES = (
    _table_problems,
    _archive_key_problems,
    find_disagreements,
    _policy_problems,
    _access_problems,
    _mode_problems,
)
