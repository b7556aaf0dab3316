"""A demonstration's two sites: one enterprise in Shanghai and London, each with keys and an authority of its own.

Shanghai has a console, in which one auditor looks at both.
With ejabberd it is a mixed one: Shanghai runs that, and London Prosody.
"""

import datetime as dt
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import replace_durably
from components.audit.access import name_actor
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.certificates import make_certificates
from components.site.demo_console import console_table
from components.site.demo_ejabberd import for_ejabberd
from components.site.demo_transfer import transfer_table
from components.site.init import authority_key_file, find_free_ports, init_site
from components.site.packaged import packaged_folder
from components.site.validate import read_site

_EXAMPLE = "steelyard.example"


@dataclass(frozen=True, slots=True)
class DemoSite:
    """A site: its folder is called as its `id`."""

    id: str
    name: str

    @property
    def domain(self) -> str:
        """The domain of its accounts; those of its rooms and components are below it."""
        return f"{self.id}.example"

    @property
    def gate(self) -> str:
        """The JID of its gate."""
        return f"gate.{self.domain}"


SHANGHAI, LONDON = DemoSite("shanghai", "Shanghai"), DemoSite("london", "London")
SITES = (SHANGHAI, LONDON)
WEI, OLIVER = f"wei@{SHANGHAI.domain}", f"oliver@{LONDON.domain}"
ROOM = f"copper@rooms.{SHANGHAI.domain}"


def make_sites(folder: Path, server: ServerName | None = None) -> tuple[list[SiteFile], list[Path]]:
    """Make what the two sites in a folder lack, and return them and the made files; raises what `init_site` does.

    `server` is that of the first one. Raises SiteError if the sites are there with another.
    """
    there = [_site_toml(folder, site).exists() for site in SITES]
    if any(there) and not all(there):
        raise SiteError(
            f"of the two sites in {folder} one is missing: remove the other, or name another folder"
        )
    made = [] if all(there) else _write_settings(folder, server or "prosody")
    if server not in (None, has := read_site(_site_toml(folder, SHANGHAI)).site.server):
        raise SiteError(
            f"the sites in {folder} are made with {has}: name another folder for {server} (--site)"
        )
    for site in SITES:
        made += _make_authority(read_site(_site_toml(folder, site)))
    for site, other in (SITES, reversed(SITES)):
        made += _exchange_authorities(folder, site, other)
    results = [init_site(_site_toml(folder, site), demo=True) for site in SITES]
    return [result.settings for result in results], made + [file for each in results for file in each.made]


def _site_toml(folder: Path, site: DemoSite) -> Path:
    return folder / site.id / "site.toml"


def _authority_of(folder: Path, site: DemoSite, other: DemoSite) -> Path:
    """Return the file in which a site keeps the certificate of the other one's authority."""
    return folder / site.id / "certs" / f"{other.id}-ca.crt"


def _write_settings(folder: Path, server: ServerName) -> list[Path]:
    """Write the files that people edit, site.toml last: where it is, the others are, too."""
    *free, console_port = find_free_ports(4 * len(SITES) + 1)
    ports = dict(zip(SITES, zip(*[iter(free)] * 4, strict=True), strict=True))
    files: list[Path] = []
    for site, other in (SITES, reversed(SITES)):
        own = folder / site.id
        own.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("directory.toml", _directory(site)),
            ("policy.toml", _policy()),
            (
                "site.toml",
                _settings(site, other, ports[site], ports[other][2], server) + _audit(site, console_port),
            ),
        ):
            replace_durably(own / name, text.encode())
            files.append(own / name)
    return files


