"""The gate sees at once what the transfer component has stored, whether that runs or not; else it knows nothing."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from components.rules.file_facts import encode_facts, parse_facts
from components.rules.file_links import FileLink, FileLinks
from components.rules.file_states import FileStates
from components.rules.sent_files import SentFiles
from components.transfer.state import Settled, Stage, Upload, UploadStore
from policy.address import BareJid
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.decision import Action, release
from policy.directory.enterprise import EnterpriseId
from policy.facts import StanzaFacts, Way
from policy.files.facts import ContentFacts, FileFacts, FileMark
from policy.files.slot import Purpose
from policy.files.standing import FileStanding, FileState
from policy.rules import Rules
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE

ID = bytes(range(16))
OWNER = BareJid(ALICE.partition("/")[0])
NOW_S = 1_800_000_000
LINK = FileLink(ID, OWNER, NOW_S + 100)
UPLOAD = Upload(
    ID, OWNER, EnterpriseId("metals"), "a.pdf", "application/pdf", 10, Purpose.MESSAGE, NOW_S, NOW_S + 9, NOW_S + 100
)  # fmt: skip


@pytest.fixture
async def uploads(tmp_path: Path) -> AsyncIterator[UploadStore]:
    store = await UploadStore.open(tmp_path / "state.db")
    store.issue(UPLOAD)
    yield store
    await store.close()


@pytest.fixture
def states(tmp_path: Path) -> Iterator[FileStates]:
    with closing(FileStates(tmp_path / "state.db")) as states:
        yield states


def settle(uploads: UploadStore, stage: Stage, rules: tuple[str, ...] = (), text: str = "") -> None:
    uploads.settle(ID, Settled(stage, rules, text, 7, "e", NOW_S))


def read(states: FileStates, now_s: float = NOW_S) -> FileStanding:
    (standing,) = states.read([LINK], now_s)
    return standing


async def test_each_stage_is_seen_at_once(uploads: UploadStore, tmp_path: Path) -> None:
    states = FileStates(tmp_path / "state.db")
    assert read(states).state is FileState.ABSENT
    uploads.mark_stored(ID, "1/a")
    assert read(states).state is FileState.ABSENT
    for stage, state in (
        (Stage.HELD, FileState.HELD), (Stage.REFUSED, FileState.REFUSED), (Stage.ANSWERED, FileState.OPEN),
    ):  # fmt: skip
        settle(uploads, stage, ("a", "b"), "Told.")
        assert read(states) == FileStanding(state, ("a", "b"), "Told.")
    uploads.forget([ID])
    assert read(states).state is FileState.ABSENT
    states.close()


async def test_every_stage_has_a_state(uploads: UploadStore, tmp_path: Path) -> None:
    states = FileStates(tmp_path / "state.db")
    for stage in Stage:
        settle(uploads, stage)
        assert read(states).state is not FileState.UNKNOWN
    states.close()


async def test_a_link_that_has_ended_opens_nothing_and_is_no_matter(
    uploads: UploadStore, tmp_path: Path
) -> None:
    states = FileStates(tmp_path / "state.db")
    assert states.read([LINK], NOW_S + 100) == []
    states.close()


async def test_while_the_component_is_down_and_after_its_file_was_put_back(
    uploads: UploadStore, tmp_path: Path
) -> None:
    states = FileStates(tmp_path / "state.db")
    settle(uploads, Stage.ANSWERED)
    assert read(states).state is FileState.OPEN
    await uploads.close()
    assert read(states).state is FileState.OPEN
    states.close()
    assert read(states).state is FileState.OPEN
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert read(states).state is FileState.UNKNOWN
    again = await UploadStore.open(tmp_path / "state.db")
    again.issue(UPLOAD)
    assert read(states).state is FileState.ABSENT
    settle(again, Stage.HELD)
    assert read(states).state is FileState.HELD
    states.close()
    await again.close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_what_cannot_be_read_is_unknown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.db").write_bytes(content)
    states = FileStates(tmp_path / "state.db")
    assert read(states).state is FileState.UNKNOWN
    assert FileStates(tmp_path / "none").read([LINK], NOW_S) == [FileStanding(FileState.UNKNOWN)]
    assert (tmp_path / "state.db").read_bytes() == content
    assert not (tmp_path / "none").exists()


async def test_a_message_is_decided_on_by_its_file(uploads: UploadStore, states: FileStates) -> None:
    links = FileLinks("https://files.metals.example/f/", b"k" * 64)
    sent = SentFiles(links, states, lambda: NOW_S)
    first = release()
    plain = StanzaFacts(Way.C2S, "message", "chat", ALICE, BOB, text="hello")
    said = plain._replace(text=links.make(LINK, "a.pdf"))
    settle(uploads, Stage.ANSWERED)
    assert sent.decide(first, Rules(EXAMPLE), said) is first
    settle(uploads, Stage.HELD, ("macros",), "With compliance.")
    assert sent.decide(first, Rules(EXAMPLE), plain) is first
    assert sent.decide(first, Rules(EXAMPLE), said).action is Action.HOLD
    assert sent.decide_again(first, Rules(EXAMPLE), said).action is Action.REFUSE
    settle(uploads, Stage.ANSWERED, ("macros",))
    assert sent.decide_again(first, Rules(EXAMPLE), said).rules == ("macros",)


TO_PRECIOUS = ContentPolicy(
    (
        Rule(
            "to-precious",
            ContentAction.REFUSE,
            "Not there.",
            Uploads(names=("*.pdf",), to_desks=("precious",)),
        ),
    )
)
FACTS = FileFacts(
    OWNER, "a.pdf", "application/pdf", 10, bytes(32), Purpose.MESSAGE,
    ContentFacts("application/pdf", frozenset({FileMark.ARCHIVE}), ("b.txt", "ü\ud800"), 3, 4),
)  # fmt: skip


async def test_a_message_is_decided_on_by_what_is_known_of_its_file_and_by_whom_it_goes_to(
    uploads: UploadStore, states: FileStates
) -> None:
    links = FileLinks("https://files.metals.example/f/", b"k" * 64)
    sent = SentFiles(links, states, lambda: NOW_S)
    first, rules = release(), Rules(EXAMPLE, TO_PRECIOUS)
    said = StanzaFacts(
        Way.C2S, "message", "chat", ALICE, "carol@metals.example", text=links.make(LINK, "a.pdf")
    )
    # As an earlier version left it: nobody knows what the file is.
    settle(uploads, Stage.ANSWERED)
    assert sent.decide(first, rules, said).action is Action.HOLD
    assert sent.decide(first, rules, said._replace(to=BOB)) is first
    uploads.settle(ID, Settled(Stage.ANSWERED, (), "", 7, "e", NOW_S, facts=encode_facts(FACTS)))
    found = sent.decide(first, rules, said)
    assert (found.action, found.rules) == (Action.REFUSE, ("to-precious",))
    assert sent.decide(first, rules, said._replace(to=BOB)) is first
    assert sent.decide(first, Rules(EXAMPLE), said) is first
    assert sent.decide(first, rules, said).action is Action.REFUSE
    # Whoever has reviewed the message knows to whom it goes.
    assert sent.decide_again(first, rules, said) is first


async def test_what_is_known_of_a_file_stays_after_a_review_and_goes_with_its_record(
    uploads: UploadStore, tmp_path: Path
) -> None:
    states = FileStates(tmp_path / "state.db")
    uploads.settle(ID, Settled(Stage.HELD, (), "", 7, "e", NOW_S, facts=encode_facts(FACTS)))
    ((_upload, settled),) = await uploads.list_held()
    uploads.settle(ID, replace(settled, stage=Stage.ANSWERED))
    assert states.read_facts(LINK) == FACTS
    uploads.forget_recorded([7])
    assert states.read_facts(LINK) is None
    uploads.issue(UPLOAD)
    uploads.settle(ID, Settled(Stage.ANSWERED, (), "", 8, "e", NOW_S, facts=encode_facts(FACTS)))
    uploads.forget_lapsed(UPLOAD.until_s + 86_400)
    assert states.read_facts(LINK) is None
    states.close()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"pixels":[1]}', encode_facts(FACTS).replace("archive", "x")]
)
async def test_what_is_not_what_is_known_of_a_file_is_nothing(
    uploads: UploadStore, tmp_path: Path, text: str
) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_facts(text)
    uploads.settle(ID, Settled(Stage.ANSWERED, (), "", 8, "e", NOW_S, facts=text or " "))
    states = FileStates(tmp_path / "state.db")
    assert states.read_facts(LINK) is None
    states.close()
