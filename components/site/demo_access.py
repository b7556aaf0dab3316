"""A demonstration's admission: approvers whose keys are here, and everybody admitted by two of them."""

from collections.abc import Iterable
from pathlib import Path

from components.archive.keys import create_log_key
from components.archive.keys.reference import public_file
from components.rules.access.desk import decide_access, open_desk, request_access
from components.settings.access import AccessSettings
from components.settings.site import SiteFile
from policy.access.statement import AccessAct

ACCESS = "access.steelyard.example"

# Three for each firm: nobody decides on their own admission, and each needs two others.
_MORE_APPROVERS = {
    "metals": {"erin": "Erin Ebert", "frank": "Frank Fuchs", "gina": "Gina Grant"},
    "grain": {"ivan": "Ivan Iris", "julia": "Julia Jones"},
}
_APPROVERS = (
    *(f"{name}@{firm}.example" for firm, people in _MORE_APPROVERS.items() for name in people),
    "hanna@grain.example",
)


def add_approvers(directory_toml: str) -> str:
    """Add the access component and approvers to the text of the example's directory."""
    first, *others = directory_toml.split("\n\n# --- ", 1)
    text = f'{first}\naccess = "{ACCESS}"   # admits people, and tells them of the recording'
    text += "".join(f"\n\n# --- {other}" for other in others)
    for firm, people in _MORE_APPROVERS.items():
        for name, full_name in people.items():
            text += (
                f'\n[[enterprise.{firm}.person]]\njid = "{name}@{firm}.example"\n'
                f'name = "{full_name}"\nroles = ["approver"]\n'
            )
    return text


def access_table() -> str:
    """Write the `[access]` table of a demonstration's site.toml."""
    keys = ", ".join(f'"keys/approver-{jid}.pub"' for jid in _APPROVERS)
    return (
        "\n[access]                               # who is let in: only whom two approvers have admitted\n"
        f'jid = "{ACCESS}"\n'
        'secret_file = "keys/access.secret"\n'
        'folder = "access"                      # what the approvers signed\n'
        f"approvers = [{keys}]\n"
        'passwords = "passwords"                # the first ones of new accounts\n'
        'status_file = "run/access.status.json"\n'
    )


def make_approver_keys(access: AccessSettings) -> Iterable[Path]:
    """Make the missing approvers' keys, named as their files, and return the files. Raises KeyFileError."""
    for public in access.approvers:
        private = public.with_suffix(".key")
        if not public_file(private).exists():
            create_log_key(private, f"approver/{public.stem.removeprefix('approver-')}")
            yield private


def admit_everybody(settings: SiteFile) -> None:
    """Request admission for everybody, and have all approvers approve what they can; raises SiteError."""
    if settings.access is None:
        return
    desk = open_desk(settings.path)
    request_access(desk, (), "", None, "demonstration")
    for public in settings.access.approvers:
        decide_access(desk, AccessAct.APPROVE, (), str(public.with_suffix(".key")), "demonstration")
