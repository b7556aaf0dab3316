"""Real witness processes on the loopback: they cosign one another's logs, and hold to what they cosigned."""

import asyncio
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.cosignature import CosignerKey, verify_cosignatures
from components.archive.log.note import VerifierKey, make_signer
from components.archive.writer import LogWriter
from components.verifier.build import build_verifier
from components.witness.add_checkpoint import MAX_BODY_BYTES, WitnessAnswer
from components.witness.state import hash_origin
from components.witness.timestamp import load_certificates, verify_time_stamp
from tests.support.archive import ORIGIN, RECIPIENTS, SIGNER, VERIFIER_KEY, VKEY, entries, open_writer
from tests.support.process import PATIENCE_S, wait_until
from tests.support.timestamp_authority import TimeStampAuthority
from tests.support.witness import MemoryLog, WitnessProcess, vkey_of

LOG = MemoryLog()
FORK = MemoryLog("b", common=3)


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[WitnessProcess]:
    """A witness that knows the log of the tests, and has none of its own."""
    async with WitnessProcess(tmp_path / "other", "other.example/witness", logs=[VKEY]) as process:
        yield process


@pytest.fixture
async def site(tmp_path: Path, witness: WitnessProcess) -> AsyncIterator[WitnessProcess]:
    """A site with a log, not started yet, which asks the witness."""
    process = WitnessProcess(tmp_path / "site", "steelyard.example/witness")
    process.make_log()
    process.asks = [witness]
    yield process
    await process.stop()


async def grow(site: WitnessProcess, *counts: int) -> None:
    writer = await open_writer(site.log_file)
    await append(writer, *counts)
    await writer.close()


async def append(writer: LogWriter, *counts: int) -> int:
    for count in counts:
        await writer.append(entries(writer.size, count))
        await writer.sign()
    return writer.size


def newest(site: WitnessProcess) -> str:
    try:
        return (site.kept / "newest.checkpoint").read_text()
    except FileNotFoundError:
        return ""


def cosigned_size(site: WitnessProcess, *witnesses: WitnessProcess, key: VerifierKey = VERIFIER_KEY) -> int:
    """Give the size of the site's newest checkpoint if all of these have cosigned it, else -1."""
    if not (note := newest(site)):
        return -1
    keys: list[CosignerKey] = [key for each in witnesses for key in each.keys]
    found = {each.key.key_id for each in verify_cosignatures(note, keys)}
    size = verify_checkpoint(note, key).size
    return size if found == {key.key_id for key in keys} else -1


async def wait_for_size(
    size: int, site: WitnessProcess, *witnesses: WitnessProcess, key: VerifierKey = VERIFIER_KEY
) -> None:
    reached = await wait_until(lambda: cosigned_size(site, *witnesses, key=key) == size)
    assert reached, f"{newest(site)}\n{site.status()}\n{site.log_tail()}"


async def test_a_log_is_cosigned_while_it_is_written(site: WitnessProcess, witness: WitnessProcess) -> None:
    async with site:
        writer = await open_writer(site.log_file)
        for counts in ((1,), (2, 300), (5,)):
            size = await append(writer, *counts)
            await wait_for_size(size, site, site, witness)
        await writer.close()  # ends the segments, which are records too
        await wait_for_size(writer.size, site, site, witness)
        assert site.status()["faults"] == []
        kept = await witness.get(f"/{hash_origin(ORIGIN)}/checkpoint")
        assert kept.status == 200
        assert verify_checkpoint(kept.body, VERIFIER_KEY).size == writer.size


async def test_what_was_written_last_is_cosigned_at_the_end(
    site: WitnessProcess, witness: WitnessProcess
) -> None:
    await site.start()
    await grow(site, 7)
    await site.stop()
    size = cosigned_size(site, site, witness)
    writer = await open_writer(site.log_file)
    assert size == writer.size
    await writer.close()


