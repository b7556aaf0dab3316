"""`steelyard check`: checks everything that a site needs, and changes nothing."""

import asyncio
import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.archive.store.open import log_file
from components.directory.apply import find_site_directory
from components.directory.auto import find_unapplied
from components.gate.review.mark import HeldMark
from components.gate.review.store import check_queue, review_file
from components.process.errors import SiteError, shorten
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.attach.apply import plan_attach
from components.site.certificate_check import earliest_end, find_certificate_problems
from components.site.ejabberd import ADAPTER_DIR as EJABBERD_ADAPTER
from components.site.ejabberd_check import EJABBERD
from components.site.ejabberd_server import find_ejabberd
from components.site.federation_check import describe_sites, find_authority_problems, find_peer_problems
from components.site.folder_check import find_open_to_change, site_folders
from components.site.free_space import GIB, tell_free
from components.site.health import (
    alarm_files,
    find_alarms,
    find_port_problems,
    find_server_fault,
    find_unwitnessed,
)
from components.site.key_check import find_key_problems, keys_of_others, private_files
from components.site.lock import is_held
from components.site.log_check import check_log
from components.site.machine import describe_feed, find_feed_problems
from components.site.owner_check import find_foreign_files, find_foreign_keys
from components.site.parts import is_machine, running_parts
from components.site.probe import find_fault
from components.site.prosody import ADAPTER_FILE
from components.site.server import require_version, write_probe_config
from components.site.state_check import find_damaged, find_unwritable, state_files
from components.site.transfer_check import describe_checks, find_file_problems
from components.site.validate import load_site
from components.site.web_check import find_web_problems
from policy.directory.directory import parse_directory

