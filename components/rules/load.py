"""Reads the files of the rules: directory.toml, exceptions from its barriers, policy.toml and its lexicons."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from components.rules.access.folder import GrantsError
from components.rules.access.register import AccessRegister
from components.rules.exceptions import (
    FOLDER,
    ExceptionState,
    fingerprint_exceptions,
    load_approver_keys,
    read_exceptions,
)
from components.rules.fingerprint import fingerprint_file
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from policy.access.admission import restrict
from policy.content.parse import PolicyError, find_lexicon_files, parse_policy
from policy.content.policy import ContentPolicy
from policy.directory.directory import (
    Directory,
    DirectoryError,
    UsableDirectory,
    parse_usable,
    with_exceptions,
)
from policy.reach.exception import ExceptionError, find_next_change
from policy.rules import Rules
from policy.toml_lines import add_lines

NS_PER_S = 1_000_000_000


class RulesError(ValueError):
    """The rules cannot be used; `problems` has a line for each fault: the file, the place in it, and what to do."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class RuleSources:
    """The files of the rules; `policy` is None for a site without content rules of its own.

    `access` has the statements that admit people; it is None if everybody in the directory is admitted. `approvers`
    are the files of the keys that approve exceptions. `own_links` is what links to the site's own files begin with.
    """

    directory: Path
    policy: Path | None = None
    access: AccessRegister | None = None
    approvers: tuple[Path, ...] = ()
    own_links: str = ""

    @property
    def exceptions(self) -> Path:
        """The folder of exceptions from barriers, which may be missing."""
        return self.directory.parent / FOLDER


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The rules now, and until when they hold (Unix time): None if nothing in them ends or begins by itself.

    `left_out` has a line for each entry of the directory that no server could use.
    """

    rules: Rules
    until_ns: int | None = None
    left_out: tuple[str, ...] = ()


def load_sources(site: SiteFile) -> RuleSources:
    """Return the files of a site's rules; raises SettingsError."""
    access = site.access
    try:
        register = AccessRegister(access) if access else None
    except GrantsError as error:
        raise SettingsError([f"access.approvers: {error}"]) from None
    return RuleSources(
        site.gate.directory_file, site.gate.policy, register, site.archive.approvers, site.own_links
    )


def load_rules(sources: RuleSources, now_ns: int) -> LoadedRules:
    """Read and check the rules as of a Unix time; raises RulesError with all mistakes in all files."""
    problems: list[str] = []
    left_out: tuple[str, ...] = ()
    directory = content = until_ns = None
    name = sources.directory.name
    try:
        usable = parse_site_directory(name, _read(sources.directory))
        left_out = tuple(f"{name}: {problem}" for problem in usable.left_out)
        directory, until_ns = _restrict(sources, usable.directory, now_ns)
    except (GrantsError, ExceptionError) as error:
        problems.append(str(error))
    except DirectoryError as error:
        problems += [f"{name}: {problem}" for problem in error.problems]
    except OSError as error:
        problems.append(f"{sources.directory}: cannot be read: {error.strerror}")
    try:
        content = load_content(sources.policy, sources.own_links) if sources.policy else None
    except PolicyError as error:
        problems += [f"policy.toml: {problem}" for problem in error.problems]
    except RulesError as error:
        problems += error.problems
    except OSError as error:
        problems.append(f"{error.filename}: cannot be read: {error.strerror}")
    if problems or directory is None:
        raise RulesError(tuple(problems))
    return LoadedRules(Rules(directory, content), until_ns, left_out)


@lru_cache(maxsize=1)
def parse_site_directory(name: str, text: str) -> UsableDirectory:
    """Parse the text of the directory's file `name`, once while it is the same; raises DirectoryError, with lines.

    For thousands of people this takes half a second.
    """
    try:
        usable = parse_usable(text)
    except DirectoryError as error:
        raise DirectoryError(add_lines(error.problems, text, name)) from None
    return replace(usable, left_out=tuple(add_lines(usable.left_out, text, name)))


