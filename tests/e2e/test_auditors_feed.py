"""Auditors on machines of their own over the feed: what reaches them, what goes back, and what does not."""

import asyncio
import datetime as dt
import shutil
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from components.archive.backup import CopyError
from components.archive.follow import CopyState, LogForked
from components.archive.follow.source import make_batch
from components.archive.record import RecordKind
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import Entry, LogWriter
from components.audit.auditor import find_auditor
from components.audit.author import Author, open_author
from components.audit.checks.evidence import load_evidence
from components.audit.checks.verify_site import LogChoice, verify_site
from components.audit.review.author import write_act
from components.audit.review.held import decide_held, list_held
from components.audit.search import find_ids
from components.cli.output.console import progress_bar
from components.feed.machines import Machine
from components.feed.server import FeedServer
from components.follow.client import FeedRefused, FeedUnavailable
from components.follow.service import FollowService
from components.link.review_request import REQUEST_PREFIX, ReviewRequest, encode_review_request
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.certificates import make_machine_certificate
from policy.supervision.act import ActKind
from policy.supervision.item import ItemState
from tests.e2e.test_auditors_machine import desk_of, gate_answers
from tests.support.audit_site import open_writer
from tests.support.machines import ALICE, BOB, GRETA, GUS, FedSite, make_fed_site, say
from tests.support.process import PATIENCE_S, wait_until
from tests.support.typed import require


@pytest.fixture
async def fed(tmp_path: Path) -> FedSite:
    return await make_fed_site(tmp_path)


def author_of(fed: FedSite, who: str) -> Author:
    site = fed.machines[who]
    return open_author(site, find_auditor(site, who), str(fed.key_of(who)))


