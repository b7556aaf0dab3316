"""The commands for a whole site: made, started, checked, backed up and restored."""

import logging
import sys
from pathlib import Path
from typing import Literal

from components.cli.options import COMMON, DEFAULT_SITE, Common, SiteOption
from components.cli.output.json_printer import print_json
from components.process.errors import SiteError


def init(
    *, demo: bool = False, origin: str | None = None, system: bool = False, common: Common = COMMON
) -> None:
    """Make what a site lacks: settings, directory, keys and certificates. Nothing is overwritten.

    Parameters
    ----------
    demo
        Make a demonstration: free ports, and a password for everybody in the directory.
    origin
        What the names of the logs begin with, for good: a domain of yours. If left out, a terminal is asked for it.
    system
        In a new site.toml, give each process folders of its own, in /var/lib and /run, as `steelyard units` wants it.
    """
    from components.cli.output.paths import relative
    from components.site.init import init_site

    if system and demo:
        raise SiteError("a demonstration is not for a system: leave out --demo or --system")
    if origin is None and not (demo or common.as_json or common.site.exists()) and sys.stdin.isatty():
        asked = "What do the names of the logs begin with, for good? A domain of yours [steelyard.example]: "
        origin = input(asked).strip() or None
    result = init_site(common.site, demo=demo, origin=origin, system=system)
    if common.as_json:
        print_json({"site": str(result.settings.path), "made": [str(path) for path in result.made]})
        return
    for path in result.made:
        print(f"made {relative(path)}")
    ready = relative(result.settings.path)
    print(f"{ready} is ready: change it and directory.toml, then run `steelyard check`")


def up(
    *,
    demo: bool = False,
    once: bool = False,
    sites: int = 1,
    server: Literal["prosody", "ejabberd"] | None = None,
    site: SiteOption = DEFAULT_SITE,
) -> int:
    """Start a site and keep it running. Ctrl-C or SIGTERM stops it in order; SIGHUP has certificates read anew.

    Parameters
    ----------
    demo
        Make the site if there is none, and play a short conversation on it.
    once
        Stop when everything is healthy and the demonstration is over; exit status 1 if that went wrong.
    sites
        With --demo, 2: two sites of one enterprise, in folders beside the file that --site names.
    server
        With --demo, the XMPP server that a new site is made with: prosody (which is the default) or ejabberd. Of two
        sites the first one has it, and the second one Prosody.
    """
    from components.cli.output.demo import show_scene
    from components.site.up import run_site
    from components.site.up_sites import run_sites

    # The demonstration's clients: the demonstration itself reports their errors.
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    if server is not None and not demo:
        raise SiteError("--server is for a demonstration: a site's server is in its site.toml (site.server)")
    if sites == 1:
        return run_site(site, demo=demo, once=once, show=show_scene, server=server)
    if sites != 2 or not demo:
        raise SiteError("a demonstration has one site or two: steelyard up --demo --sites 2")
    return run_sites(site.parent, once=once, show=show_scene, server=server)


def run(component: str, /, *, site: SiteOption = DEFAULT_SITE) -> None:
    """Run one process of a site, in the place of this command, for systemd or a container to keep running.

    Parameters
    ----------
    component
        Its name: prosody, gate, or the name of its table in site.toml, such as transfer.
    """
    from components.site.run import run_component

    run_component(site, component)


def units(
    folder: Path = Path("/etc"),
    /,
    *,
    program: Path = Path("/usr/bin/steelyard"),
    common: Common = COMMON,
) -> None:
    """Write systemd's units for a site: each process as a user of its own, with nothing but what it needs.

    Units that it wrote before and are not needed any more are removed.

    Parameters
    ----------
    folder
        Where systemd's folders are: units go to systemd/system below it, others to tmpfiles.d and sysusers.d.
    program
        Where this command is installed.
    """
    from components.settings.site import SiteFile
    from components.site.health import find_ports_for_root
    from components.site.write_units import write_units

    site = SiteFile(common.site)
    result = write_units(site, folder, str(program))
    if common.as_json:
        print_json(
            {
                "written": [str(file) for file in result.written],
                "removed": [str(file) for file in result.removed],
            }
        )
        return
    for file in result.written:
        print(f"wrote {file}")
    for file in result.removed:
        print(f"removed {file}")
    for problem in find_ports_for_root(site):
        print(f"note: {problem}")
    print("next: systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload")