async def test_two_sites_witness_one_another(tmp_path: Path) -> None:
    """Each asks the other, and each cosigns itself; the second comes up later, and is asked after a pause."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([5] * 32))
    signers = [SIGNER, make_signer("two.example/gate", key)]
    one = WitnessProcess(tmp_path / "one", "one.example/witness", logs=[vkey_of(signers[1])])
    two = WitnessProcess(tmp_path / "two", "two.example/witness", logs=[vkey_of(signers[0])])
    one.asks, two.asks = [two], [one]
    sizes = []
    for site, signer in zip((one, two), signers, strict=True):
        site.make_log(signer)
        writer = await LogWriter.open(site.log_file, signer, RECIPIENTS)
        await append(writer, 5)
        await writer.close()
        sizes.append(writer.size)
    async with one:
        told = await wait_until(lambda: "cannot be reached" in " ".join(one.status()["faults"]))
        assert told, one.status()
        assert cosigned_size(one, one) == sizes[0]
        async with two:
            for site, signer, size in zip((one, two), signers, sizes, strict=True):
                await wait_for_size(size, site, one, two, key=signer.verifier_key)
            assert await wait_until(lambda: one.status()["faults"] + two.status()["faults"] == [])


async def sizes_of(site: WitnessProcess) -> int:
    writer = await open_writer(site.log_file)
    await writer.close()
    return writer.size


async def test_a_log_that_is_set_back_is_told(site: WitnessProcess, witness: WitnessProcess) -> None:
    await grow(site, 5)
    older = site.log_file.read_bytes()
    await grow(site, 50)
    size = await sizes_of(site)
    async with site:
        await wait_for_size(size, site, site, witness)
    site.log_file.write_bytes(older)
    async with site:
        told = await wait_until(lambda: " ".join(site.status()["faults"]).count("was set back") == 2)
        assert told, site.status()
        assert cosigned_size(site, site, witness) == size


async def verify(site: WitnessProcess, witness: WitnessProcess) -> tuple[int, str]:
    """Run the verifier, which shares no code with the witness, over a log and its witnessed checkpoints."""
    verifier = site.root / "verify.py"
    verifier.write_bytes(build_verifier())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", verifier, site.log_file, "--key", site.log_key_file.with_suffix(".pub")),
        *("--checkpoint", site.kept, "--witness", witness.root / "keys" / "witness.pub", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_verifier_finds_what_is_kept(site: WitnessProcess, witness: WitnessProcess) -> None:
    await grow(site, 5)
    older = site.log_file.read_bytes()
    await grow(site, 50)
    size = await sizes_of(site)
    async with site:
        await wait_for_size(size, site, site, witness)
    status, report = await verify(site, witness)
    assert status == 0, report
    assert "other.example/witness" in report
    site.log_file.write_bytes(older)
    status, report = await verify(site, witness)
    assert status == 1, report


async def test_the_specifications_answers(witness: WitnessProcess) -> None:
    unknown = await witness.get(f"/{hash_origin(ORIGIN)}/checkpoint")
    assert unknown.status == 404
    assert (await witness.post(LOG.request(0, 5))).status == 200
    assert await witness.post(LOG.request(0, 7)) == WitnessAnswer(409, "5\n", "text/x.tlog.size")
    assert await witness.post(FORK.request(0, 4)) == WitnessAnswer(
        409, "5\n", "text/x.tlog.size"
    )  # a rollback
    assert (await witness.post(LOG.request(6, 5))).status == 400
    assert (await witness.post(b"old 0")).status == 400
    assert (await witness.post(FORK.request(5, 7))).status == 422
    assert (await witness.post(FORK.request(5, 5))).status == 422
    a_hash_more = LOG.request(5, 7).replace(b"old 5\n", b"old 5\n" + b64encode(bytes(32)) + b"\n")
    assert (await witness.post(a_hash_more)).status == 422
    assert (await witness.post(LOG.request(5, 7).replace(b"gate\n7", b"gata\n7"))).status == 404
    assert (await witness.post(LOG.request(5, 7).replace(b"\n7\n", b"\n8\n"))).status == 403
    answer = await witness.post(LOG.request(5, 7))
    assert answer.status == 200
    assert len(verify_cosignatures(LOG.note(7) + answer.body, witness.keys)) == 2
    assert (await witness.post(LOG.request(7, 9), "/other")).status == 404
    assert (await witness.get("/add-checkpoint")).status == 405
    assert (await witness.post(bytes(MAX_BODY_BYTES + 1))).status == 413


async def test_of_simultaneous_requests_one_wins(tmp_path: Path) -> None:
    """For log after log ten requests at once, each on a connection of its own: forks, by one leaf or two."""
    signers = [
        make_signer(f"steelyard.example/{n}", Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)))
        for n in range(20)
    ]
    logs = [vkey_of(signer) for signer in signers]
    async with WitnessProcess(tmp_path / "other", "other.example/witness", logs=logs) as witness:
        for signer in signers:
            assert (await witness.post(MemoryLog(common=3, signer=signer).request(0, 3))).status == 200
            asked = [(MemoryLog(fork, 3, signer), size) for fork in "abcde" for size in (4, 5)]
            answers = await asyncio.gather(*(witness.post(log.request(3, size)) for log, size in asked))
            (won,) = [each for each, answer in zip(asked, answers, strict=True) if answer.status == 200]
            log, size = won
            assert [answer.body for answer in answers if answer.status == 409] == [f"{size}\n"] * 9
            kept = await witness.get(f"/{hash_origin(signer.name)}/checkpoint")
            assert kept.body.startswith(log.note(size))


async def test_it_goes_on_where_it_was(witness: WitnessProcess) -> None:
    assert (await witness.post(LOG.request(0, 5))).status == 200
    await witness.kill9()
    await witness.start()
    assert (await witness.post(FORK.request(5, 7))).status == 422
    assert (await witness.post(LOG.request(5, 7))).status == 200


async def test_a_second_process_on_the_same_state_ends(witness: WitnessProcess, tmp_path: Path) -> None:
    second = WitnessProcess(tmp_path / "second", "other.example/witness", logs=[VKEY])
    second.state.symlink_to(witness.state)
    with pytest.raises(AssertionError, match="another process is this witness"):
        await second.start()


async def test_a_log_is_stamped(site: WitnessProcess, tmp_path: Path) -> None:
    site.asks = []
    await grow(site, 5)
    async with TimeStampAuthority.make(tmp_path / "tsa").serve() as authority:
        ca = authority.folder / "ca.pem"
        site.stamps = {"url": authority.url, "certificates": str(ca), "every_s": 1}
        async with site:
            first = await wait_until(lambda: len(stamps_of(site)) == 1)
            assert first, site.log_tail()
            await grow(site, 5)
            second = await wait_until(lambda: len(stamps_of(site)) > 1)
            assert second, site.log_tail()
            assert site.status()["faults"] == []
    for token in stamps_of(site):
        content = token.with_suffix(".checkpoint").read_bytes()
        verify_checkpoint(content.decode(), VERIFIER_KEY)
        verify_time_stamp(content, token.read_bytes(), load_certificates(ca))


def stamps_of(site: WitnessProcess) -> list[Path]:
    return list(site.kept.glob("stamps/*/*.tsr"))


def ask_over_one_connection(port: int) -> list[int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.connect()
    socket, statuses = connection.sock, []
    for old_size, size in ((0, 1), (1, 2), (2, 9)):
        connection.request("POST", "/add-checkpoint", LOG.request(old_size, size))
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        assert connection.sock is socket  # else it was closed
    connection.close()
    return statuses


async def test_connections_are_kept_open(witness: WitnessProcess) -> None:
    assert await asyncio.to_thread(ask_over_one_connection, witness.port) == [200, 200, 200]
