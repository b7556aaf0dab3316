"""A log is shown to its witnesses when it has grown; what they say is verified, and faults end nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.kept_checkpoints import KeptCheckpoints
from components.archive.log.cosignature import cosign_checkpoint, make_cosigner_key, verify_cosignatures
from components.archive.log.note import VerifierKey, make_verifier_key
from components.archive.reader import LogReader
from components.archive.writer import LogWriter
from components.process.backoff import LONGEST_PAUSE_S, Backoff
from components.witness.add_checkpoint import WitnessAnswer, parse_add_checkpoint
from components.witness.client import (
    LogForked,
    Post,
    WitnessClient,
    WitnessError,
    WitnessRefused,
    WitnessUnavailable,
    post_within,
)
from components.witness.cosign import Witness
from components.witness.feed import LogFeed
from tests.support.archive import ORIGIN, START_S, VERIFIER_KEY, entries, open_writer
from tests.support.witness import COSIGNER_KEYS, COSIGNERS, NAME, MemoryLog, make_witness

LOG = MemoryLog()
TEXT = LOG.note(5).partition("\n\n")[0] + "\n"
COSIGNED = "".join(cosign_checkpoint(TEXT, cosigner, START_S) for cosigner in COSIGNERS)


async def prove(old_size: int, size: int) -> list[bytes]:
    return LOG.proof(old_size, size)


@dataclass
class Scripted:
    """Answers as it is told, and keeps what it was asked."""

    answers: list[WitnessAnswer]
    asked: list[int] = field(default_factory=list)

    async def __call__(self, body: bytes) -> WitnessAnswer:
        self.asked.append(parse_add_checkpoint(body).old_size)
        return self.answers.pop(0)


async def ask(post: Post, size: int = 5) -> list[tuple[str, int]]:
    client = WitnessClient(post, COSIGNER_KEYS)
    found = await client.cosign(LOG.note(size), LOG.checkpoint(size), prove)
    return [(each.key.name, each.timestamp_s) for each in found]


async def test_a_client_learns_the_size_and_remembers_it(tmp_path: Path) -> None:
    witness, state = make_witness(tmp_path)
    witness.add_checkpoint(LOG.request(0, 3))
    asked: list[int] = []

    async def post(body: bytes) -> WitnessAnswer:
        asked.append(parse_add_checkpoint(body).old_size)
        return witness.add_checkpoint(body)

    client = WitnessClient(post, COSIGNER_KEYS)
    for size in (5, 8, 8, 70):
        assert len(await client.cosign(LOG.note(size), LOG.checkpoint(size), prove)) == 2
    assert asked == [0, 3, 5, 8, 8]
    state.close()


async def test_lines_of_unknown_keys_are_passed_over() -> None:
    other = "— third.example/w AAAAAAECAwQ=\n"
    assert len(await ask(Scripted([WitnessAnswer(200, other + COSIGNED)]))) == 2
    assert len(await ask(Scripted([WitnessAnswer(200, COSIGNED.splitlines(keepends=True)[1] + other)]))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "— third.example/w AAAAAAECAwQ=\n",
        COSIGNED.replace("other", "othes"),
        COSIGNED[:-9] + "\n",
        COSIGNED.replace("\n", "\n\n"),
        "\n\n" + COSIGNED,
        f"more\n\n{COSIGNED}",
        COSIGNED + "no line\n",
        "".join(cosign_checkpoint(TEXT, cosigner, 0) for cosigner in COSIGNERS),
        "".join(cosign_checkpoint(TEXT.replace("5", "6"), cosigner, START_S) for cosigner in COSIGNERS),
    ],
)
async def test_an_answer_that_is_no_cosignature_is_refused(body: str) -> None:
    with pytest.raises(WitnessRefused):
        await ask(Scripted([WitnessAnswer(200, body)]))


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([WitnessAnswer(422, "no\n")], LogForked),
        ([WitnessAnswer(409, "6\n")], LogForked),
        ([WitnessAnswer(409, "many\n")], WitnessRefused),
        ([WitnessAnswer(400, "")], WitnessRefused),
        ([WitnessAnswer(403, "")], WitnessRefused),
        ([WitnessAnswer(404, "")], WitnessRefused),
        ([WitnessAnswer(500, "")], WitnessUnavailable),
        ([WitnessAnswer(503, "")], WitnessUnavailable),
        ([WitnessAnswer(302, "")], WitnessUnavailable),
        ([WitnessAnswer(409, f"{n}\n") for n in (1, 2, 3)], WitnessUnavailable),
    ],
)
async def test_every_other_answer_is_an_error(
    answers: list[WitnessAnswer], error: type[WitnessError]
) -> None:
    with pytest.raises(error):
        await ask(Scripted(answers))


async def test_a_log_that_was_set_back_is_asked_about_anew() -> None:
    witness = Scripted(
        [
            WitnessAnswer(409, "9\n"),
            WitnessAnswer(409, "9\n"),
            WitnessAnswer(409, "4\n"),
            WitnessAnswer(200, COSIGNED),
        ]
    )
    client = WitnessClient(witness, COSIGNER_KEYS)
    for _ in range(2):
        with pytest.raises(LogForked, match="set back"):
            await client.cosign(LOG.note(5), LOG.checkpoint(5), prove)
    assert await client.cosign(LOG.note(5), LOG.checkpoint(5), prove)
    assert witness.asked == [0, 0, 0, 4]


def test_pauses_double_up_to_a_bound() -> None:
    backoff, now_s = Backoff(), 1000.0
    pauses: list[int] = []
    for _ in range(9):
        assert backoff.failed("down", now_s) == (not pauses)
        pause_s = next(each for each in range(200) if backoff.is_due(now_s + each))
        pauses.append(pause_s)
        now_s += pause_s
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(pauses) == LONGEST_PAUSE_S
    assert backoff.failed("otherwise", now_s)
    backoff.succeeded()
    assert backoff.is_due(0)
    assert backoff.fault == ""


@dataclass
class Setting:
    """A real log with its writer, a real witness of it, and the feed between them."""

    folder: Path
    writer: LogWriter
    witness: Witness
    kept: KeptCheckpoints

    def feed(self, *clients: WitnessClient, key: VerifierKey = VERIFIER_KEY, log: str = "gate.db") -> LogFeed:
        async def open_reader() -> LogReader | None:
            path = self.folder / log
            return await LogReader.open(path) if path.exists() else None

        return LogFeed("gate", lambda: key, open_reader, self.kept, clients)

    def client(self) -> WitnessClient:
        return WitnessClient(post_within(self.witness), COSIGNER_KEYS)

    async def grow(self, count: int) -> None:
        await self.writer.append(entries(self.writer.size, count))
        await self.writer.sign()

    def cosigned_size(self) -> int:
        note = self.kept.newest()
        assert note is not None
        assert verify_cosignatures(note, COSIGNER_KEYS)
        return int(note.splitlines()[1])


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    writer = await open_writer(tmp_path / "gate.db")
    witness, state = make_witness(tmp_path / "state")
    yield Setting(tmp_path, writer, witness, KeptCheckpoints(tmp_path / "gate.witnessed"))
    await writer.close()
    state.close()


async def test_a_log_is_cosigned_as_it_grows(setting: Setting) -> None:
    feed = setting.feed(setting.client())
    for count in (1, 2, 300, 5):
        await setting.grow(count)
        await feed.step()
        assert setting.cosigned_size() == setting.writer.signed_size
    assert feed.faults == {}
    await feed.close()


async def test_nobody_is_asked_about_what_was_cosigned(setting: Setting) -> None:
    asked = 0

    async def post(body: bytes) -> WitnessAnswer:
        nonlocal asked
        asked += 1
        return setting.witness.add_checkpoint(body)

    feed = setting.feed(WitnessClient(post, COSIGNER_KEYS))
    await setting.grow(3)
    for _ in range(3):
        await feed.step()
    assert asked == 1
    await setting.grow(1)
    await feed.step()
    assert asked == 2
    await feed.close()


async def test_a_log_that_is_not_there_yet_is_no_fault(setting: Setting) -> None:
    feed = setting.feed(setting.client(), log="none.db")
    await feed.step()
    assert (feed.faults, feed.newest) == ({}, None)


async def test_what_one_witness_cannot_the_other_does(setting: Setting) -> None:
    asked = 0

    async def down(_body: bytes) -> WitnessAnswer:
        nonlocal asked
        asked += 1
        raise WitnessUnavailable("it is down")

    other = make_cosigner_key("third.example/witness", COSIGNER_KEYS[0].public_key)
    feed = setting.feed(WitnessClient(down, [other]), setting.client())
    for _ in range(2):
        await setting.grow(3)
        await feed.step()
        assert setting.cosigned_size() == setting.writer.signed_size
    assert feed.faults == {"third.example/witness": "it is down"}
    assert asked == 1  # the second time it pauses
    await feed.close()


async def test_at_the_end_nobody_pauses(setting: Setting) -> None:
    """The log cannot be read and the witness is down at the last look of many, and both are well at the end."""
    is_down = True

    async def post(body: bytes) -> WitnessAnswer:
        if is_down:
            raise WitnessUnavailable("it is down")
        return setting.witness.add_checkpoint(body)

    feed = setting.feed(WitnessClient(post, COSIGNER_KEYS), log="later.db")
    await setting.grow(3)
    (setting.folder / "later.db").write_bytes(b"half of a log")
    await feed.step()
    assert set(feed.faults) == {"gate"}
    (setting.folder / "later.db").unlink()
    (setting.folder / "later.db").symlink_to(setting.folder / "gate.db")
    await feed.step()
    assert set(feed.faults) == {"gate"}  # it pauses
    await feed.finish()
    assert set(feed.faults) == {NAME}
    is_down = False
    await feed.step()
    assert setting.kept.newest() is None  # the witness is given a pause too
    await feed.finish()
    assert setting.cosigned_size() == setting.writer.signed_size
    assert feed.faults == {}
    await feed.close()


async def test_another_key_of_the_log_is_a_fault(setting: Setting) -> None:
    await setting.grow(3)
    other = Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)).public_key()
    feed = setting.feed(setting.client(), key=make_verifier_key(ORIGIN, other))
    await feed.step()
    assert feed.faults == {"gate": "no known key signed this note"}
    assert setting.kept.newest() is None


async def test_a_log_that_is_set_back_is_noticed(setting: Setting) -> None:
    """As when an older copy of the database was put in its place."""
    older = await open_writer(setting.folder / "older.db")
    await older.append(entries(0, 1))
    await older.close()
    await setting.grow(50)
    feed, set_back = setting.feed(setting.client()), setting.feed(setting.client(), log="older.db")
    for each in (feed, set_back):
        await each.step()
        await each.close()
    assert feed.faults == {}
    assert "the log was set back" in set_back.faults[NAME]
    assert setting.cosigned_size() == setting.writer.signed_size