def check(*, common: Common = COMMON) -> int:
    """Check everything that a site needs, whether it is up or not. Exit status 1 if something is wrong."""
    from components.cli.output.check import describe_findings, print_findings
    from components.site.check import check_site

    findings = check_site(common.site)
    common.tell(findings, describe_findings, print_findings)
    return 0 if all(finding.ok for finding in findings) else 1


def doctor(*, common: Common = COMMON) -> int:
    """Tell what is wrong with a running site, how bad it is, and what mends it. Exit status 1 if there is anything.

    A note alone is no fault. Nothing is changed.
    """
    from components.cli.output.doctor import describe_ailments, print_ailments
    from components.site.doctor.collect import collect_facts
    from components.site.doctor.judge import Severity, judge_site

    facts = collect_facts(common.site)
    ailments = judge_site(facts)
    common.tell(
        ailments,
        lambda found: describe_ailments(found, facts),
        lambda found: print_ailments(found, facts),
    )
    return 1 if any(each.severity is not Severity.NOTE for each in ailments) else 0


def restart(name: str, /, *, common: Common = COMMON) -> None:
    """Start a process of a running site anew. The gate's successor is ready before it stops, and nothing is lost.

    Parameters
    ----------
    name
        The process: gate, or another one that `steelyard up` runs beside the server.
    """
    from dataclasses import asdict

    from components.cli.output.doctor import print_restarted
    from components.site.restart import restart_part
    from components.site.validate import load_site

    common.tell(restart_part(load_site(common.site), name), asdict, print_restarted)


def backup(
    folder: Path,
    /,
    *,
    with_keys: bool = False,
    with_bucket: bool = False,
    full_check: bool = False,
    common: Common = COMMON,
) -> int:
    """Back up a site's logs, files and settings to FOLDER while it runs. Only what is new is written.

    Exit status 1 if a file that people sent is damaged or missing.

    Parameters
    ----------
    folder
        An empty folder, or that of an earlier backup. It is made if it does not exist.
    with_keys
        Back up the private keys, too. Whoever has the backup can then read the logs and sign as this site.
    with_bucket
        Back up files, too, that are kept in an S3 bucket. Those in a folder always are.
    full_check
        Afterwards read the whole backup again, and verify it.
    """
    from components.cli.output.backup import describe_backup, print_backup
    from components.cli.output.console import progress_bar
    from components.site.backup import BackupChoice, back_up_site

    result = back_up_site(common.site, folder, BackupChoice(with_keys, with_bucket, full_check), progress_bar)
    common.tell(result, describe_backup, lambda done: print_backup(done, folder, with_keys=with_keys))
    damaged = result.blobs is not None and result.blobs.problem_count
    return 1 if damaged or result.gone else 0


def restore(folder: Path | None = None, /, *, accept_loss: bool = False, common: Common = COMMON) -> int:
    """Restore from the backup in FOLDER what a site lacks. Exit status 1 if a log lacks signed records.

    Parameters
    ----------
    folder
        The backup. Leave it out to do only what --accept-loss does.
    accept_loss
        Let a log go on that lacks signed records. Its next writer records the loss as an alarm.
    """
    from components.cli.output.backup import describe_restored, print_restored
    from components.cli.output.console import progress_bar
    from components.site.backup import accept_losses, restore_site

    if folder is not None:
        result = restore_site(common.site, folder, accept_loss=accept_loss, bars=progress_bar)
    elif accept_loss:
        result = accept_losses(common.site)
    else:
        raise SiteError("name the folder of the backup: steelyard restore FOLDER")
    common.tell(result, describe_restored, lambda done: print_restored(done, accepted=accept_loss))
    return 0 if accept_loss or not result.losses else 1
