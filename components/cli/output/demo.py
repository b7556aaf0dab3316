"""Shows the demonstration."""

from rich.console import Console
from rich.table import Table

from components.site import demo_scenes as scenes

_LEFT = 16


def show_scene(scene: scenes.Scene) -> None:
    """Show one scene on standard output, at once."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    match scene:
        case scenes.Heading(title):
            console.print(f"\n{title}", style="bold")
        case scenes.Notice(sender, to, body, thanks):
            console.print(f"  {sender} → {to}: {body}")
            if thanks:
                console.print(f"  {_name(to)}: yes  ✔ {thanks}")
        case scenes.Contacts(owner, names):
            title = f"{_name(owner)}'s contacts"
            console.print(f"\n  {title:{_LEFT}} {', '.join(names[jid] for jid in sorted(names))}")
        case scenes.Online(owner, names):
            seen = f"{_name(owner)} sees"
            console.print(f"  {seen:{_LEFT}} {', '.join(names[jid] for jid in sorted(names))} online")
        case scenes.Message() as message:
            _show_message(console, message)
        case scenes.File() as file:
            _show_file(console, file)
        case scenes.Accounts() as accounts:
            _show_accounts(console, accounts)
        case scenes.ChatLink(link, fault):
            title = "Be a trader, in a browser (while this runs; for your eyes only):"
            console.print(f"\n{title if not fault else 'There is no chat page:'}", style="bold")
            console.print(f"  {fault or link}")
        case scenes.ConsoleLink(link, authority):
            console.print("\nBe the auditor, in another tab (this link is good once):", style="bold")
            console.print(f"  {link}")
            console.print(
                f"  The browser warns unless it trusts {authority}; `steelyard audit link` makes another link."
            )
        case scenes.Command(arguments, site):
            typed = " ".join(f"'{each}'" if " " in each else each for each in arguments)
            console.print(f"\n$ steelyard {typed} --site {site}", style="bold")
        case scenes.End() as end:
            _show_end(console, end)
    # A command whose output follows writes to standard output itself.
    console.file.flush()


def _show_message(console: Console, message: scenes.Message) -> None:
    _show_sent(
        console,
        message,
        f"{'corrects: ' if message.is_correction else ''}{message.body}",
        f"recorded as {message.record}, delivered" if message.record else "",
        f"refused ({message.condition}): {message.text}",
    )


def _show_file(console: Console, file: scenes.File) -> None:
    _show_sent(
        console,
        file,
        f"{file.name} ({file.media_type}, {file.size_bytes:,} bytes)",
        f"kept, sent in {file.record}, and fetched" if file.record else "",
        f"refused: {file.text}",
    )


def _show_sent(
    console: Console, sent: scenes.Message | scenes.File, what: str, passed: str, refused: str
) -> None:
    """Show what somebody sent to whom, and below it what became of it; `passed` is empty if it was refused."""
    names = f"{_name(sent.sender)} → {_name(sent.to)}"
    console.print(f"  {names:{_LEFT}} {what}")
    outcome, style = (f"✔ {passed}", "green") if passed else (f"✘ {refused}", "yellow")
    console.print(f"  {'':{_LEFT}} {outcome}", style=style)


def _show_accounts(console: Console, accounts: scenes.Accounts) -> None:
    table = Table(title="Who can log in, with any XMPP client", title_justify="left", title_style="bold")
    for column in ("JID", "password", "host", "port"):
        table.add_column(column, no_wrap=True)
    for jid, password in accounts.passwords.items():
        table.add_row(jid, password, accounts.host, str(accounts.port))
    console.print()
    console.print(table, soft_wrap=False)
    console.print(f"TLS is required; let the client trust {accounts.authority}")


def _show_end(console: Console, end: scenes.End) -> None:
    if end.fault:
        console.print(f"\nThe demonstration failed: {end.fault}", style="bold red")
    else:
        files = f", {end.files} of them with a file" if end.files else ""
        file = f", and {end.refused_files} file" if end.refused_files else ""
        said = f"{end.delivered} messages recorded, then delivered{files}; {end.refused} refused{file}"
        console.print(f"\nAll as it should be: {said}.")


def _name(jid: str) -> str:
    return jid.partition("@")[0]
