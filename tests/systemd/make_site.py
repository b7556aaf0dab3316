"""Makes a site of every process in its place on the machine, and admits everybody; run there, as root."""

from pathlib import Path

from components.settings.site import SiteFile
from components.site.demo_access import (
    access_table,
    add_approvers,
    admit_everybody,
    make_approver_keys,
)
from components.site.init import init_site
from tests.support.system_site import MORE

SITE = Path("/etc/steelyard/site.toml")
STATE, RUN = "/var/lib/steelyard", "/run/steelyard"


def _places(text: str) -> str:
    """Give what access writes the folders of a system."""
    for old, new in (
        ('"access" ', f'"{STATE}/access/statements" '),
        ('"passwords" ', f'"{STATE}/access/passwords" '),
        ('"run/access.status.json"', f'"{RUN}/access/status.json"'),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def make_site() -> None:
    """Make all that `steelyard units` and the processes need."""
    init_site(SITE, system=True, origin="line.firm.example")
    text = SITE.read_text()
    begin = text.index("# [transfer]")
    tables = {table.partition("]")[0]: f"[{table}" for table in MORE.split("\n[") if "]" in table}
    kept = "\n".join(tables[name] for name in ("tiles", "console", "witness"))
    text = text[:begin] + text[begin:].replace("\n# ", "\n").removeprefix("# ")
    # However busy the machine is, what is held must not come back while the gate starts.
    text = text.replace("\n[archive]", "hold_timeout_s = 60.0\n\n[archive]", 1)
    SITE.write_text(f"{text}\n{kept}\n{_places(access_table())}")
    directory = SITE.with_name("directory.toml")
    people = directory.read_text().replace("# --- ", 'transfer = "files.steelyard.example"\n\n# --- ', 1)
    directory.write_text(add_approvers(people))
    site = SiteFile(SITE)
    assert site.access is not None
    [*make_approver_keys(site.access)]
    init_site(SITE)
    admit_everybody(SiteFile(SITE))


if __name__ == "__main__":
    make_site()
