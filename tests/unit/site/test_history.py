"""Made-up talk: the same for a seed, in six languages, and its truth is that of its stanzas."""

from collections import Counter

import pytest

from components.archive.record import Delivery, RecordKind, Submission
from components.audit.marks import Mark, read_marks
from components.audit.stanza import read_submission
from components.site.history.words import SAID, SCENES
from tests.support.audit_site import T0_NS
from tests.support.history import make_history

TOLD = list(make_history(4_000, restart_after=1_500, has_files=True))
STANZAS = [
    each for each in TOLD if isinstance(each.record, Submission) and each.record.kind is RecordKind.STANZA
]


def test_it_is_the_same_for_a_seed() -> None:
    assert list(make_history(300)) == list(make_history(300))
    assert list(make_history(300)) != list(make_history(300, seed=15))


@pytest.mark.slow
def test_each_stanza_does_what_the_truth_says() -> None:
    for told in STANZAS:
        marks = read_marks(told.record.body)  # type: ignore[union-attr]
        assert (marks.mark, marks.id if told.id else "") == (told.mark, told.id)
        if told.target >= 0:
            assert TOLD[told.target].id in (marks.target, marks.reply_to)
        assert told.emojis == marks.emojis
        assert told.text in read_submission(told.record).text  # type: ignore[arg-type]


def test_everything_that_people_do_is_in_it() -> None:
    assert {each.mark for each in TOLD} >= set(Mark) - {Mark.CHAT_STATE, Mark.SUBJECT, Mark.INVITE}
    assert {each.language for each in TOLD} >= set(SAID)
    assert {each.planted for each in TOLD} >= {scene.name for scene in SCENES}
    assert any(each.planted.startswith("near:") for each in TOLD)
    actions = Counter(each.record.action for each in STANZAS)  # type: ignore[union-attr]
    assert actions["refuse"] > 0
    assert actions["hold"] > 0
    assert any(not each.is_valid for each in TOLD)
    assert any(each.file for each in TOLD)


def test_numbers_and_times_rise_and_everything_is_carried_out() -> None:
    assert [each.number for each in TOLD] == list(range(len(TOLD)))
    times = [each.at_ns for each in TOLD]
    assert times == sorted(times)
    assert times[0] < T0_NS - 25 * 86_400 * 10**9
    epochs: dict[str, int] = {}
    for told in TOLD:
        if isinstance(told.record, Submission):
            assert told.record.seq == epochs.get(told.record.epoch, 0) + 1
            epochs[told.record.epoch] = told.record.seq
    through = {each.record.epoch: each.record.through for each in TOLD if isinstance(each.record, Delivery)}
    assert len(epochs) == 3
    assert through[max(epochs)] == epochs[max(epochs)]


def test_who_is_in_a_room_is_told() -> None:
    spoke = [each for each in STANZAS if each.present and each.mark is Mark.MESSAGE]
    assert spoke
    assert all(each.sender in each.present for each in spoke)
    assert any(len(each.present) > 3 for each in spoke)
