"""The `steelyard attach` commands: a server that already runs (docs/attach.md)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, Common
from components.process.errors import SiteError
from components.settings.site_table import ServerName

app = App(name="attach", help="Attach Steelyard to a server that already runs (docs/attach.md).")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done with a server; one of the four at most."""

    dry_run: Annotated[
        bool,
        Parameter(help="Show the lines and check the server; change nothing. This is what it does anyway."),
    ] = False
    apply: Annotated[
        bool,
        Parameter(
            help="Write the lines, and for ejabberd the adapter, and keep a copy of the configuration as it was. "
            "The server is not restarted.",
        ),
    ] = False
    undo: Annotated[bool, Parameter(help="Take out what was added, and nothing else.")] = False
    propose: Annotated[
        Path | None,
        Parameter(help="Write a proposed site for the server into this folder. An ejabberd has to be up."),
    ] = None


WANTED = Wanted()


@app.command
def prosody(*, config: Path, wanted: Wanted = WANTED, common: Common = COMMON) -> int:
    """Attach a Prosody that already runs: show the lines for its configuration, write them, or take them out again.

    Without an option it shows and checks them, and changes nothing. Exit status 1 if something must be mended first.

    Parameters
    ----------
    config
        The server's configuration, such as /etc/prosody/prosody.cfg.lua.
    """
    return _run("prosody", config, wanted, common)


@app.command
def ejabberd(*, config: Path, wanted: Wanted = WANTED, common: Common = COMMON) -> int:
    """Attach an ejabberd that already runs: show the lines for its configuration, write them, or take them out again.

    Without an option it shows and checks them, and changes nothing. Exit status 1 if something must be mended first.

    Parameters
    ----------
    config
        The server's configuration, such as /etc/ejabberd/ejabberd.yml.
    """
    return _run("ejabberd", config, wanted, common)


def _run(server: ServerName, config: Path, wanted: Wanted, common: Common) -> int:
    if sum((wanted.dry_run, wanted.apply, wanted.undo, wanted.propose is not None)) > 1:
        raise SiteError("give one of --dry-run, --apply, --undo and --propose")
    if wanted.propose is not None:
        _propose(server, config, wanted.propose, common)
        return 0
    if wanted.undo:
        _undo(server, config, common)
        return 0
    return _attach(server, config, common, apply=wanted.apply)


def _attach(server: ServerName, config: Path, common: Common, *, apply: bool) -> int:
    from components.cli.output.attach import describe_plan, print_applied, print_plan
    from components.site.attach.apply import apply_attach, plan_attach
    from components.site.validate import load_site

    settings = load_site(common.site)
    if settings.site.server != server:
        raise SiteError(f"{settings.path} is for {settings.site.server} (site.server), not for {server}")
    plan = plan_attach(settings, config)
    copy = apply_attach(plan, settings.gate.jid) if apply and not plan.problems else None
    common.tell(plan, lambda found: describe_plan(found, copy), print_plan)
    if copy is not None and not common.as_json:
        print_applied(plan, copy)
    return 1 if plan.problems else 0


def _undo(server: ServerName, config: Path, common: Common) -> None:
    from components.cli.output.attach import describe_undone, print_undone
    from components.site.attach.apply import undo_attach

    common.tell(undo_attach(config, server), describe_undone, lambda same: print_undone(config, same=same))


def _propose(server: ServerName, config: Path, folder: Path, common: Common) -> None:
    from components.cli.output.attach import describe_proposal, print_proposal
    from components.site.attach.propose import propose_site

    common.tell(propose_site(config, folder, server), describe_proposal, print_proposal)
