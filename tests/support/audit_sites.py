"""Two sites of one enterprise, each with its own logs and keys, and an auditor who looks into both from the first."""

from dataclasses import dataclass
from pathlib import Path

from components.archive.record import Submission
from components.settings.site import SiteFile
from tests.support.audit_site import Site, make_site

SHANGHAI, LONDON = "shanghai.example", "london.example"
ALICE, BOB = f"alice@{SHANGHAI}/desk", f"bob@{LONDON}/phone"
PIT = f"pit@rooms.{SHANGHAI}"


def receipt(city: str, record: str) -> str:
    """The receipt that a site's gate puts into what it lets go."""
    return f"<stanza-id xmlns='urn:xmpp:sid:0' by='gate.{city}' id='{record}'/>"


def message(sender: str, to: str, text: str, more: str = "", *, type_: str = "chat", id_: str = "m") -> bytes:
    """A message; `more` stands behind its body."""
    return (
        f"<message xmlns='jabber:client' from='{sender}' to='{to}' type='{type_}' id='{id_}'>"
        f"<body>{text}</body>{more}</message>"
    ).encode()


@dataclass
class Cities:
    """Shanghai, whose auditor looks, and London."""

    shanghai: Site
    london: Site

    @property
    def settings(self) -> SiteFile:
        """Those of Shanghai, which name London."""
        return self.shanghai.settings

    def arrive(self, site: Site, body: bytes, *, at_s: float = 0) -> Submission:
        """A stanza that came to a site from another one."""
        return site.submit(body, at_s=at_s)._replace(way="s2s")

    async def send(self, sender: str, to: str, text: str, *, at_s: float = 0) -> tuple[str, str]:
        """Record a message at both sites, as if it had passed; return the ids of both records, the sender's first."""
        here, there = (
            (self.shanghai, self.london) if f"@{SHANGHAI}" in sender else (self.london, self.shanghai)
        )
        city = SHANGHAI if here is self.shanghai else LONDON
        await here.record(here.submit(message(sender, to, text), at_s=at_s))
        sent = f"gate/{here.places[-1]}"
        await there.record(
            self.arrive(there, message(sender, to, text, receipt(city, sent)), at_s=at_s + 0.1)
        )
        return f"{here.settings.site.name}:{sent}", f"{there.settings.site.name}:gate/{there.places[-1]}"


def tables_of(city: str) -> dict[str, dict[str, object]]:
    """What differs from site to site."""
    return {
        "site": {"name": city.partition(".")[0]},
        "prosody": {"domains": [city], "room_domains": [f"rooms.{city}"]},
        "gate": {"jid": f"gate.{city}", "log_origin": f"{city}/gate"},
        "audit": {"log_origin": f"{city}/audit"},
    }


def name_sites(site: Site, **others: Path) -> Site:
    """Name other sites in a site's settings, and return the site."""
    lines = [f'[[audit.sites]]\nname = "{name}"\nsite = "{path}"\n' for name, path in others.items()]
    site.path.write_text(site.path.read_text() + "\n" + "".join(lines))
    site.settings = SiteFile(site.path)
    return site


async def make_cities(root: Path, **audit: str) -> Cities:
    """Make both sites, with empty logs; `audit` are further settings of that table in London."""
    sites = []
    for city, more in ((SHANGHAI, {}), (LONDON, audit)):
        (root / city).mkdir(parents=True)
        tables = tables_of(city)
        sites.append(await make_site(root / city, **tables | {"audit": tables["audit"] | more}))
    shanghai, london = sites
    return Cities(name_sites(shanghai, london=london.path), london)