def _settings(
    site: DemoSite, other: DemoSite, ports: tuple[int, ...], port_there: int, server: ServerName
) -> str:
    c2s_port, component_port, s2s_port, files_port = ports
    text = (packaged_folder("examples") / "site.toml").read_text() + transfer_table(files_port)
    if site is SHANGHAI and server == "ejabberd":
        text = for_ejabberd(text)
    for old, new in (
        ('name = "Demonstration"', f'name = "{site.name}"'),
        ("c2s_port = 5222", f"c2s_port = {c2s_port}\ns2s_port = {s2s_port}"),
        ("component_port = 5347", f"component_port = {component_port}"),
        ('domains = ["metals.example", "grain.example"]', f'domains = ["{site.domain}"]'),
        ('["rooms.metals.example", "rooms.grain.example"]', f'["rooms.{site.domain}"]'),
        (_EXAMPLE, site.domain),
    ):
        text = text.replace(old, new)
    return (
        f"{text}\n[[federation.sites]]                   # the other site of this enterprise (docs/federation.md)\n"
        f'name = "{other.name}"\n'
        f'domains = ["{other.domain}"]\n'
        f'room_domains = ["rooms.{other.domain}"]\n'
        'address = "127.0.0.1"                  # both are on this machine\n'
        f"port = {port_there}\n"
        f'authority = "certs/{other.id}-ca.crt"  # its own authority, and nobody else\'s\n'
    )


def _audit(site: DemoSite, console_port: int) -> str:
    """Write who audits: whoever makes these sites, at both of them, from the console of the first one."""
    listed = (
        "\n[[audit.auditors]]                     # whoever made these sites; a login is known at both by this id\n"
        'id = "erin"\n'
        'name = "Erin Ortega"\n'
        f"user = {json.dumps(name_actor())}\n"
        'roles = ["auditor", "lead", "overseer"]\n'
    )
    if site is not SHANGHAI:
        return listed
    other = (
        "\n[[audit.sites]]                        # asked together with this one (docs/sites.md)\n"
        f'name = "{LONDON.id}"\n'
        f'site = "../{LONDON.id}/site.toml"\n'
    )
    return listed + other + console_table(console_port)


def _directory(site: DemoSite) -> str:
    """Write one enterprise with two sites; the components are those of the site whose directory it is."""
    listed = "\n".join(f'  {{ domain = "{each.domain}", rooms = "rooms.{each.domain}" }},' for each in SITES)
    people = ((WEI, "Wei Lin"), (f"mei@{SHANGHAI.domain}", "Mei Chen"), (OLIVER, "Oliver Owen"))
    persons = "".join(
        f'\n[[enterprise.metals.person]]\njid = "{jid}"\nname = "{name}"\ndesk = "base"\nroles = ["trader"]\n'
        for jid, name in people
    )
    return (
        "# Who is on the line, at both sites. Beside the first three lines, the two sites have the same.\n\n"
        f'gate = "{site.gate}"\nroster = "roster.{site.domain}"\ntransfer = "files.{site.domain}"\n\n'
        f'[enterprise.metals]\nname = "Metals Trading AG"\nsites = [\n{listed}\n]\n\n'
        f'[[enterprise.metals.desk]]\nid = "base"\nname = "Base metals"\n{persons}\n'
        f'[[enterprise.metals.room]]\njid = "{ROOM}"\nname = "Copper"\n'
    )


def _policy() -> str:
    """Take the example's rules, and know the files of both sites: all of a demonstration are on this machine."""
    return (
        (packaged_folder("examples") / "policy.toml")
        .read_text()
        .replace('hosts = ["metals.example"', 'hosts = ["localhost", "metals.example"')
    )


def _make_authority(settings: SiteFile) -> list[Path]:
    key_file = authority_key_file(settings)
    key_file.parent.mkdir(mode=0o700, exist_ok=True)
    return make_certificates(
        settings.prosody.certificates,
        key_file,
        settings.site.name,
        settings.certified_names,
        dt.datetime.now(dt.UTC),
    )


def _exchange_authorities(folder: Path, site: DemoSite, other: DemoSite) -> list[Path]:
    """Give a site the certificate of the other one's authority, as people do, and compare it."""
    theirs, kept = folder / other.id / "certs" / "ca.crt", _authority_of(folder, site, other)
    if kept.exists():
        return []
    shutil.copy(theirs, kept)
    return [kept]
