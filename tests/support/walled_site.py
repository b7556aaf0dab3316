"""A site's rules with a barrier between two people, and approvers who can except them from it."""

from pathlib import Path

from components.archive.keys import create_log_key
from policy.address import BareJid
from tests.support.site_toml import write_site_toml
from tests.unit.policy.walls import WALLED_TEXT

RITA, TOM = BareJid("rita@metals.example"), BareJid("tom@metals.example")
APPROVERS = ("anna@metals.example", "ada@metals.example", "rita@metals.example", "hanna@grain.example")


def make_walled_site(folder: Path) -> Path:
    """Write the files; returns the site.toml."""
    (folder / "directory.toml").write_text(WALLED_TEXT)
    for name in (*APPROVERS, "bob"):
        create_log_key(folder / f"{name}.key", f"approver/{name}")
    public = [f"{name}.pub" for name in (*APPROVERS, "bob")]
    return write_site_toml(folder / "site.toml", archive={"approvers": public})


def key(site: Path, name: str) -> str:
    """Where somebody's private key is kept."""
    return str(site.parent / f"{name}.key")
