"""The `steelyard` command (docs/commands.md)."""

import importlib.metadata
import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from components.cli.access import app as access_app
from components.cli.archive import app as archive_app
from components.cli.audit import app as audit_app
from components.cli.audit import verify_command
from components.cli.directory import app as directory_app
from components.cli.errors import errors_in_lines, fail
from components.cli.keys import app as keys_app
from components.cli.policy import app as policy_app
from components.cli.review import app as review_app
from components.cli.tiles import tiles
from components.process.errors import SiteError

SiteFile = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Flag = Parameter(negative="")
DEFAULT_SITE = Path("var/site.toml")


def _version() -> str:
    return f"steelyard {importlib.metadata.version('steelyard')}"


app = App(
    name="steelyard",
    help="A recorded line for trading firms, on open XMPP.",
    version=_version,
    version_flags=["--version"],
)
app.command(audit_app)
app.command(directory_app)
app.command(keys_app)
app.command(access_app)
app.command(policy_app)
app.command(archive_app)
app.command(review_app)
archive_app.command(tiles)
app.command(verify_command, name="verify")


@app.command
def init(
    *, demo: Annotated[bool, Flag] = False, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE
) -> None:
    """Make what a site lacks: settings, directory, keys, certificates; nothing is overwritten.

    Parameters
    ----------
    demo
        Make a demonstration: free ports, and a password for everybody in the directory.
    """
    from components.site.init import init_site

    with errors_in_lines():
        result = init_site(site, demo=demo)
    if as_json:
        _print_json({"site": str(result.settings.path), "made": [str(path) for path in result.made]})
        return
    for path in result.made:
        print(f"made {_relative(path)}")
    print(
        f"{_relative(result.settings.path)} is ready: change it and directory.toml, then run `steelyard check`"
    )


@app.command
def up(
    *,
    demo: Annotated[bool, Flag] = False,
    once: Annotated[bool, Flag] = False,
    site: SiteFile = DEFAULT_SITE,
) -> int:
    """Start a site and keep it running until Ctrl-C (or SIGTERM), which stops it in order.

    Parameters
    ----------
    demo
        Make the site if there is none, and play a short conversation on it.
    once
        Stop once all is healthy and the demonstration is over; status 1 if that went wrong.
    """
    from components.site.up import run_site

    # The demonstration's clients: what goes wrong with them is told by the demonstration itself.
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    with errors_in_lines():
        return run_site(site, demo=demo, once=once)


@app.command
def check(*, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> int:
    """Check all that a site needs, whether it is up or not; status 1 when something is wrong."""
    from components.site.check import check_site, describe_findings, print_findings

    findings = check_site(site)
    if as_json:
        _print_json(describe_findings(findings))
    else:
        print_findings(findings, Console())
    return 0 if all(finding.ok for finding in findings) else 1


@app.command
def backup(
    folder: Path,
    /,
    *,
    with_keys: Annotated[bool, Flag] = False,
    full_check: Annotated[bool, Flag] = False,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Back up a site's logs and settings to FOLDER while it runs: only what is new since the last time there.

    Parameters
    ----------
    folder
        An empty folder, or one of an earlier backup; made if it is not there.
    with_keys
        Back up the private keys, too: whoever has the backup can then read the logs and sign in their name.
    full_check
        Read all of the backup again afterwards, and verify it.
    """
    from components.cli.output.backup import describe_backup, print_backup
    from components.cli.output.printing import progress_bar
    from components.site.backup import back_up_site

    with errors_in_lines():
        result = back_up_site(
            site,
            folder,
            with_keys=with_keys,
            thorough=full_check,
            bars=progress_bar,
        )
    if as_json:
        _print_json(describe_backup(result))
    else:
        print_backup(result, folder, with_keys=with_keys)


@app.command
def restore(
    folder: Path | None = None,
    /,
    *,
    accept_loss: Annotated[bool, Flag] = False,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> int:
    """Put back from the backup in FOLDER what a site lacks; status 1 when a log lacks records that were signed.

    Parameters
    ----------
    folder
        The backup. Without it, only what --accept-loss does is done.
    accept_loss
        Let logs go on that lack records that were signed; their next writers record the loss as an alarm.
    """
    from components.cli.output.backup import describe_restored, print_restored
    from components.cli.output.printing import progress_bar
    from components.site.backup import accept_losses, restore_site

    with errors_in_lines():
        if folder is not None:
            result = restore_site(site, folder, accept_loss=accept_loss, bars=progress_bar)
        elif accept_loss:
            result = accept_losses(site)
        else:
            raise SiteError("name the folder of the backup: steelyard restore FOLDER")
    if as_json:
        _print_json(describe_restored(result))
    else:
        print_restored(result, accepted=accept_loss)
    return 0 if accept_loss or not result.losses else 1


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _relative(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def main() -> None:
    """Run the command line; wrong use is told in one line, and ends with status 2."""
    try:
        app(exit_on_error=False, print_error=False)
    except CycloptsError as err:
        fail(f"{' '.join(str(err).split())} (`steelyard --help` shows what there is)")
    except BrokenPipeError:
        # Whoever reads along has seen enough (`steelyard audit search ... | head`): nothing more is to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
