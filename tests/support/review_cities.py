"""Two sites with flagged messages, and reviewers of both who sign: their keys are listed at each."""

import shutil
from pathlib import Path

from components.archive.keys import create_log_key
from components.settings.site import SiteFile
from tests.support.audit_site import Site
from tests.support.audit_sites import LONDON, SHANGHAI, Cities, make_cities
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = f"alice@{SHANGHAI}", f"bob@{LONDON}"
GUS, HANNA = "gus@grain.example", "hanna@grain.example"
DIRECTORY = f"""
gate = "gate.steelyard.example"

[enterprise.metals]
name = "Metals"
sites = [{{ domain = "{SHANGHAI}" }}, {{ domain = "{LONDON}" }}]
person = [
  {{ jid = "{ALICE}", name = "Alice Arden", roles = ["trader"] }},
  {{ jid = "{BOB}", name = "Bob Berger", roles = ["trader"] }},
]

[enterprise.grain]
name = "Grain"
sites = [{{ domain = "grain.example" }}]
person = [
  {{ jid = "{GUS}", name = "Gus", roles = ["trader"] }},
  {{ jid = "{HANNA}", name = "Hanna", roles = ["trader"] }},
]
"""
POLICY = write_rule("tips", "flag", kind="lexicon", terms={"en": ["tip"]}, must_match=["tip"]) + write_rule(
    "blind", "flag", kind="lexicon", terms={"en": ["secret"]}, must_match=["secret"], hide_names=True
)


def auditor(id_: str, *roles: str, enterprises: tuple[str, ...] = ()) -> str:
    """The table of somebody who has a key, and the user of that name."""
    within = f"enterprises = {list(enterprises)}\n" if enterprises else ""
    return (
        f'[[audit.auditors]]\nid = "{id_}"\nname = "{id_.title()}"\nuser = "{id_}"\n'
        f'roles = {list(roles)}\n{within}key = "keys/auditor-{id_}.pub"\n'
    )


async def make_review_cities(root: Path) -> Cities:
    """Shanghai has three items, London two.

    Erin and Rosa are reviewers at both, with the same keys; Lena is a lead at both, with another key at each; Greta, of
    the other enterprise, is known in Shanghai alone.
    """
    cities = await make_cities(root)
    here, there = cities.shanghai, cities.london
    both = auditor("erin", "reviewer") + auditor("rosa", "reviewer") + auditor("lena", "lead")
    _set_up(here, both + auditor("greta", "reviewer", enterprises=("grain",)))
    _set_up(there, both)
    for name in ("erin", "rosa", "lena", "greta"):
        create_log_key(here.path.parent / f"keys/auditor-{name}.key", f"auditor/{name}")
    for name in ("erin", "rosa"):
        shutil.copy(here.path.parent / f"keys/auditor-{name}.pub", there.path.parent / "keys")
    create_log_key(there.path.parent / "keys/auditor-lena.key", "auditor/lena")
    await here.record(
        here.say(f"{ALICE}/d", ALICE, "a tip", at_s=1, rules=("tips",)),
        here.say(f"{GUS}/d", HANNA, "grain tip", at_s=3, rules=("tips",)),
        here.say(f"{ALICE}/d", BOB, "another tip", at_s=5, rules=("tips",)),
    )
    await there.record(
        there.say(f"{BOB}/d", ALICE, "tip of London", at_s=2, rules=("tips",)),
        there.say(f"{BOB}/d", BOB, f"a secret of {BOB}", at_s=4, rules=("blind",)),
    )
    return cities


def _set_up(site: Site, auditors: str) -> None:
    folder = site.path.parent
    (folder / "directory.toml").write_text(DIRECTORY)
    (folder / "policy.toml").write_text(POLICY)
    text = site.path.read_text().replace("[gate]", '[gate]\npolicy = "policy.toml"')
    site.path.write_text(f"{text}\n{auditors}")
    site.settings = SiteFile(site.path)
