"""Runs the proof over a site's rules, and puts what it found as people and programs read it."""

import time
from collections.abc import Iterator
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
    """A proof, the digest of the rules that it is of, and how long it took."""

    digest: str
    proof: Proof
    took_s: float


def prove_site(site: Path, bars: Bars, directory: Path | None = None) -> SiteProof:
    """Prove the rules that a site has now, or those of a directory.toml alone; raises SiteError and SettingsError."""
    try:
        sources = RuleSources(directory) if directory else load_sources(SiteFile(site))
        rules = load_rules(sources, time.time_ns()).rules
    except RulesError as error:
        raise SiteError(str(error)) from None
    began_s = time.monotonic()
    with bars("proving", "steps") as progress:
        proof = prove(rules.directory, progress=progress)
    return SiteProof(rules.digest, proof, time.monotonic() - began_s)


def describe_proof(found: SiteProof) -> dict[str, object]:
    """Put a proof as JSON has it (docs/commands.md)."""
    proof = found.proof
    return {
        "ok": not proof.holes,
        "digest": found.digest,
        "people": proof.people,
        "classes": proof.classes,
        "rooms": proof.rooms,
        "paths": proof.paths,
        "closed_elsewhere": list(proof.elsewhere),
        "pairs": {relation.value: count for relation, count in sorted(proof.pairs.items())},
        "decisions": proof.decisions,
        "holes": proof.holes,
        "counterexamples": [
            {
                "path": each.path,
                "way": each.way.value,
                "from": each.sender,
                "to": each.target,
                "relation": each.relation,
                "stanza": each.stanza,
                "rules": list(each.rules),
            }
            for each in proof.counterexamples
        ],
        "took_s": round(found.took_s, 3),
    }


def format_proof(found: SiteProof) -> Iterator[str]:
    """Yield the lines that say it to a person."""
    proof = found.proof
    for each in proof.counterexamples:
        yield f"✘ {each.path} ({each.way}): {each.sender} reaches {each.target} ({each.relation})"
        yield f"    {each.stanza}"
        yield f"    released{' by ' + ', '.join(each.rules) if each.rules else ': no rule objects'}"
    pairs = ", ".join(f"{count:,} {relation}" for relation, count in sorted(proof.pairs.items())) or "none"
    yield f"pairs that must not reach each other: {pairs}"
    yield (
        f"{proof.paths} paths, {proof.people:,} people in {proof.classes:,} classes, {proof.rooms:,} rooms: "
        f"{proof.decisions:,} decisions in {found.took_s:.1f} s"
    )
    if proof.holes:
        shown = len(proof.counterexamples)
        yield f"✘ {proof.holes:,} stanzas pass that must not" + (
            f"; these are {shown} of them" if shown < proof.holes else ""
        )
    else:
        yield "✔ there is no counterexample"
    yield f"  {len(proof.elsewhere)} more paths are closed by the server, or harmless (docs/paths.md)"
    yield f"  rules {found.digest}"