def _restrict(sources: RuleSources, directory: Directory, now_ns: int) -> tuple[Directory, int | None]:
    """Return the directory of admitted people, with exceptions in force, and when this next changes by itself."""
    admitted_until_ns = None
    if sources.access:
        directory, admitted_until_ns = _admit(sources.access, directory, now_ns)
    directory, excepted_until_ns = _except(sources, directory, now_ns)
    times = [time for time in (admitted_until_ns, excepted_until_ns) if time is not None]
    return directory, min(times, default=None)


def _admit(access: AccessRegister, directory: Directory, now_ns: int) -> tuple[Directory, int | None]:
    """Return the directory of people whom two approvers have admitted, and when this changes by itself."""
    standing = access.judge(directory, now_ns // NS_PER_S)
    until_ns = None if standing.next_change_s is None else standing.next_change_s * NS_PER_S
    return restrict(directory, standing.admitted, standing.acknowledged), until_ns


def end_exceptions(loaded: LoadedRules, now_ns: int) -> LoadedRules:
    """Return the rules without exceptions that end by a Unix time: these must end even if no file can be read.

    No exception begins, and `until_ns` stays, because the files still have to be read.
    """
    directory = loaded.rules.directory
    active = [each for each in directory.exceptions if each.is_active(now_ns / NS_PER_S)]
    if len(active) == len(directory.exceptions):
        return loaded
    return replace(loaded, rules=Rules(with_exceptions(directory, active), loaded.rules.content))


def _except(sources: RuleSources, directory: Directory, now_ns: int) -> tuple[Directory, int | None]:
    """Return the directory with the exceptions in force, and when these change by themselves."""
    if not sources.exceptions.is_dir():
        return directory, None
    now_s = now_ns / NS_PER_S
    keys = load_approver_keys(sources.approvers)
    kept = read_exceptions(sources.exceptions, keys, directory, now_s)
    approved = [
        each.exception
        for each in kept
        if each.exception and each.state in (ExceptionState.IN_FORCE, ExceptionState.TO_COME)
    ]
    next_change_s = find_next_change(approved, now_s)
    active = [each for each in approved if each.is_active(now_s)]
    until_ns = None if next_change_s is None else next_change_s * NS_PER_S
    return with_exceptions(directory, active) if active else directory, until_ns


def load_content(file: Path, own_links: str = "") -> ContentPolicy:
    """Read a policy.toml with its lexicon files; raises PolicyError, RulesError (no UTF-8) and OSError.

    `own_links` is what links to the site's own files begin with.
    """
    text = _read(file)
    names = find_lexicon_files(text)
    files = {name: _read(path) for name in names if (path := file.parent / name).is_file()}
    try:
        return parse_policy(text, files, own_links)
    except PolicyError as error:
        raise PolicyError(add_lines(error.problems, text, file.name)) from None


def fingerprint(sources: RuleSources) -> tuple[object, ...]:
    """Return a cheap fingerprint of the files: if it has changed, read them again."""
    files = [sources.directory]
    if sources.policy:
        # Files of terms may be in any folder beside it. Their names are known only after it is read.
        files += [sources.policy, *(lexicon_files(sources.policy))]
    states: list[tuple[object, ...]] = [(str(file), *fingerprint_file(file)) for file in files]
    # A key matters only for exceptions, but then its appearance and removal matter, too.
    states += ((str(file), *fingerprint_file(file)) for file in sources.approvers)
    if sources.access:
        states.append(sources.access.folder.fingerprint())
    return (*states, *fingerprint_exceptions(sources.exceptions))


def lexicon_files(policy: Path) -> list[Path]:
    """Return the files of terms that a policy.toml names; none where it cannot be read."""
    try:
        return [policy.parent / name for name in find_lexicon_files(policy.read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError):
        return []


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem = f"{file} is no UTF-8 text: byte {error.start} is wrong; save it as UTF-8"
        raise RulesError((problem,)) from None
