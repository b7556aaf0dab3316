"""The `steelyard keys` commands: the keys of a site."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, Common
from components.cli.output.json_printer import print_json
from components.cli.output.paths import relative

if TYPE_CHECKING:
    from components.settings.site import SiteFile

KeyName = Annotated[
    str, Parameter(name="name", help="A log's or a recipient's name, as `steelyard keys list` shows it.")
]
Recipient = Annotated[str, Parameter(name="name", help="A recipient's name, such as escrow.")]

app = App(name="keys", help="Make, list, rotate and split the keys of a site (docs/keys.md).")


@app.command(name="list")
def list_(*, common: Common = COMMON) -> None:
    """List the keys that the settings name: where each is kept, and whether it exists."""
    from components.cli.output.keys import describe_states, print_states
    from components.site.keys import describe_keys

    common.tell(list(describe_keys(_read(common.site))), describe_states, print_states)


@app.command
def make(
    name: str,
    *,
    at: str | None = None,
    approver: bool = False,
    auditor: bool = False,
    common: Common = COMMON,
) -> None:
    """Make a key: one that the settings name and that is missing, a new recipient's, an approver's or an auditor's.

    Parameters
    ----------
    name
        A log's or a recipient's name, as `steelyard keys list` shows it, or a new recipient's.
    at
        Where to keep a new private key: a path, age:FILE or a pkcs11: URI.
    approver
        Make the key with which this person approves orders (docs/retention.md).
    auditor
        Make the key with which this auditor signs reviews (docs/review.md).
    """
    from components.site.keys import find_keys, make_key, make_signing_key

    settings = _read(common.site)
    is_new = name not in {key.name for key in find_keys(settings)}
    what = "auditor" if auditor else "approver" if approver else ""
    public = make_signing_key(settings, what, name, at) if what else make_key(settings, name, at)
    if common.as_json:
        print_json({"key": name, "public": str(public)})
        return
    print(f"made the key {name}; its public half is {relative(public)}")
    public_in_settings = os.path.relpath(public, settings.folder)
    if what:
        told = {
            "approver": "add {} to archive.approvers (orders) or access.approvers (admissions), "
            "and start the site again",
            "auditor": 'write key = "{}" into the table [[audit.auditors]] of this person',
        }
        print(told[what].format(public_in_settings))
        print("give the private half to this person, and leave no copy here")
    elif is_new:
        print(
            f"add {public_in_settings} to archive.recipients, and start the site again: it then opens all records"
        )
        print("for grants (docs/matters.md), only hand the public half out, and add it nowhere")


@app.command
def certificate(name: str, *, common: Common = COMMON) -> None:
    """Make the certificate with which this machine follows a site's feed (docs/feed.md).

    Parameters
    ----------
    name
        The machine's name, such as erin-desk.
    """
    import datetime as dt

    from components.site.certificates import make_machine_certificate
    from components.site.keys import require_key_name

    require_key_name(name)
    file = _read(common.site).folder / "keys" / f"{name}.crt"
    make_machine_certificate(file, name, dt.datetime.now(dt.UTC))
    if common.as_json:
        print_json({"certificate": str(file)})
        return
    print(f"made {relative(file)}; give the site a copy, and name it in follow.certificate here")


@app.command
def rotate(name: KeyName, *, common: Common = COMMON) -> None:
    """Replace the key of a log or a recipient with a new one. What was signed or sealed before stays valid."""
    from components.site.keys import find_key, rotate_key

    settings = _read(common.site)
    is_log = find_key(settings, name).log is not None
    done = asyncio.run(rotate_key(settings, name))
    if common.as_json:
        print_json({"key": name, "done": done})
    elif not done:
        print(f"the new key of {name} is ready; its log changes to it when the site starts again")
    elif is_log:
        print(
            f"the log {name} has a new key and records the change; a verifier that knows the first key can follow it"
        )
    else:
        print(f"{name} has a new key; start the site again, so that new segments are sealed to it")


@app.command
def split(
    name: Recipient,
    *,
    to: Path,
    shares: int = 5,
    threshold: int = 3,
    keep: bool = False,
    common: Common = COMMON,
) -> None:
    """Split a recipient's key into shares (SLIP-39). The key is removed when the shares are proved to restore it.

    Parameters
    ----------
    to
        Folder for the files with the shares. Give each file to another person, and delete it here.
    shares
        How many shares to make, at most 16.
    threshold
        How many of them restore the key, at least 2.
    keep
        Leave the whole key where it is.
    """
    from components.site.escrow import split_recipient_key

    paths = split_recipient_key(_read(common.site), name, shares, threshold, to, keep=keep)
    if common.as_json:
        print_json({"key": name, "shares": [str(path) for path in paths], "removed": not keep})
        return
    for path in paths:
        print(f"made {relative(path)}")
    whole = "is still where it was" if keep else "is removed"
    print(f"any {threshold} of them restore the key, as a test has shown; the whole key {whole}")


@app.command
def join(name: Recipient, *files: Path, trial: bool = False, common: Common = COMMON) -> None:
    """Restore a recipient's key from files with its shares.

    Parameters
    ----------
    files
        The files with shares, as many as are needed.
    trial
        Only try whether these shares restore the key.
    """
    from components.site.escrow import join_recipient_key

    place = join_recipient_key(_read(common.site), name, files, trial=trial)
    if common.as_json:
        print_json({"key": name, "place": str(place), "restored": not trial})
    elif trial:
        print(f"these shares restore the key {name}")
    else:
        print(f"the key {name} is in {place} again; remove it when it is not needed any more")


def _read(site: Path) -> "SiteFile":
    from components.site.validate import read_site

    return read_site(site)