FREE_SPACE_MIN_BYTES = GIB


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: `text` says what is there or, if not `ok`, what to do."""

    name: str
    ok: bool
    text: str


def check_site(site_toml: Path) -> list[Finding]:
    """Check a site, up or not; if settings are wrong, leave out the checks that depend on them."""
    try:
        settings = load_site(site_toml)
    except SettingsError as err:
        return [Finding("settings", False, problem) for problem in err.problems]
    findings = [Finding("settings", True, str(settings.path))]
    for title, check in (_MACHINE_CHECKS if is_machine(settings) else _CHECKS).items():
        name = settings.site.server if check is _check_server else title
        try:
            for text in check(settings):  # what is well stays, whatever is found after it
                findings.append(Finding(name, True, shorten(text)))
        except _CheckError as err:
            findings += [Finding(name, False, shorten(problem)) for problem in err.problems]
        except SettingsError as err:
            findings += [Finding(name, False, problem) for problem in err.problems]
        except (SiteError, KeyFileError, LogError, OSError, ValueError) as err:
            findings.append(Finding(name, False, shorten(str(err))))
    return findings


class _CheckError(Exception):
    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _check_directory(settings: SiteFile) -> Iterator[str]:
    firms = parse_directory(settings.gate.directory_file.read_text()).enterprises
    people = sum(len(firm.people) for firm in firms)
    rooms = sum(len(firm.rooms) for firm in firms)
    yield f"{len(firms)} enterprises, {people} people, {rooms} rooms in {settings.gate.directory_file.name}"


def _check_policy(settings: SiteFile) -> Iterator[str]:
    file = settings.gate.policy
    if file is None:
        yield "none: there are no rules about what people may write (gate.policy, docs/policy.md, section 5)"
        return
    from components.site.policy_check import check_policy

    report = check_policy(file)
    if not report.ok:
        raise SiteError(f"{file} has mistakes; run `steelyard policy check {file}`")
    yield f"{report.rules} rules in {file.name}, and all {report.examples} of their examples"


def _check_keys(settings: SiteFile) -> Iterator[str]:
    if problems := [*find_foreign_keys(settings), *find_key_problems(settings)]:
        raise _CheckError(problems)
    yield f"{len(private_files(settings))} secret files, readable by their owner only"
    if names := ", ".join(file.name for file in keys_of_others(settings)):
        yield f"{names}: no process here needs them, and root can use them; move them elsewhere (docs/keys.md)"


def _check_auditors(settings: SiteFile) -> Iterator[str]:
    entries = settings.audit.auditors
    if not entries:
        yield "none are listed: auditors and reviewers are whoever the operating system lets in (audit.auditors)"
        return
    signing = sum(each.key is not None for each in entries)
    if signing < len(entries):
        yield f"{len(entries)}, {signing} of whom have a key; what the others do in reviews counts for nothing"
    else:
        yield f"{len(entries)}, each of whom signs with a key of their own"


def _check_folders(settings: SiteFile) -> Iterator[str]:
    folders = site_folders(settings)
    problems = [problem for folder in folders for problem in find_open_to_change(folder)]
    if problems := [*find_foreign_files(settings), *problems]:
        raise _CheckError(problems)
    yield f"{len(folders)} folders, which nobody else may change"


def _check_state(settings: SiteFile) -> Iterator[str]:
    files = state_files(settings)
    problems = [problem for file in files for problem in find_unwritable(file)]
    if not problems and not is_held(settings.folder):
        problems = list(find_damaged(settings))
    if problems:
        raise _CheckError(problems)
    yield f"{sum(file.exists() for file in files)} files, which this user can read and write"


def _check_certificates(settings: SiteFile) -> Iterator[str]:
    if problems := find_certificate_problems(settings, dt.datetime.now(dt.UTC)):
        raise _CheckError(problems)
    if not settings.shown_certificates:
        yield "none of its own: the server has the clients' certificates"
        return
    count, end = earliest_end(settings)
    yield f"{count} certificates, valid until {end:%Y-%m-%d} at least"


def _check_server(settings: SiteFile) -> Iterator[str]:
    if settings.site.server == EJABBERD:
        yield f"version {find_ejabberd()}; what does not hold with it yet is in docs/ejabberd.md"
    if (config := settings.prosody.attached_to) is not None:
        yield from _describe_attached(settings, config)
    elif settings.site.server != EJABBERD:
        with tempfile.TemporaryDirectory() as folder:
            yield f"version {require_version(write_probe_config(settings, Path(folder)))}"


def _describe_attached(settings: SiteFile, config: Path) -> Iterator[str]:
    plan = plan_attach(settings, config)
    if not plan.is_attached:
        raise SiteError(
            f"{config} is not attached: run `steelyard attach {plan.server} --apply` (docs/attach.md)"
        )
    if problems := plan.problems:
        raise _CheckError(list(problems))
    if plan.is_old:
        raise SiteError(
            f"{plan.included} is not as site.toml says: run `steelyard attach {plan.server} --apply` again"
        )
    yield f"{config} is attached"
    yield from (note.text for note in plan.notes)


def _check_adapter(settings: SiteFile) -> Iterator[str]:
    file = ADAPTER_FILE
    if settings.site.server == EJABBERD:
        file = EJABBERD_ADAPTER / "mod_stanza_gate.erl"
    if not file.is_file():
        raise SiteError(f"{file} is missing; install Steelyard again")
    yield str(file)


def _check_disk(settings: SiteFile) -> Iterator[str]:
    file = log_file(settings.gate.log)
    folder = settings.folder if file is None else file.parent
    while not folder.exists():
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    text = f"{tell_free(free_bytes)} for {file or folder}"
    if free_bytes < FREE_SPACE_MIN_BYTES:
        raise SiteError(f"{text}; free some space: when the disk is full, nothing is delivered any more")
    yield text


def _check_running(settings: SiteFile) -> Iterator[str]:
    if is_machine(settings) and not running_parts(settings):
        yield "nothing has to run here: commands read the database themselves"
        return
    if not is_held(settings.folder):
        if problems := list(find_port_problems(settings)):
            raise _CheckError(problems)
        yield "not up; its ports are free"
        return
    faults = asyncio.run(find_faults(settings))
    if problems := [f"{name} {fault}; see {settings.site.logs}" for name, fault in faults.items() if fault]:
        raise _CheckError(problems)
    if is_machine(settings):
        yield f"up: {', '.join(part.title for part in running_parts(settings))}"
        return
    yield f"up: {settings.site.server} answers, the gate records"


async def find_faults(settings: SiteFile) -> dict[str, str]:
    """Return what is wrong with each process that runs here, or nothing, by its name for people."""
    checks = {part.title: find_fault(part.probe) for part in running_parts(settings)}
    if not is_machine(settings):
        checks = {settings.site.server: find_server_fault(settings.prosody), **checks}
    return dict(zip(checks, await asyncio.gather(*checks.values()), strict=True))


def _check_feed(settings: SiteFile) -> Iterator[str]:
    if problems := find_feed_problems(settings):
        raise _CheckError(problems)
    yield from describe_feed(settings)


def _check_web(settings: SiteFile) -> Iterator[str]:
    server = settings.prosody
    ways = [
        name
        for name, there in (("TLS from the start", server.direct_tls_port), ("HTTPS", server.web))
        if there
    ]
    if not ways:
        return
    if not is_held(settings.folder):
        yield f"not up; clients will also connect by {' and '.join(ways)}"
        return
    if problems := asyncio.run(find_web_problems(server)):
        raise _CheckError(problems)
    yield f"clients also connect by {' and '.join(ways)}"


def _check_alarms(settings: SiteFile) -> Iterator[str]:
    if not is_held(settings.folder):
        return
    if alarms := find_alarms(*alarm_files(settings)):
        raise _CheckError([str(alarm) for alarm in alarms])
    yield "none"


def _check_files(settings: SiteFile) -> Iterator[str]:
    if problems := find_file_problems(settings):
        raise _CheckError(problems)
    yield from describe_checks(settings)


def _check_access(settings: SiteFile) -> Iterator[str]:
    from components.rules.access.desk import summarize_access

    if settings.access:
        yield summarize_access(settings.path)


def _check_witness(settings: SiteFile) -> Iterator[str]:
    if settings.witness is None:
        return
    if not is_held(settings.folder):
        logs = len([*settings.witness.read_logs()])
        yield f"not up; it asks {settings.witness.witnesses} others, and cosigns {logs} logs"
        return
    if problems := find_unwitnessed(settings.witness.status_file):
        raise _CheckError(problems)
    yield f"the logs are witnessed; {settings.witness.witnesses} others are asked"


def _check_federation(settings: SiteFile) -> Iterator[str]:
    problems = list(find_authority_problems(settings, dt.datetime.now(dt.UTC)))
    is_up = is_held(settings.folder)
    if is_up and not problems:
        problems = asyncio.run(find_peer_problems(settings))
    if problems:
        raise _CheckError(problems)
    yield from describe_sites(settings, asked=is_up)


def _check_sources(settings: SiteFile) -> Iterator[str]:
    if settings.directory is None:
        return
    if problems := find_unapplied(find_site_directory(settings)):
        raise _CheckError(problems)
    yield f"people come from {len(settings.directory.sources)} of them"


def _check_logs(settings: SiteFile) -> Iterator[str]:
    # A machine of auditors' own folds the logs of all of them: without one it shows no queue.
    problems = []
    for log in settings.verified_logs if is_machine(settings) else settings.logs:
        # Nobody here has signed what is a copy, or read in the database: a follower compares its checkpoints.
        is_copy = is_machine(settings) and log != settings.audit_log
        try:
            yield asyncio.run(check_log(log, is_copy=is_copy))
        except (SiteError, KeyFileError, LogError, OSError, ValueError) as err:
            problems.append(str(err))  # what is wrong with one says nothing of the others
    if problems:
        raise _CheckError(problems)


def _check_review(settings: SiteFile) -> Iterator[str]:
    file = review_file(settings)
    if not file.exists() and not HeldMark(file).path.exists():
        yield "no message has been held yet"
    elif is_held(settings.folder):
        yield f"the gate has {file} open"
    else:
        try:
            count = asyncio.run(check_queue(file))
        except LogError as err:
            raise SiteError(str(err)) from None
        yield f"{file}: " + (
            "left open by a crash" if count is None else f"{count:,} held messages and notices"
        )


def _check_clock(_settings: SiteFile) -> Iterator[str]:
    built = ADAPTER_FILE.stat().st_mtime
    if time.time() < built:
        raise SiteError("this machine's clock is behind the date of this installation; set it (timedatectl)")
    yield f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


_CHECKS: dict[str, Callable[[SiteFile], Iterator[str]]] = {
    "directory": _check_directory,
    "policy": _check_policy,
    "keys": _check_keys,
    "auditors": _check_auditors,
    "folders": _check_folders,
    "state": _check_state,
    "certificates": _check_certificates,
    "server": _check_server,
    "adapter": _check_adapter,
    "disk": _check_disk,
    "clock": _check_clock,
    "running": _check_running,
    "web": _check_web,
    "alarms": _check_alarms,
    "files": _check_files,
    "access": _check_access,
    "witness": _check_witness,
    "federation": _check_federation,
    "sources": _check_sources,
    "logs": _check_logs,
    "review": _check_review,
}

_MACHINE_CHECKS: dict[str, Callable[[SiteFile], Iterator[str]]] = {
    **{
        name: _CHECKS[name]
        for name in ("directory", "policy", "keys", "auditors", "folders", "disk", "clock", "running", "logs")
    },
    "feed": _check_feed,
}
