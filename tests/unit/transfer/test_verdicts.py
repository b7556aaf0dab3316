"""What becomes of files of every kind under the example policy, and of some of them on their whole way."""

from pathlib import Path

import pytest

from components.site.demo_media import make_media
from components.transfer.checks import FileChecks
from components.transfer.inspect.inspector import Inspector
from components.transfer.inspect.limits import InspectLimits
from components.transfer.inspect.look import look_into
from policy.content.parse import parse_policy
from policy.decision import Action
from policy.files.decide import FileRules
from policy.files.facts import ContentFacts, FileFacts, FileMark
from policy.files.slot import Purpose
from tests.support.file_corpus import all_samples
from tests.support.file_sample import Sample
from tests.support.file_server import details_of, serve_files
from tests.support.process import PATIENCE_S

POLICY = parse_policy((Path(__file__).parents[3] / "config" / "examples" / "policy.toml").read_text())
NEVER = {FileMark.EXECUTABLE, FileMark.BOMB, FileMark.POLYGLOT, FileMark.MALWARE, FileMark.DENIED_HASH}
LOOKED_AT = {
    FileMark.ENCRYPTED,
    FileMark.UNSCANNABLE,
    FileMark.UNSCANNED,
    FileMark.MACROS,
    FileMark.DISGUISED,
}
STATUSES = {Action.RELEASE: (201, 200), Action.HOLD: (201, 503), Action.REFUSE: (403, 404)}


SAMPLES = [
    pytest.param(each, id=each.name, marks=[pytest.mark.slow] if each.takes_long else [])
    for each in all_samples()
]


def verdict(sample: Sample) -> Action:
    return (
        Action.REFUSE if sample.marks & NEVER else Action.HOLD if sample.marks & LOOKED_AT else Action.RELEASE
    )


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_example_policy_on_the_corpus(sample: Sample) -> None:
    facts = FileFacts(
        "anna@metals.example", sample.name, sample.claimed_type, len(sample.content), bytes(32), Purpose.MESSAGE,
        ContentFacts(sample.found_type, sample.marks),
    )  # fmt: skip
    decision = FileRules(POLICY).decide(facts)
    assert decision.action is verdict(sample)
    assert bool(decision.text) is (decision.action is not Action.RELEASE)


def test_what_the_demonstration_sends_passes() -> None:
    for media in make_media():
        content = look_into(media.content, media.name, media.media_type, InspectLimits(time_s=PATIENCE_S))
        facts = FileFacts(
            "anna@metals.example", media.name, media.media_type, len(media.content), bytes(32), Purpose.MESSAGE,
            content,
        )  # fmt: skip
        assert FileRules(POLICY).decide(facts).action is Action.RELEASE, media.name


@pytest.mark.programs
async def test_on_their_whole_way(tmp_path: Path) -> None:
    """The first of the corpus for each set of marks, small ones, as they are put."""
    by_marks = {
        (each.marks, verdict(each)): each
        for each in reversed(all_samples())
        if 0 < len(each.content) < 1 << 20
    }
    # However busy the machine is.
    inspector = Inspector(InspectLimits(time_s=PATIENCE_S))
    try:
        async with serve_files(
            tmp_path, checks=FileChecks(inspector), policy=POLICY, stripper=inspector
        ) as files:
            for (marks, action), sample in by_marks.items():
                kind = sample.claimed_type or "application/octet-stream"
                url, headers = files.issue(sample.content, name=sample.name, media_type=kind)
                async with files.client.put(url, data=sample.content, headers=headers) as response:
                    assert (response.status, await files.status_of(url)) == STATUSES[action], sample.name
                recorded = [each for each in await files.events() if each.name != "fetched"][-1]
                assert set(str(details_of(recorded)["marks"]).split()) == marks, sample.name
    finally:
        await inspector.close()
    assert {action for _marks, action in by_marks} == {Action.RELEASE, Action.HOLD, Action.REFUSE}
