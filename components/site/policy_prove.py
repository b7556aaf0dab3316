"""Runs the proof over a site's rules."""

import time
from dataclasses import dataclass
from pathlib import Path

from components.process.errors import SiteError
from components.process.progress import Bars
from components.rules.load import RulesError, RuleSources, load_rules, load_sources
from components.settings.site import SiteFile
from policy.proof.prove import prove
from policy.proof.trial import Proof


@dataclass(frozen=True, slots=True)
class SiteProof:
    """A proof, the digest of its rules, and how long it took."""

    digest: str
    proof: Proof
    took_s: float


def prove_site(site: Path, bars: Bars, directory: Path | None = None) -> SiteProof:
    """Prove a site's present rules, or those of a directory.toml alone; raises SiteError and SettingsError."""
    try:
        sources = RuleSources(directory) if directory else load_sources(SiteFile(site))
        rules = load_rules(sources, time.time_ns()).rules
    except RulesError as error:
        raise SiteError(str(error)) from None
    began_s = time.monotonic()
    with bars("proving", "steps") as progress:
        proof = prove(rules.directory, progress=progress)
    return SiteProof(rules.digest, proof, time.monotonic() - began_s)
