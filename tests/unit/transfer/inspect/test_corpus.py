"""Each file of the corpus gets the marks that it should, and no others; damaged ones get an answer within limits."""

import random
from collections.abc import Iterator

import pytest

from components.transfer.inspect.limits import InspectLimits
from components.transfer.inspect.look import look_into
from policy.files.facts import FileMark
from tests.support.file_corpus import all_samples
from tests.support.file_sample import BOMB, UNSCANNABLE, Sample
from tests.support.rounds import mostly_slow

# No test depends on how busy the machine is.
LIMITS = InspectLimits(time_s=600.0)
SMALL = [each for each in all_samples() if BOMB not in each.marks and len(each.content) < 1 << 16]


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(each, marks=[pytest.mark.slow] if each.takes_long else [], id=each.name)
        for each in all_samples()
    ],
)
def test_marks(sample: Sample) -> None:
    facts = look_into(sample.content, sample.name, sample.claimed_type, LIMITS)
    assert set(facts.marks) == set(sample.marks)
    assert (facts.found_type, (facts.width, facts.height)) == (sample.found_type, sample.size)


def test_every_mark_that_a_look_gives_is_in_the_corpus() -> None:
    by_others = {FileMark.MALWARE, FileMark.UNSCANNED, FileMark.DENIED_HASH}
    assert {mark for each in all_samples() for mark in each.marks} == set(FileMark) - by_others


def cut(content: bytes, dice: random.Random) -> Iterator[bytes]:
    for _ in range(4):
        yield content[: dice.randrange(len(content) + 1)]


def changed(content: bytes, dice: random.Random) -> Iterator[bytes]:
    for count in (1, 3, 30):
        bytes_ = bytearray(content)
        for _ in range(count if bytes_ else 0):
            bytes_[dice.randrange(len(bytes_))] = dice.randrange(256)
        yield bytes(bytes_)


def enlarged(content: bytes, dice: random.Random) -> Iterator[bytes]:
    """Yield files one of whose numbers is as large as it can be."""
    for width in (2, 4, 8):
        at = dice.randrange(max(1, len(content)))
        yield content[:at] + b"\xff" * width + content[at + width :]


@pytest.mark.parametrize("damage", mostly_slow([changed, cut, enlarged]), ids=lambda each: each.__name__)
def test_damaged_files_get_an_answer(damage: object) -> None:
    assert callable(damage)
    limits = InspectLimits(time_s=600.0, unpacked_bytes=4 << 20, members=200)
    dice = random.Random(20260)
    seen: set[FileMark] = set()
    for sample in SMALL:
        for content in damage(sample.content, dice):
            facts = look_into(content, sample.name, sample.claimed_type, limits)
            assert "/" in facts.found_type
            seen |= facts.marks
    assert UNSCANNABLE in seen


def test_names_of_members_at_any_depth_are_told() -> None:
    (deep,) = (each for each in all_samples() if each.name == "deep.zip" and BOMB not in each.marks)
    facts = look_into(deep.content, deep.name, "", LIMITS)
    assert facts.member_names == ("in.zip", "deep.tar", "c.gz", "c")


def test_a_look_ends_when_its_time_is_over() -> None:
    ticks = iter(range(10_000))
    sample = next(each for each in all_samples() if each.name == "b.tar.gz")
    facts = look_into(sample.content, sample.name, "", InspectLimits(time_s=4.0), lambda: float(next(ticks)))
    assert {UNSCANNABLE, FileMark.ARCHIVE} <= facts.marks
    assert next(ticks) < 100


@pytest.mark.parametrize(
    ("limits", "marks"),
    [
        (InspectLimits(time_s=600.0, unpacked_bytes=10), {UNSCANNABLE}),
        (InspectLimits(time_s=600.0, members=1), {UNSCANNABLE, BOMB}),
        (InspectLimits(time_s=600.0, depth=1), {UNSCANNABLE, BOMB}),
    ],
    ids=["bytes", "members", "depth"],
)
def test_each_limit_counts(limits: InspectLimits, marks: set[FileMark]) -> None:
    sample = next(each for each in all_samples() if each.name == "b.tar.gz")
    assert set(look_into(sample.content, sample.name, "", limits).marks) == {FileMark.ARCHIVE} | marks
