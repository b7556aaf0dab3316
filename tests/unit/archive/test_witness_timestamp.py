"""Time stamps: real answers of `openssl ts`, and what is wrong with others."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from components.archive.kept_checkpoints import KeptCheckpoints
from components.archive.log.note import VerifierKey
from components.witness.feed import LogFeed
from components.witness.timestamp import (
    TimeStampAuthority,
    TimeStamper,
    TimeStampError,
    load_certificates,
    verify_time_stamp,
)
from tests.support import timestamp_authority
from tests.support.archive import VERIFIER_KEY
from tests.support.timestamp_authority import run_openssl
from tests.support.witness import MemoryLog

pytestmark = pytest.mark.programs

NOTE = MemoryLog().note(5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> timestamp_authority.TimeStampAuthority:
    return timestamp_authority.TimeStampAuthority.make(tmp_path_factory.mktemp("authority") / "tsa")


@pytest.fixture
async def authority(
    made: timestamp_authority.TimeStampAuthority,
) -> AsyncIterator[timestamp_authority.TimeStampAuthority]:
    made.requests, made.status, made.answers = 0, 200, []
    async with made.serve():
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def client(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession
) -> TimeStampAuthority:
    return TimeStampAuthority(session, authority.url, load_certificates(authority.folder / "ca.pem"))


async def reply(authority: timestamp_authority.TimeStampAuthority, content: bytes) -> bytes:
    request = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
    return await authority.answer(request.as_bytes())


async def test_a_checkpoint_is_stamped(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    token = await client(authority, session).stamp(NOTE.encode())
    certificates = load_certificates(authority.folder / "ca.pem")
    stamped_at = verify_time_stamp(NOTE.encode(), token, certificates)
    assert abs(stamped_at - dt.datetime.now(dt.UTC)) < dt.timedelta(hours=1)
    with pytest.raises(TimeStampError):
        verify_time_stamp(NOTE.encode() + b"\n", token, certificates)

    (tmp_path / "5.checkpoint").write_text(NOTE)
    (tmp_path / "5.tsr").write_bytes(token)
    told = await run_openssl(
        *("ts", "-verify", "-in", tmp_path / "5.tsr", "-data", tmp_path / "5.checkpoint"),
        *("-CAfile", authority.folder / "ca.pem"),
    )
    assert b"OK" in told


async def test_an_answer_to_another_question_is_refused(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession
) -> None:
    # The right content, but not the nonce of the request: somebody plays an old answer again.
    authority.answers = [await reply(authority, NOTE.encode()), await reply(authority, b"other")]
    for _ in range(2):
        with pytest.raises(TimeStampError):
            await client(authority, session).stamp(NOTE.encode())
    assert authority.requests == 2


async def test_another_authority_is_refused(
    authority: timestamp_authority.TimeStampAuthority, tmp_path: Path
) -> None:
    other = timestamp_authority.TimeStampAuthority.make(tmp_path / "other")
    token = await reply(other, NOTE.encode())
    verify_time_stamp(NOTE.encode(), token, load_certificates(other.folder / "ca.pem"))
    with pytest.raises(TimeStampError):
        verify_time_stamp(NOTE.encode(), token, load_certificates(authority.folder / "ca.pem"))


async def test_any_flipped_bit_gives_no_other_time(authority: timestamp_authority.TimeStampAuthority) -> None:
    token = await reply(authority, NOTE.encode())
    certificates = load_certificates(authority.folder / "ca.pem")
    stamped_at = verify_time_stamp(NOTE.encode(), token, certificates)
    refused = 0
    for bit in range(0, len(token) * 8, 3):
        altered = bytearray(token)
        altered[bit // 8] ^= 1 << bit % 8
        try:
            # What no signature covers, such as a certificate that nobody needs, may be altered: the time not.
            assert verify_time_stamp(NOTE.encode(), bytes(altered), certificates) == stamped_at
        except TimeStampError:
            refused += 1
    assert refused > len(token) * 8 / 3 / 2


@pytest.mark.parametrize("answer", [b"", b"\x30\x03\x02\x01\x02", b"<html>", b"\x30\x80" + bytes(40)])
async def test_what_is_no_answer_is_refused(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession, answer: bytes
) -> None:
    authority.answers = [answer]
    with pytest.raises(TimeStampError):
        await client(authority, session).stamp(NOTE.encode())


async def test_an_authority_that_cannot(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession
) -> None:
    authority.status = 503
    with pytest.raises(TimeStampError, match="503"):
        await client(authority, session).stamp(NOTE.encode())
    authority.status, authority.answers = 200, [bytes(100_000)]
    with pytest.raises(TimeStampError, match="more than"):
        await client(authority, session).stamp(NOTE.encode())
    gone = TimeStampAuthority(session, "http://127.0.0.1:1/", load_certificates(authority.folder / "ca.pem"))
    with pytest.raises(TimeStampError, match="cannot be reached"):
        await gone.stamp(NOTE.encode())


async def test_the_certificate_of_the_stamping_key_may_be_known_beforehand(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join((authority.folder / f"{name}.pem").read_bytes() for name in ("ca", "tsa")))
    certificates = load_certificates(both)
    token = await TimeStampAuthority(session, authority.url, certificates).stamp(NOTE.encode())
    assert token.find(b"Test stamps") == -1  # the answer holds no certificate
    verify_time_stamp(NOTE.encode(), token, certificates)
    with pytest.raises(TimeStampError):
        verify_time_stamp(NOTE.encode(), token, load_certificates(authority.folder / "ca.pem"))

    # Another key of the same authority is not that one.
    verify_time_stamp(NOTE.encode(), await reply(authority, NOTE.encode()), certificates)
    renewed = timestamp_authority.TimeStampAuthority.make(tmp_path / "renewed")
    both.write_bytes((authority.folder / "ca.pem").read_bytes() + (renewed.folder / "tsa.pem").read_bytes())
    with pytest.raises(TimeStampError):
        verify_time_stamp(NOTE.encode(), await reply(authority, NOTE.encode()), load_certificates(both))


def test_certificates_without_a_root_are_refused(made: timestamp_authority.TimeStampAuthority) -> None:
    with pytest.raises(ValueError, match="no root certificate"):
        load_certificates(made.folder / "tsa.pem")
    with pytest.raises(ValueError, match="PEM"):
        load_certificates(made.folder / "serial")


class SeenLog(LogFeed):
    """A feed whose log is as the test says."""

    def __init__(self, key: VerifierKey, kept: KeptCheckpoints) -> None:
        async def never() -> None:
            raise AssertionError

        super().__init__("gate", lambda: key, never, kept, [])

    def grow(self, size: int) -> None:
        self._newest = (MemoryLog().note(size), MemoryLog().checkpoint(size))


def kept_stamps(folder: Path) -> list[tuple[bytes, bytes]]:
    tokens = folder.glob("gate.witnessed/stamps/*/*.tsr")
    return [(token.with_suffix(".checkpoint").read_bytes(), token.read_bytes()) for token in tokens]


async def test_a_log_is_stamped_when_it_has_grown_and_so_often_at_most(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    kept = KeptCheckpoints(tmp_path / "gate.witnessed")
    feed = SeenLog(VERIFIER_KEY, kept)
    seldom = TimeStamper(feed, client(authority, session), kept, every_s=3600)
    await seldom.step()
    feed.grow(0)
    await seldom.step()
    assert authority.requests == 0
    for size in (5, 5, 6):
        feed.grow(size)
        await seldom.step()
    assert authority.requests == 1

    # Another process goes on from what is kept.
    await TimeStamper(feed, client(authority, session), kept, every_s=3600).step()
    assert authority.requests == 1
    often = TimeStamper(feed, client(authority, session), kept, every_s=0)
    await often.step()
    await often.step()
    assert authority.requests == 2
    certificates = load_certificates(authority.folder / "ca.pem")
    stamps = kept_stamps(tmp_path)
    assert len(stamps) == 2
    for content, token in stamps:
        verify_time_stamp(content, token, certificates)


async def test_what_an_authority_cannot_is_told_and_tried_again(
    authority: timestamp_authority.TimeStampAuthority, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    kept = KeptCheckpoints(tmp_path / "gate.witnessed")
    feed = SeenLog(VERIFIER_KEY, kept)
    feed.grow(5)
    authority.status = 503
    stamper = TimeStamper(feed, client(authority, session), kept, every_s=1)
    await stamper.step()
    assert "503" in stamper.fault
    await stamper.step()  # pauses
    assert authority.requests == 1
    assert kept.last_stamped() is None
