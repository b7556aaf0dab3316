"""The `steelyard attach` commands: a server that already runs (docs/attach.md)."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, Common
from components.process.errors import SiteError
from components.settings.site import ServerName

app = App(name="attach", help="Attach Steelyard to a server that already runs (docs/attach.md).")


@app.command
def prosody(
    *,
    config: Path,
    dry_run: bool = False,
    apply: bool = False,
    undo: bool = False,
    propose: Annotated[
        Path | None, Parameter(help="Write a proposed site for the server into this folder.")
    ] = None,
    common: Common = COMMON,
) -> int:
    """Attach a Prosody that already runs: show the lines for its configuration, write them, or take them out again.

    Without an option it shows and checks them, and changes nothing. Exit status 1 if something must be mended first.

    Parameters
    ----------
    config
        The server's configuration, such as /etc/prosody/prosody.cfg.lua.
    dry_run
        Show the lines and check the server; change nothing. This is what it does anyway.
    apply
        Write the lines, and keep a copy of the configuration as it was. The server is not restarted.
    undo
        Take out what was added, and nothing else.
    """
    return _run("prosody", config, common, dry_run=dry_run, apply=apply, undo=undo, propose=propose)


@app.command
def ejabberd(
    *,
    config: Path,
    dry_run: bool = False,
    apply: bool = False,
    undo: bool = False,
    propose: Annotated[
        Path | None,
        Parameter(help="Write a proposed site for the server, which has to be up, into this folder."),
    ] = None,
    common: Common = COMMON,
) -> int:
    """Attach an ejabberd that already runs: show the lines for its configuration, write them, or take them out again.

    Without an option it shows and checks them, and changes nothing. Exit status 1 if something must be mended first.

    Parameters
    ----------
    config
        The server's configuration, such as /etc/ejabberd/ejabberd.yml.
    dry_run
        Show the lines and check the server; change nothing. This is what it does anyway.
    apply
        Write the lines and the adapter, and keep a copy of the configuration as it was. The server is not restarted.
    undo
        Take out what was added, and nothing else.
    """
    return _run("ejabberd", config, common, dry_run=dry_run, apply=apply, undo=undo, propose=propose)


def _run(
    server: ServerName,
    config: Path,
    common: Common,
    *,
    dry_run: bool,
    apply: bool,
    undo: bool,
    propose: Path | None,
) -> int:
    if sum((dry_run, apply, undo, propose is not None)) > 1:
        raise SiteError("give one of --dry-run, --apply, --undo and --propose")
    if propose is not None:
        _propose(server, config, propose, common)
        return 0
    if undo:
        _undo(server, config, common)
        return 0
    return _attach(server, config, common, apply=apply)


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