@asynccontextmanager
async def running(service: FollowService) -> AsyncIterator[None]:
    task = asyncio.create_task(service.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def rows_of(log: Path) -> list[object]:
    async def read() -> list[object]:
        source = await SqliteSource.open(log)
        try:
            return [
                await source.fetch_rows(0, 10**6),
                await source.fetch_checkpoints(0, 10**6),
                await source.fetch_segments(),
            ]
        finally:
            await source.close()

    return asyncio.run(read())


async def read_rows(site: SiteFile, name: str) -> list[object]:
    return await asyncio.to_thread(rows_of, Path(site.require_log(name).store))


async def verified(site: SiteFile, name: str) -> bool:
    evidence = load_evidence(site, (), (), (), ())
    report = (await asyncio.to_thread(verify_site, site, LogChoice(name), evidence, progress_bar))[name]
    return report is not None and report.ok


async def test_records_reach_the_machine_and_what_is_done_there_reaches_the_site(fed: FedSite) -> None:
    await fed.append(say(1, ALICE, BOB, "a tip"), say(2, BOB, ALICE, "thanks"))
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service:
        await service.catch_up()
        erins = fed.machines["erin"]
        for name in ("gate", "audit"):
            assert await read_rows(erins, name) == await read_rows(fed.site, name)
        assert await verified(erins, "gate")
        # Every command works on the copy; what she looks for is recorded on her machine, and is at the site soon.
        found = await find_ids(erins, "tip", lambda _done, _total: None, find_auditor(erins, "erin"))
        assert len(found) == 1
        desk = await desk_of(erins, author_of(fed, "erin"))
        (act,) = await desk.act(ActKind.CLAIM, list(desk.items)[:1])
        assert act.startswith("audit-erin/")
        await service.catch_up()
        assert await read_rows(fed.site, "audit-erin") == await read_rows(erins, "audit-erin")
        assert await verified(fed.site, "audit-erin")
        # And on the machine of the next auditor, who sees what she claimed.
        async with fed.follow("faye", port) as second:
            await second.catch_up()
            desk = await desk_of(fed.machines["faye"], author_of(fed, "faye"))
            assert next(item.status.holder for item in desk.items.values()) == "erin"


async def test_a_running_machine_has_a_message_soon_and_releases_it(fed: FedSite) -> None:
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service, running(service):
        (number,) = await fed.append(say(1, ALICE, BOB, "a tip"))
        item = f"gate/{number}"
        assert await wait_until(lambda: service.followers["gate"].size > number)
        erins, erin = fed.machines["erin"], author_of(fed, "erin")
        async with gate_answers(fed.site, item) as answers:
            held = await list_held(erins, PATIENCE_S, find_auditor(erins, "erin"))
            assert [each.record for each in held.held] == [number]
            assert "a tip" in held.texts[number]
            decided = await decide_held(erins, item, "release", "it is public", PATIENCE_S, erin)
            assert [each.problem for each in answers] == [""]
            assert decided.act_id.startswith("audit-erin/")
            # Nothing of requests stays with the writer, once the machine has the answers.
            box = await SqliteSource.open(Path(fed.site.gate_log.store))
            rows = await box.fetch_requests()
            await box.close()
            assert all(row.body is None for row in rows)
        desk = await desk_of(erins)
        assert desk.items[item].status.state is ItemState.CLOSED


async def test_an_unsigned_decision_and_one_of_somebody_else_are_not_passed_on(fed: FedSite) -> None:
    (number,) = await fed.append(say(1, ALICE, BOB, "a tip"))
    item = f"gate/{number}"
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service, running(service):
        assert await wait_until(lambda: service.followers["gate"].size > number)
        erins = fed.machines["erin"]
        async with gate_answers(fed.site, item) as answers:
            with pytest.raises(SiteError, match="signed"):
                await decide_held(
                    erins, item, "release", "x", PATIENCE_S, Author(find_auditor(erins, "erin"))
                )
            # Faye may review, but she does not work on this machine.
            other = open_author(erins, find_auditor(erins, "faye"), str(fed.key_of("faye")))
            with pytest.raises(SiteError, match="does not work on the machine"):
                await decide_held(erins, item, "release", "x", PATIENCE_S, other)
            assert answers == []


def signed_release(fed: FedSite, number: int, **changed: str) -> bytes:
    author = author_of(fed, "erin")
    signed = write_act(author, ActKind.RELEASE, fed.site.gate_log, number, evidence="0" * 64, note="x")
    from components.rules.reviewers import encode_note

    request = ReviewRequest(
        "release", number, "erin", "x", "0" * 64, encode_note(signed.act, signed.signature)
    )
    return encode_review_request(replace(request, **changed))  # type: ignore[arg-type]


def new_id() -> str:
    return f"{REQUEST_PREFIX}{uuid.uuid4().hex}"


async def test_a_replayed_act_is_handed_in_once(fed: FedSite) -> None:
    (number,) = await fed.append(say(1, ALICE, BOB, "a tip"))
    async with fed.serve() as (_server, port), fed.connect("erin", port) as client:
        body, id_ = signed_release(fed, number), new_id()
        await client.hand_in("gate", id_, body)
        # The same request again, after a cut, is the same.
        await client.hand_in("gate", id_, body)
        with pytest.raises(FeedRefused, match="before"):
            await client.hand_in("gate", new_id(), body)
        # Nor does it serve for something else: another reason, another record, another log.
        for changed in ({"reason": "y"}, {"act": "refuse"}, {"actor": "faye"}, {"evidence": "1" * 64}):
            with pytest.raises(FeedRefused):
                await client.hand_in("gate", new_id(), signed_release(fed, number, **changed))
        source = await SqliteSource.open(Path(fed.site.gate_log.store))
        assert len(await source.fetch_requests()) == 1
        await source.close()
        with pytest.raises(FeedRefused):
            await client.hand_in("audit", new_id(), signed_release(fed, number))
        with pytest.raises(FeedRefused):
            await client.hand_in("gate", "order-1", signed_release(fed, number))
        with pytest.raises(FeedRefused):
            await client.hand_in("gate", new_id(), b"x" * 100_000)


async def test_a_machine_of_one_enterprise_is_told_only_what_is_held_there(fed: FedSite) -> None:
    """The list of what is held is not sealed: of it, a machine gets what one of its auditors may see."""
    numbers = await fed.append(say(1, ALICE, BOB, "a tip"), say(2, GRETA, GUS, "another"))
    async with fed.serve() as (_server, port):
        for who, sender, seen in (("erin", ALICE, 1), ("faye", ALICE, 1)):
            async with fed.connect(who, port) as client, gate_answers(fed.site, f"gate/{numbers[0]}"):
                id_ = new_id()
                await client.hand_in("gate", id_, encode_review_request(ReviewRequest("list")))
                answer = await client.find_answer("gate", id_, 20)
                assert answer is not None
                assert answer.count(sender) == seen
    fed.rewrite('enterprises = ["metals"]', 'enterprises = ["grain"]')
    gate = gate_answers(fed.site, f"gate/{numbers[0]}")
    async with fed.serve() as (_server, port), fed.connect("faye", port) as client, gate:
        id_ = new_id()
        await client.hand_in("gate", id_, encode_review_request(ReviewRequest("list")))
        answer = await client.find_answer("gate", id_, 20)
        assert answer is not None
        assert ALICE not in answer


async def test_requests_of_two_machines_are_apart(fed: FedSite) -> None:
    async with (
        fed.serve() as (_server, port),
        fed.connect("erin", port) as erin,
        fed.connect("faye", port) as faye,
    ):
        id_ = new_id()
        async with gate_answers(fed.site, "gate/1"):
            await erin.hand_in("gate", id_, encode_review_request(ReviewRequest("list")))
            assert await erin.find_answer("gate", id_, 20) is not None
            assert await faye.find_answer("gate", id_, 0) is None
            await faye.withdraw("gate", id_)
            assert await erin.find_answer("gate", id_, 0) is not None


async def test_a_request_whose_asker_has_given_up_is_withdrawn(fed: FedSite) -> None:
    (number,) = await fed.append(say(1, ALICE, BOB, "a tip"))
    item = f"gate/{number}"
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service, running(service):
        assert await wait_until(lambda: service.followers["gate"].size > number)
        erins, erin = fed.machines["erin"], author_of(fed, "erin")
        # Nobody is there to answer.
        with pytest.raises(SiteError, match="does not answer"):
            await decide_held(erins, item, "refuse", "x", 2.0, erin)
        source = await SqliteSource.open(Path(fed.site.gate_log.store))
        async with asyncio.timeout(PATIENCE_S):
            while await source.fetch_requests():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        await source.close()


async def refused(fed: FedSite, who: str, port: int, certificate: Path) -> str:
    async with fed.connect(who, port, certificate) as client:
        with pytest.raises((FeedRefused, FeedUnavailable)) as caught:
            await client.list_logs()
    return str(caught.value)


async def test_who_is_not_listed_gets_nothing(fed: FedSite, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    stranger, expired = tmp_path / "stranger.crt", tmp_path / "expired.crt"
    make_machine_certificate(stranger, "erin-desk", now)
    make_machine_certificate(expired, "erin-desk", now - dt.timedelta(days=2000))
    # The site's own certificate was issued by an authority that everybody trusts here.
    server = tmp_path / "server/certs/localhost.crt"
    shutil.copy(expired, tmp_path / "faye/keys/machine.crt")
    shutil.copy(expired.with_suffix(".key"), tmp_path / "faye/keys/machine.key")
    async with fed.serve() as (_server, port):
        for certificate in (stranger, expired, server):
            await refused(fed, "erin", port, certificate)
        async with fed.connect("erin", port) as client:
            assert set((await client.list_logs()).names.values()) == {"gate", "audit", "audit-faye"}


async def test_without_a_certificate_tls_itself_refuses(fed: FedSite) -> None:
    tls = ssl.create_default_context(cafile=str(fed.root / "ca.crt"))
    async with fed.serve() as (_server, port):
        reader, writer = await asyncio.open_connection("localhost", port, ssl=tls)
        writer.write(b"GET /logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ssl.SSLError, ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_a_machine_that_speaks_an_older_tls_is_refused(fed: FedSite) -> None:
    tls = ssl.create_default_context(cafile=str(fed.root / "ca.crt"))
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    machine = fed.root / "erin/keys/machine.crt"
    tls.load_cert_chain(machine, machine.with_suffix(".key"))
    async with fed.serve() as (_server, port):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("localhost", port, ssl=tls)


async def test_a_listed_certificate_counts_while_it_is_valid(fed: FedSite) -> None:
    shown = x509.load_pem_x509_certificate((fed.root / "erin/keys/machine.crt").read_bytes())
    der, second = shown.public_bytes(Encoding.DER), dt.timedelta(seconds=1)
    first, last = shown.not_valid_before_utc, shown.not_valid_after_utc
    async with fed.serve() as (server, _port):
        found = {
            moment: server.machines.find(der, moment)
            for moment in (first - second, first, last - second, last + second)
        }
    assert [each is not None for each in found.values()] == [False, True, True, False]


async def test_a_machine_does_not_speak_with_another_server(fed: FedSite, tmp_path: Path) -> None:
    from tests.support.certificates import CertificateAuthority

    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other").issue(tmp_path / "other", ["localhost"])
    shutil.copy(other / "ca.crt", fed.root / "erin/keys/ca.crt")
    async with fed.serve() as (_server, port), fed.connect("erin", port) as client:
        with pytest.raises(FeedRefused, match="authority"):
            await client.list_logs()


async def test_a_revoked_certificate_is_refused_at_once_also_on_an_open_connection(fed: FedSite) -> None:
    await fed.append(say(1, ALICE, BOB, "a tip"))
    async with fed.serve() as (server, port), fed.connect("erin", port) as client:
        await client.list_logs()
        fed.remove_machine("erin")
        server.read_again(fed.site)
        with pytest.raises(FeedRefused, match="not listed"):
            await client.list_logs()
        with pytest.raises((FeedRefused, FeedUnavailable)):
            await client.fetch_batch("gate", CopyState(), 1000, 0)


async def test_a_machine_that_is_revoked_while_it_is_sent_a_batch_gets_no_more_of_it(
    fed: FedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fed.append(*(say(each, ALICE, BOB, f"tip {each} " * 200) for each in range(300)))
    monkeypatch.setattr("components.feed.stream.PIECE_BYTES", 10_000)
    async with fed.serve() as (server, port), fed.connect("erin", port) as client:
        listed, asked = server.machines.find, 0

        def find(certificate: bytes | None, now: dt.datetime) -> Machine | None:
            nonlocal asked
            asked += 1
            return listed(certificate, now) if asked < 5 else None

        monkeypatch.setattr(server.machines, "find", find)
        with pytest.raises(FeedUnavailable, match="cut"):
            await client.fetch_batch("gate", CopyState(), 10**6, 0)
        assert asked == 5


async def test_a_machine_of_nobody_who_is_an_auditor_still_is_refused(fed: FedSite) -> None:
    fed.rewrite('id = "faye"\n', 'id = "faye"\nuntil = 2026-01-01T00:00:00Z\n')
    async with fed.serve() as (_server, port):
        assert "not listed" in await refused(fed, "faye", port, fed.root / "faye/keys/machine.crt")


async def test_a_machine_gets_the_logs_that_are_named_for_it(fed: FedSite) -> None:
    fed.rewrite('own_log = "audit-faye"', 'logs = ["gate"]')
    async with fed.serve() as (_server, port), fed.connect("faye", port) as client:
        found = await client.list_logs()
        assert (list(found.names.values()), found.own) == (["gate"], "")
        with pytest.raises(FeedRefused):
            await client.fetch_batch("audit", CopyState(), 1000, 0)
        with pytest.raises(FeedRefused):
            await client.fetch_own_state()


async def test_a_cut_link_is_gone_on_with_where_it_was_cut(fed: FedSite) -> None:
    for batch in range(6):
        await fed.append(*(say(batch * 50 + each, ALICE, BOB, f"tip {each} " * 200) for each in range(50)))
    async with fed.relay() as network:
        async with fed.follow("erin", network.port) as service:
            gate, sizes = service.followers["gate"], [0]
            gate._bytes = 40_000
            for _ in range(5):
                with suppress(SiteError):
                    await gate.step()
                    sizes.append(gate.size)
                network.cut()
            assert sizes == sorted(sizes)
            async with asyncio.timeout(PATIENCE_S):
                while not gate.caught_up:
                    with suppress(FeedUnavailable):
                        await gate.step()
        assert await read_rows(fed.machines["erin"], "gate") == await read_rows(fed.site, "gate")


async def test_a_link_that_is_cut_in_a_batch_gets_smaller_ones(fed: FedSite) -> None:
    await fed.append(*(say(each, ALICE, BOB, f"tip {each} " * 200) for each in range(50)))
    async with fed.relay() as network, fed.follow("erin", network.port) as service:
        gate = service.followers["gate"]
        before = gate._bytes
        network.is_up = False
        network.cut()
        with pytest.raises(FeedUnavailable):
            await gate.step()
        assert gate._bytes < before
        network.is_up = True
        while await gate.step():
            pass
        assert gate.caught_up


async def test_a_running_machine_survives_a_site_that_is_away(fed: FedSite) -> None:
    await fed.append(say(1, ALICE, BOB, "a tip"))
    async with fed.relay() as network, fed.follow("erin", network.port) as service, running(service):
        assert await wait_until(lambda: service.followers["gate"].caught_up)
        network.is_up = False
        network.cut()
        assert await wait_until(lambda: bool(service.followers["gate"].fault))
        assert service.describe().state == "behind"
        (number,) = await fed.append(say(2, BOB, ALICE, "thanks"))
        network.is_up = True
        assert await wait_until(lambda: service.followers["gate"].size > number)


async def rewrite_gate_log(fed: FedSite, records: int) -> None:
    """Put another history of the gate's log, signed with its own key, in the place of the one that there is."""
    for file in Path(fed.site.gate_log.store).parent.glob("gate.db*"):
        file.unlink()
    for file in Path(str(fed.site.gate_log.key_file)).parent.glob("log-gate*last*"):
        file.unlink()
    await fed.append(*(say(each, ALICE, BOB, "nothing at all") for each in range(records)))


@pytest.mark.parametrize("records", [1, 200])
async def test_a_site_that_rewrites_its_log_is_found_out_by_the_machine(fed: FedSite, records: int) -> None:
    await fed.append(*(say(each, ALICE, BOB, f"a tip {each}") for each in range(20)))
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service:
        await service.catch_up()
    before = await read_rows(fed.machines["erin"], "gate")
    await rewrite_gate_log(fed, records)
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service:
        with pytest.raises(LogForked):
            await service.catch_up()
        async with running(service):
            assert await wait_until(lambda: service.followers["gate"].forked)
            status = service.describe()
        assert status.state == "forked"
        assert status.details["forked"] == ["gate"]
    assert await read_rows(fed.machines["erin"], "gate") == before
    assert await verified(fed.machines["erin"], "gate")


async def write_own(site: SiteFile, texts: list[str]) -> None:
    writer: LogWriter = await open_writer(site, site.audit_log)
    await writer.append([Entry(RecordKind.ACCESS, text.encode()) for text in texts])
    await writer.close()


async def test_a_machine_that_rewrites_its_own_log_is_found_out_by_the_site(fed: FedSite) -> None:
    erins = fed.machines["erin"]
    await write_own(erins, ["one", "two", "three"])
    async with fed.serve() as (_server, port), fed.follow("erin", port) as service:
        await service.catch_up()
    before = await read_rows(fed.site, "audit-erin")
    for file in (fed.root / "erin/archive").glob("audit-erin.db*"):
        file.unlink()
    for file in (fed.root / "erin/keys").glob("*last*"):
        file.unlink()
    await write_own(erins, ["one", "other", "three", "four"])
    async with fed.serve() as (server, port), fed.follow("erin", port) as service:
        with pytest.raises(LogForked):
            await service.catch_up()
        assert list(server.faults) == ["audit-erin"]
    assert await read_rows(fed.site, "audit-erin") == before


async def test_a_machine_cannot_write_the_log_of_another(fed: FedSite) -> None:
    await write_own(fed.machines["faye"], ["one"])
    source = await SqliteSource.open(Path(fed.machines["faye"].audit_log.store))
    batch = await make_batch(source, CopyState())
    await source.close()
    async with fed.serve() as (_server, port), fed.connect("erin", port) as client:
        with pytest.raises(CopyError, match="audit-faye"):
            await client.send_own(batch)


async def test_too_many_requests_at_once_are_put_off(fed: FedSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.feed.server.MAX_AT_ONCE", 1)
    await fed.append(say(1, ALICE, BOB, "a tip"))
    async with (
        fed.serve() as (server, port),
        fed.connect("erin", port) as one,
        fed.connect("faye", port) as other,
    ):
        waits = asyncio.create_task(one.fetch_batch("gate", await state_of_all(fed), 1000, 20))
        assert await wait_until(lambda: busy(server) == 1)
        with pytest.raises(FeedUnavailable, match="too many"):
            await one.list_logs()
        await other.list_logs()
        waits.cancel()


async def test_who_waits_for_records_is_answered_when_the_feed_stops(
    fed: FedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.feed.asked.LONGEST_WAIT_S", 10.0**6)
    await fed.append(say(1, ALICE, BOB, "a tip"))
    state = await state_of_all(fed)
    async with AsyncExitStack() as clients:
        async with fed.serve() as (server, port):
            client = await clients.enter_async_context(fed.connect("erin", port))
            waits = asyncio.create_task(client.fetch_batch("gate", state, 1000, 10**6))
            assert await wait_until(lambda: busy(server) == 1)
        assert not require(await waits).is_new


async def test_a_machine_that_has_all_there_is_follows_at_once(
    fed: FedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.feed.asked.LONGEST_WAIT_S", 10.0**6)
    monkeypatch.setattr("components.follow.follower.WAIT_S", 10**6)
    await fed.append(say(1, ALICE, BOB, "a tip"))
    async with fed.serve() as (_server, port):
        async with fed.follow("erin", port) as service:
            await service.catch_up()
        # Started again, it asks for what comes next, and nothing does.
        async with fed.follow("erin", port) as service, running(service):
            assert await wait_until(lambda: service.describe().state == "following")


async def test_a_machine_that_waits_hears_at_once_of_a_log_that_became_shorter(
    fed: FedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.feed.asked.LONGEST_WAIT_S", 10.0**6)
    await fed.append(*(say(each, ALICE, BOB, "a tip") for each in range(20)))
    state = await state_of_all(fed)
    await rewrite_gate_log(fed, 1)
    async with fed.serve() as (_server, port), fed.connect("erin", port) as client:
        batch = await client.fetch_batch("gate", state, 1000, 10**6)
        assert batch is not None and batch.checkpoint.size < state.signed


async def state_of_all(fed: FedSite) -> CopyState:
    """Return the state of a copy that has all that there is."""
    source = await SqliteSource.open(Path(fed.site.gate_log.store))
    size = (await make_batch(source, CopyState())).checkpoint.size
    await source.close()
    return CopyState(size, size, 99)


def busy(server: FeedServer) -> int:
    return server._busy["erin-desk"]
