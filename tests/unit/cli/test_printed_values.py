"""What commands print, and describe for JSON, of values alone: proofs, keys, exceptions, sites that are compared."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from components.audit.sites.letters import FINDINGS, Comparison, Difference, Verdict
from components.audit.sites.named import SiteFault
from components.audit.sites.reconcile import Direction, ReadSite, Reconciled
from components.cli.output.exception import describe_exceptions, print_exceptions
from components.cli.output.federation import describe_reconciled, print_reconciled
from components.cli.output.keys import describe_states, print_states
from components.cli.output.policy import describe_proof, describe_report, print_proof, print_report
from components.rules.exceptions import ExceptionState, KeptException
from components.site.keys import KeyState
from components.site.policy_check import PolicyReport
from components.site.policy_prove import SiteProof
from policy.address import BareJid
from policy.content.example import ExampleFailure
from policy.directory.enterprise import EnterpriseId
from policy.facts import Way
from policy.proof.ends import Relation
from policy.proof.trial import Counterexample, Proof
from policy.reach.exception import BarrierException

ALICE, BOB = BareJid("alice@metals.example"), BareJid("bob@metals.example")
FILE = Path("/srv/policy.toml")
DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("report", "lines"),
    [
        (
            PolicyReport(DIGEST, 1, 2),
            ["✔ /srv/policy.toml: 1 rule, 2 examples as they should be", f"  digest {DIGEST}"],
        ),
        (
            PolicyReport(DIGEST, 3, 1, failures=(ExampleFailure("tips.must_match[0]", "does not match"),)),
            ["✘ tips.must_match[0]: does not match", "/srv/policy.toml: 1 of 1 example went wrong"],
        ),
        (
            PolicyReport(problems=("rule[0].id: is missing",)),
            ["✘ rule[0].id: is missing", "/srv/policy.toml is not usable: 1 problem"],
        ),
        (PolicyReport(problems=("a", "b")), ["✘ a", "✘ b", "/srv/policy.toml is not usable: 2 problems"]),
    ],
)
def test_the_check_of_a_policy(
    report: PolicyReport, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(report, FILE)
    assert capsys.readouterr().out.splitlines() == lines
    described = describe_report(report)
    assert described["ok"] is lines[0].startswith("✔")
    assert described["rules"] == report.rules
    assert len(described["failures"]) == len(report.failures)


def proof_of(*found: Counterexample, holes: int) -> SiteProof:
    proof = Proof(1_200, 7, 2, 40, ("mam", "blocking"), {Relation.BARRED: 1_500}, 3_000, holes, list(found))
    return SiteProof(DIGEST, proof, 1.23456)


HOLE = Counterexample("chat", Way.C2S, f"{ALICE}/desk", BOB, "barred", "<message/>", ())


def test_a_proof_without_a_counterexample(capsys: pytest.CaptureFixture[str]) -> None:
    found = proof_of(holes=0)
    print_proof(found)
    assert capsys.readouterr().out.splitlines() == [
        "pairs that must not reach each other: 1,500 barred",
        "40 paths, 1,200 people in 7 classes, 2 rooms: 3,000 decisions in 1.2 s",
        "✔ there is no counterexample",
        "  2 more paths are closed by the server, or harmless (docs/paths.md)",
        f"  rules {DIGEST}",
    ]
    described = describe_proof(found)
    assert described["ok"] is True
    assert (described["took_s"], described["closed_elsewhere"]) == (1.235, ["mam", "blocking"])
    assert described["pairs"] == {"barred": 1_500}
    assert described["counterexamples"] == []


@pytest.mark.parametrize(
    ("holes", "told"),
    [(1, "✘ 1 stanzas pass that must not"), (9, "✘ 9 stanzas pass that must not; these are 1 of them")],
)
def test_a_proof_with_holes(holes: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = proof_of(HOLE, holes=holes)
    print_proof(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"✘ chat (c2s): {ALICE}/desk reaches {BOB} (barred)",
        "    <message/>",
        "    released: no rule objects",
    ]
    assert told in lines
    described = describe_proof(found)
    assert (described["ok"], described["holes"]) == (False, holes)
    assert described["counterexamples"][0]["way"] == "c2s"


def test_a_hole_names_the_rules_that_let_it_through(capsys: pytest.CaptureFixture[str]) -> None:
    hole = Counterexample("chat", Way.S2S, ALICE, BOB, "barred", "<message/>", ("one", "two"))
    print_proof(proof_of(hole, holes=1))
    assert "    released by one, two" in capsys.readouterr().out.splitlines()


def key(name: str, place: str, key_id: str | None, *, is_here: bool, earlier: int = 0) -> KeyState:
    return KeyState(name, "log", place, Path(f"/srv/{name}.pub"), key_id, is_here, earlier > 1, earlier)


def test_keys_say_where_their_private_halves_are(capsys: pytest.CaptureFixture[str]) -> None:
    states = [
        key("gate", "/srv/keys/gate.key", "0badcafe", is_here=True, earlier=2),
        key("escrow", "/srv/keys/escrow.key", "deadbeef", is_here=False),
        key("audit", "/srv/keys/audit.key", None, is_here=False),
        key("roster", "pkcs11:token=a;object=b", "12345678", is_here=True),
    ]
    print_states(states)
    head, gate, escrow, audit, roster = capsys.readouterr().out.splitlines()
    assert head.split() == ["key", "of", "a", "id", "private", "half", "waiting", "earlier"]
    assert gate.split()[:3] == ["gate", "log", "0badcafe"]
    assert gate.split()[-4:] == ["a", "new", "one", "2"]
    assert escrow.endswith("not here")
    assert audit.endswith("not made yet")
    assert "pkcs11:token=a;object=b" in roster
    described = describe_states(states)["keys"]
    assert [each["is_here"] for each in described] == [True, False, False, True]
    assert (described[0]["public"], described[0]["waiting"], described[2]["key_id"]) == (
        "/srv/gate.pub",
        True,
        None,
    )


def test_exceptions_say_who_when_why_and_who_signed(capsys: pytest.CaptureFixture[str]) -> None:
    about = BarrierException(
        "m-and-a", EnterpriseId("metals"), (ALICE, BOB), 1_795_953_600, 1_796_040_000, "a merger"
    )
    kept = [
        KeptException(
            "m-and-a", about, (BareJid("hanna@metals.example"),), ExceptionState.PROPOSED, "one more signs"
        ),
        KeptException("old", about, (), ExceptionState.IN_FORCE),
        KeptException("cut", None, (), ExceptionState.DAMAGED, "it is cut off"),
    ]
    print_exceptions(kept)
    assert capsys.readouterr().out.splitlines() == [
        "m-and-a  proposed: one more signs",
        f"  {ALICE} and {BOB}",
        "  from 2026-11-29T12:00:00Z until 2026-11-30T12:00:00Z: a merger",
        "  signed by hanna@metals.example",
        "old  in force",
        f"  {ALICE} and {BOB}",
        "  from 2026-11-29T12:00:00Z until 2026-11-30T12:00:00Z: a merger",
        "  signed by nobody yet",
        "cut  damaged: it is cut off",
    ]
    proposed, _, damaged = describe_exceptions(kept)["exceptions"]
    assert proposed == {
        "id": "m-and-a",
        "state": "proposed",
        "enterprise": "metals",
        "people": [ALICE, BOB],
        "begins": "2026-11-29T12:00:00Z",
        "ends": "2026-11-30T12:00:00Z",
        "reason": "a merger",
        "signed_by": ["hanna@metals.example"],
        "problem": "one more signs",
    }
    assert (damaged["people"], damaged["begins"], damaged["problem"]) == ([], "", "it is cut off")


def test_no_exceptions_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_exceptions([])
    assert capsys.readouterr().out == "There are no exceptions.\n"
    assert describe_exceptions([]) == {"exceptions": []}


def site(name: str, *, unreadable: int = 0, behind: str = "") -> ReadSite:
    return ReadSite(name, "gate", 1_000, unreadable, behind, f"{name}:audit/4")


def compared(*differences: Difference, relayed: int = 0, made: int = 0) -> Comparison:
    return Comparison(12, 10, 1, relayed, made, differences)


def reconciled(
    comparison: Comparison, sites: Sequence[ReadSite] | None = None, *faults: SiteFault
) -> Reconciled:
    read = tuple(sites or (site("shanghai"), site("london")))
    return Reconciled((Direction("shanghai", "london", comparison),), read, faults)


def test_archives_that_agree(capsys: pytest.CaptureFixture[str]) -> None:
    found = reconciled(compared(relayed=2, made=1_000))
    assert found.ok
    print_reconciled(found)
    assert capsys.readouterr().out.splitlines() == [
        "shanghai → london: 12 sent, 10 arrived, 1 given back, 2 from rooms, 1,000 made by the server: "
        "both archives agree",
        "shanghai: 1,000 records of gate were read. This look is record shanghai:audit/4.",
        "london: 1,000 records of gate were read. This look is record london:audit/4.",
    ]
    described = describe_reconciled(found)
    assert (described["ok"], described["not_read"]) == (True, [])
    (direction,) = described["directions"]
    assert [direction[name] for name in ("from", "to", "sent", "arrived", "returned", "relayed", "made")] == [
        "shanghai",
        "london",
        12,
        10,
        1,
        2,
        1_000,
    ]


@pytest.mark.parametrize("verdict", Verdict)
def test_each_difference_names_both_records_and_counts_if_it_has_no_reason(
    verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reconciled(
        compared(Difference(verdict, 5, None), Difference(verdict, 6, 8), Difference(verdict, None, 9))
    )
    print_reconciled(found)
    first, figures, *_ = capsys.readouterr().out.splitlines()
    assert first.endswith(": shanghai:gate/5; shanghai:gate/6 and london:gate/8; london:gate/9")
    is_finding = verdict in FINDINGS
    assert found.ok is not is_finding
    assert figures.endswith("3 findings" if is_finding else "both archives agree")
    (direction,) = describe_reconciled(found)["directions"]
    assert direction["findings"] == (3 if is_finding else 0)
    assert direction["differences"][1] == {
        "what": verdict,
        "sent": "shanghai:gate/6",
        "received": "london:gate/8",
    }


def test_of_many_differences_some_are_named_and_the_rest_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_reconciled(
        reconciled(compared(*(Difference(Verdict.LOST, number, None) for number in range(1, 1_026))))
    )
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("sent, and in no record there: shanghai:gate/1; ")
    assert first.endswith("shanghai:gate/20 and 1,005 more")


def test_what_was_not_read_whole_is_no_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    sites = (site("shanghai", unreadable=3), site("london", behind="its copy ends at 900"))
    found = reconciled(compared(), sites, SiteFault("zurich", "no answer\x1b"))
    assert not found.ok
    print_reconciled(found)
    told = capsys.readouterr().out.splitlines()
    assert "shanghai: 3 records cannot be read: run `steelyard audit reconcile` there" in told
    assert "london may have more than was compared: its copy ends at 900" in told
    assert told[-1] == "zurich was NOT read: no answer\\x1b"
    described = describe_reconciled(found)
    assert described["not_read"] == [{"site": "zurich", "reason": "no answer\x1b"}]
    assert [each["behind"] for each in described["sites"]] == [None, "its copy ends at 900"]
    assert [each["unreadable"] for each in described["sites"]] == [3, 0]
