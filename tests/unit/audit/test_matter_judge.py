"""Which recorded acts in matters count: what is not signed by its author, or is signed for something else, does not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key
from components.audit.auditor import Auditor
from components.audit.author import Author
from components.audit.matter.fold import fold_deeds
from components.audit.matter.judge import judge_deeds
from components.audit.matter.record import encode_deed, make_deed, make_event, parse_deed, read_deed
from components.audit.matter.values import Deed, DeedAct, GrantAct, MatterAct, MatterError
from components.process.errors import SiteError
from components.rules.reviewers import NOT_SIGNED, Reviewers
from components.settings.auditors import AuditorEntry
from policy.supervision.once import REPEATED

ORIGIN = "metals.example/audit"
NS_PER_S = 10**9


class Office:
    """Erin and Li, with keys; `tool` has a key of Erin's name that nobody has listed."""

    def __init__(self, folder: Path) -> None:
        entries = []
        self.authors: dict[str, Author] = {}
        for who in ("erin", "li"):
            signer = create_log_key(folder / f"{who}.key", f"auditor/{who}")
            said = {"id": who, "name": who, "roles": ["auditor"], "key": folder / f"{who}.pub"}
            entries.append(AuditorEntry.model_validate(said))
            self.authors[who] = Author(Auditor(who, who, frozenset(), None), signer)
        tool = create_log_key(folder / "tool.key", "auditor/erin")
        self.authors["tool"] = replace(self.authors["erin"], signer=tool)
        self.reviewers, self._records = Reviewers(entries), 0

    def do(self, act: DeedAct, by: str = "erin", /, *, origin: str = ORIGIN, **details: Any) -> Deed:
        """Make an act, and bring it to the log and back."""
        return self.record(make_deed(self.authors[by], act, "M-1", origin, details))

    def open(self, by: str = "erin") -> Deed:
        return self.do(MatterAct.OPEN, by, title="Copper", enterprises="*")

    def record(self, deed: Deed, after_s: int = 1) -> Deed:
        self._records += 1
        read = read_deed(make_event(deed), f"audit/{self._records}", deed.at_ns + after_s * NS_PER_S)
        assert read is not None
        return read

    def judge(self, *deeds: Deed) -> list[str]:
        return [each.problem for each in judge_deeds(deeds, self.reviewers, ORIGIN)]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


ACTS: dict[DeedAct, dict[str, Any]] = {
    MatterAct.OPEN: {"title": "Copper at lunch", "enterprises": "*"},
    MatterAct.CLOSE: {"reason": "settled"},
    MatterAct.ADD_PERSON: {"who": "li"},
    MatterAct.ADD_CUSTODIAN: {"who": "alice@metals.example", "reason": "named in the letter"},
    MatterAct.ADD_EXHIBIT: {"exhibit": "gate/7", "title": "a b=c", "said_at_ns": 5, "payload_sha256": "ab"},
    MatterAct.NOTE: {"text": "no trade\nin the book 铜 details={}", "number": 0},
    MatterAct.LINK_HOLD: {"hold": "h1", "log": "gate"},
    GrantAct.REQUEST: {"grant": "G-1", "digest": "ab", "until_ns": 7},
    GrantAct.REVOKE: {"grant": "G-1", "reason": "over"},
}


@pytest.mark.parametrize("act", ACTS)
def test_what_its_author_signed_counts_and_nothing_else(office: Office, act: DeedAct) -> None:
    deed = office.do(act, **ACTS[act])
    assert office.judge(deed) == [""]
    text = encode_deed(deed)
    assert encode_deed(parse_deed(text)) == text
    changes: tuple[dict[str, Any], ...] = (
        {"act": MatterAct.REOPEN if act is not MatterAct.REOPEN else MatterAct.CLOSE},
        {"matter": "M-2"},
        {"by": "li"},
        {"at_ns": deed.at_ns + NS_PER_S},
        {"id": "0" * 16},
        {"origin": "tin.example/audit"},
        {"details": {**deed.details, "more": "x"}},
        {"details": dict.fromkeys(deed.details, "x")},
        {"details": {}},
    )
    for change in changes:
        assert office.judge(replace(deed, **change)) != [""], change


