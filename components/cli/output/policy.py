"""What the commands that check and prove rules print (docs/policy.md)."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.site.policy_check import PolicyReport
from components.site.policy_prove import SiteProof


def describe_report(report: PolicyReport) -> dict[str, Any]:
    """Describe the check of a policy for JSON."""
    return {"ok": report.ok} | asdict(report)


def print_report(report: PolicyReport, file: Path) -> None:
    """Print what is wrong with a policy or with its examples, or that all is right."""
    for problem in report.problems:
        print(f"✘ {problem}")
    for failure in report.failures:
        print(f"✘ {failure.path}: {failure.problem}")
    if not report.digest:
        print(f"{file} is not usable: {_count(len(report.problems), 'problem')}")
    elif report.failures:
        print(f"{file}: {len(report.failures)} of {_count(report.examples, 'example')} went wrong")
    else:
        rules, examples = _count(report.rules, "rule"), _count(report.examples, "example")
        print(f"✔ {file}: {rules}, {examples} as they should be")
        print(f"  digest {report.digest}")


def describe_proof(found: SiteProof) -> dict[str, Any]:
    """Describe a proof for JSON."""
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


def print_proof(found: SiteProof) -> None:
    """Print each stanza that passes and must not, and then what was tried."""
    for line in _proof_lines(found):
        print(line)


def _proof_lines(found: SiteProof) -> Iterator[str]:
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


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
