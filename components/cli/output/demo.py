"""How the demonstration is shown."""

from rich.console import Console
from rich.table import Table

from components.site.demo_scenes import (
    Accounts,
    Acknowledged,
    Command,
    Contacts,
    Failed,
    Finished,
    Heading,
    Notice,
    Refused,
    Said,
    Scene,
)

_LEFT = 16


def show_scene(scene: Scene) -> None:
    """Show one scene on standard output, at once."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    _show(scene, console)
    # A command whose output follows writes to standard output itself.
    console.file.flush()


def _show(scene: Scene, console: Console) -> None:
    match scene:
        case Heading(title):
            console.print(f"\n{title}", style="bold")
        case Notice(sender, to, body):
            console.print(f"  {sender} → {to}: {body}")
        case Acknowledged(jid, thanks):
            console.print(f"  {_name(jid)}: yes  ✔ {thanks}")
        case Contacts(owner, names):
            title = f"{_name(owner)}'s contacts"
            console.print(f"\n  {title:{_LEFT}} {', '.join(names[jid] for jid in sorted(names))}")
        case Said() as said:
            correction = "corrects: " if said.is_correction else ""
            _show_message(console, said.sender, said.to, f"{correction}{said.body}")
            console.print(f"  {'':{_LEFT}} ✔ recorded as {said.record}, delivered", style="green")
        case Refused() as refused:
            _show_message(console, refused.sender, refused.to, refused.body)
            outcome = f"✘ refused ({refused.condition}): {refused.text}"
            console.print(f"  {'':{_LEFT}} {outcome}", style="yellow")
        case Accounts() as accounts:
            _show_accounts(console, accounts)
        case Command(arguments, site):
            typed = " ".join(f"'{each}'" if " " in each else each for each in arguments)
            console.print(f"\n$ steelyard {typed} --site {site}", style="bold")
        case Failed(reason):
            console.print(f"\nThe demonstration failed: {reason}", style="bold red")
        case Finished(delivered, refused):
            text = f"All as it should be: {delivered} messages recorded, then delivered; {refused} refused."
            console.print(f"\n{text}")


def _show_message(console: Console, sender: str, to: str, body: str) -> None:
    names = f"{_name(sender)} → {_name(to)}"
    console.print(f"  {names:{_LEFT}} {body}")


def _show_accounts(console: Console, accounts: Accounts) -> None:
    table = Table(title="Who can log in, with any XMPP client", title_justify="left", title_style="bold")
    for column in ("JID", "password", "host", "port"):
        table.add_column(column, no_wrap=True)
    for jid, password in accounts.passwords.items():
        table.add_row(jid, password, accounts.host, str(accounts.port))
    console.print()
    console.print(table, soft_wrap=False)
    console.print(f"TLS is required; let the client trust {accounts.authority}")


def _name(jid: str) -> str:
    return jid.partition("@")[0]