def test_what_is_forged_unsigned_or_played_back_counts_for_nothing(office: Office) -> None:
    opened, note = office.open(), office.do(MatterAct.NOTE, text="true")
    wrong = [
        replace(office.do(MatterAct.NOTE, text="nobody's"), signature=""),
        office.do(MatterAct.NOTE, "tool", text="by a tool"),
        replace(office.do(MatterAct.NOTE, "li", text="x"), by="erin"),
        replace(office.do(MatterAct.NOTE, text="edited"), details={"text": "edition"}),
        office.record(note),
        office.do(MatterAct.NOTE, origin="tin.example/audit", text="elsewhere"),
        office.record(office.do(MatterAct.NOTE, text="late"), after_s=1000),
        replace(office.do(MatterAct.NOTE, text="odd"), id="x"),
        replace(office.do(MatterAct.NOTE, text="odd"), at_ns=5),
        replace(office.do(MatterAct.NOTE, text="odd"), signature="— auditor/erin x"),
    ]
    problems = office.judge(opened, note, *wrong)
    assert problems[:3] == ["", "", NOT_SIGNED]
    assert problems[6] == REPEATED
    for said, place in (("is not listed as one of erin", 3), ("signature of auditor/erin is wrong", 5)):
        assert said in problems[place]
    assert "another site: tin.example/audit" in problems[7]
    assert "at another time" in problems[8]
    assert all(problems[2:])
    folded = fold_deeds(judge_deeds([opened, note, *wrong], office.reviewers, ORIGIN))
    assert [each.text for each in folded.matters["M-1"].notes] == ["true"]
    assert [each.deed.record for each in folded.refused_of("M-1")] == [each.record for each in wrong]
    assert folded.refused_of("M-2") == ()


def test_acts_of_before_keys_are_marked_and_stay_and_none_comes_after(office: Office) -> None:
    nobody = replace(office.authors["erin"], signer=None)
    old = [
        office.record(replace(make_deed(nobody, act, "M-1", "", ACTS[act]), id=""))
        for act in (MatterAct.OPEN, MatterAct.ADD_CUSTODIAN)
    ]
    first, late = office.do(MatterAct.NOTE, text="signed"), office.record(replace(old[1], record=""))
    # What is wrong does not begin it: it would put what was right before into doubt.
    forged = office.do(MatterAct.NOTE, "tool", text="x")
    folded = fold_deeds(judge_deeds([old[0], forged, old[1], first, late], office.reviewers, ORIGIN))
    matter = folded.matters["M-1"]
    assert matter.unsigned == (old[0].record, old[1].record)
    assert [each.jid for each in matter.custodians] == ["alice@metals.example"]
    assert [each.deed.record for each in folded.refused_of("M-1")] == [forged.record, late.record]
    assert folded.refused[late.record].why == NOT_SIGNED


def test_where_nobody_has_a_key_nothing_is_signed_and_nothing_is_marked(office: Office) -> None:
    nobody = replace(office.authors["erin"], signer=None)
    deed = office.record(make_deed(nobody, MatterAct.OPEN, "M-1", ORIGIN, ACTS[MatterAct.OPEN]))
    (judged,) = judge_deeds([deed], Reviewers(()), ORIGIN)
    assert judged == deed
    assert fold_deeds([judged]).matters["M-1"].unsigned == ()


def test_a_share_was_contributed_when_it_was(office: Office) -> None:
    """Its terms bind it, and days may pass until the grant is issued; yet it counts once."""
    deed = office.do(GrantAct.CONTRIBUTE, origin="metals.example/gate", grant="G-1", digest="ab", number=2)
    days_later = replace(deed, recorded_at_ns=deed.at_ns + 5 * 86_400 * NS_PER_S)
    assert office.judge(days_later, days_later) == ["", REPEATED]


def test_what_cannot_be_an_act_is_not_signed(office: Office) -> None:
    wrong: tuple[dict[str, Any], ...] = ({"text": "\ud800"}, {"text": 1.5})
    for details in wrong:
        with pytest.raises(SiteError, match="not an act in a matter"):
            make_deed(office.authors["erin"], MatterAct.NOTE, "M-1", ORIGIN, details)
    with pytest.raises(SiteError, match="named by its id"):
        make_deed(office.authors["erin"], MatterAct.NOTE, "M 1", ORIGIN, {})
    for text in (
        "",
        "steelyard-matter/1",
        "steelyard-review/1 noted by=erin",
        "steelyard-matter/1 noted details=[]",
    ):
        with pytest.raises(MatterError):
            parse_deed(text)
