"""Orders that are made on auditors' own machines: carried out at the site, answered, and then true on the machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.archive.keys import create_conversation_key, create_log_key
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.request import OrderAnswer, encode_request
from components.archive.store.sqlite_source import SqliteSource
from components.audit.auditor import find_auditor
from components.audit.checks.verify_blobs import verify_blobs
from components.audit.files.show import show_file
from components.audit.orders.carry import approve_file, fetch_approvers, hand_over
from components.audit.orders.file import OrderFile, read_order_file, write_order_file
from components.audit.orders.propose import Grounds, Proposal, propose_erasure, propose_hold
from components.audit.orders.scene import Enquiry
from components.audit.orders.scope import Scope
from components.cli.output.console import progress_bar
from components.follow.client import FeedRefused
from components.follow.service import FollowService
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.settings.archive import load_approvers, load_retention
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.transfer.destroyed import DestroyedFiles
from components.transfer.state import UploadStore
from tests.e2e.test_auditors_feed import running
from tests.support.audit_site import open_writer
from tests.support.fed_files import FedFiles, KeptFile, make_fed_files, stored, transfer_of
from tests.support.machines import ALICE, BOB, say
from tests.support.process import PATIENCE_S, wait_until
from tests.support.retention_site import RETENTION

APPROVERS = ("anna", "ben")


@pytest.fixture
async def filed(tmp_path: Path) -> FedFiles:
    for name in (*APPROVERS, "carl"):
        create_log_key(tmp_path / f"approver-{name}.key", f"approver/{name}")
    (tmp_path / "retention.toml").write_text(RETENTION)
    create_conversation_key(tmp_path / "conversation.key")
    archive: dict[str, object] = {
        "retention": "../retention.toml",
        "approvers": [f"../approver-{name}.pub" for name in APPROVERS],
        "conversation_key_file": "../conversation.key",
    }
    return await make_fed_files(tmp_path, archive=archive)


@asynccontextmanager
async def carried_out(filed: FedFiles, log: LogSettings) -> AsyncIterator[None]:
    """Be the process at the site that writes a log, and destroys files with their records."""
    task = asyncio.create_task(carry_out(filed, log))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def carry_out(filed: FedFiles, log: LogSettings) -> None:
    site = filed.fed.site
    writer, source = await open_writer(site, log), await SqliteSource.open(Path(log.store))
    uploads = await UploadStore.open(transfer_of(site).state_file)
    policy, approvers = load_retention(site.archive.retention), load_approvers(site.archive.approvers)
    executor = OrderExecutor(writer, source, log.origin, policy, approvers)
    files = DestroyedFiles(source, uploads, filed.blobs)
    now_s = 0.0
    try:
        while True:
            with suppress(LogUnavailable):
                await executor.serve()
                await writer.sign()
                if log == filed.log:
                    now_s += 1000.0
                    await files.serve(now_s)
            await asyncio.sleep(0.05)
    finally:
        await uploads.close()
        await source.close()
        await writer.close()


def signed(site: SiteFile, proposal: Proposal, *names: str) -> OrderFile:
    file = site.folder / "an.order"
    write_order_file(file, proposal.request)
    for name in names:
        approve_file(file, str(site.folder.parent / f"approver-{name}.key"), fetch_approvers(site))
    return read_order_file(file)


def log_of(site: SiteFile, name: str) -> LogSettings:
    return site.require_log(name)


async def caught_up(service: FollowService, filed: FedFiles, *sent: KeptFile) -> None:
    """Wait until these files and their records are on Erin's machine."""
    assert await wait_until(lambda: service.followers["transfer"].size >= max(each.record for each in sent))
    for each in sent:
        assert await wait_until(lambda each=each: (filed.copies("erin") / each.blob.head_name).exists())  # type: ignore[misc]


async def erase(site: SiteFile, record: int) -> OrderFile:
    scope = Scope(indexes=frozenset({record}))
    log = log_of(site, "transfer")
    proposal = await propose_erasure(Enquiry(site, log), scope, Grounds("M-1", "a court says so"))
    return signed(site, proposal, *APPROVERS)


async def test_an_erasure_goes_to_the_site_and_the_file_leaves_both(filed: FedFiles) -> None:
    gone, kept = await filed.send("gone.txt", b"what must go"), await filed.send("kept.txt", b"what stays")
    erins = filed.fed.machines["erin"]
    log = log_of(erins, "transfer")
    async with (
        filed.fed.serve() as (_server, port),
        filed.fed.follow("erin", port) as service,
        running(service),
    ):
        await caught_up(service, filed, gone, kept)
        assert service.files is not None
        assert await wait_until(lambda: service.files is not None and service.files.count().here == 2)
        order = await erase(erins, gone.record)
        data = filed.data_of(gone.blob, filed.copies("erin"))
        async with carried_out(filed, filed.log):
            answer = await hand_over(erins, log, order, PATIENCE_S)
            assert answer is not None
            assert (answer.ok, answer.lines) == (True, ())
            assert await wait_until(lambda: not data.exists())
            # The same again is the same order: it is carried out once.
            assert await hand_over(erins, log, order, PATIENCE_S) == answer
        assert await wait_until(lambda: service.files is not None and service.files.count().here == 1)
        erin = find_auditor(erins, "erin")
        assert (await show_file(erins, kept.id, ignore_progress, erin)).is_whole
        with pytest.raises(SiteError, match="destroyed by an order"):
            await show_file(erins, gone.id, ignore_progress, erin)
    report = await verify_blobs(erins, progress_bar)
    assert report is not None
    assert (report.problems, report.intact, report.destroyed) == ([], 1, 1)
    assert not any(b"what must go" in each for each in stored(filed.copies("erin")).values())
    source = await SqliteSource.open(Path(filed.log.store))
    assert [row.body for row in await source.fetch_requests() if row.body] == []
    await source.close()


async def test_an_erasure_while_the_machine_was_off_is_made_good_at_its_start(filed: FedFiles) -> None:
    sent = await filed.send("gone.txt", b"what must go")
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        await service.catch_up()
        data = filed.data_of(sent.blob, filed.copies("erin"))
        order = await erase(filed.fed.machines["erin"], sent.record)
    site = filed.fed.site
    async with carried_out(filed, filed.log):
        answer = await hand_over(site, filed.log, order, PATIENCE_S)
        assert answer is not None
        assert answer.ok
        assert await wait_until(lambda: not filed.data_of(sent.blob).exists())
    assert data.exists()
    async with filed.fed.serve() as (_server, port), filed.fed.follow("erin", port) as service:
        await service.catch_up()
    assert not data.exists()
    report = await verify_blobs(filed.fed.machines["erin"], progress_bar)
    assert report is not None
    assert report.ok
    tombstone = (filed.copies("erin") / sent.blob.head_name).read_text()
    assert order.order.id in tombstone


async def test_a_hold_from_the_machine_stops_an_erasure_there_and_at_the_site(filed: FedFiles) -> None:
    sent = await filed.send("held.txt", b"what is held")
    erins = filed.fed.machines["erin"]
    log = log_of(erins, "transfer")
    async with (
        filed.fed.serve() as (_server, port),
        filed.fed.follow("erin", port) as service,
        running(service),
        carried_out(filed, filed.log),
    ):
        await caught_up(service, filed, sent)
        before = await erase(erins, sent.record)
        scope = Scope(custodian="alice@metals.example", named=())
        proposal = await propose_hold(Enquiry(erins, log), scope, Grounds("M-1", "claim"))
        hold = signed(erins, proposal, *APPROVERS)
        answer = await hand_over(erins, log, hold, PATIENCE_S)
        assert answer is not None
        assert answer.ok
        refused = await hand_over(erins, log, before, PATIENCE_S)
        assert refused is not None
        assert not refused.ok
        assert any("hold" in line for line in refused.lines)
    assert filed.data_of(sent.blob, filed.copies("erin")).exists()


async def test_orders_of_the_gate_go_the_same_way(filed: FedFiles) -> None:
    (number,) = await filed.fed.append(say(1, ALICE, BOB, "a tip"))
    erins = filed.fed.machines["erin"]
    async with (
        filed.fed.serve() as (_server, port),
        filed.fed.follow("erin", port) as service,
        running(service),
        carried_out(filed, filed.fed.site.gate_log),
    ):
        assert await wait_until(lambda: service.followers["gate"].size > number)
        scope = Scope(indexes=frozenset({number}))
        proposal = await propose_hold(Enquiry(erins, erins.gate_log), scope, Grounds("M-1", "claim"))
        answer = await hand_over(erins, erins.gate_log, signed(erins, proposal, *APPROVERS), PATIENCE_S)
        assert answer is not None
        assert answer.ok


async def test_what_the_site_does_not_take_for_an_order_is_refused_before_the_writer_sees_it(
    filed: FedFiles,
) -> None:
    sent = await filed.send("kept.txt", b"what stays")
    erins = filed.fed.machines["erin"]
    async with (
        filed.fed.serve() as (_server, port),
        filed.fed.follow("erin", port) as service,
        filed.fed.connect("erin", port) as client,
    ):
        await service.catch_up()
        good = await erase(erins, sent.record)
        body, id_ = encode_request(good.request).encode(), good.order.id
        scope = Scope(indexes=frozenset({sent.record}))
        log = log_of(erins, "transfer")
        proposal = await propose_erasure(Enquiry(erins, log), scope, Grounds("M-1", "x"))
        half = signed(erins, proposal, "anna")
        for log_name, order, content in (
            ("transfer", half.order.id, encode_request(half.request).encode()),  # one has signed
            ("gate", id_, body),  # of another log
            ("audit", id_, body),  # a log that commands write
            ("transfer", f"{id_}x", body),  # under another id
            ("transfer", f"{id_}@faye-desk", body),
            ("transfer", id_, body.replace(b"a court says so", b"I say so")),
            ("transfer", id_, body[:100]),
            ("transfer", id_, b"[" * 100_000),
        ):
            with pytest.raises(FeedRefused):
                await client.hand_in(log_name, order, content)
        source = await SqliteSource.open(Path(filed.log.store))
        assert await source.fetch_requests() == []
        await client.hand_in("transfer", id_, body)
        assert [row.id for row in await source.fetch_requests()] == [f"{id_}@erin-desk"]
        await source.close()


async def test_machines_cannot_take_back_or_read_each_others_orders(filed: FedFiles) -> None:
    sent = await filed.send("kept.txt", b"what stays")
    erins = filed.fed.machines["erin"]
    async with (
        filed.fed.serve() as (_server, port),
        filed.fed.follow("erin", port) as service,
        filed.fed.connect("erin", port) as erin,
        filed.fed.connect("faye", port) as faye,
    ):
        await service.catch_up()
        order = await erase(erins, sent.record)
        await erin.hand_in("transfer", order.order.id, encode_request(order.request).encode())
        await faye.withdraw("transfer", order.order.id)
        source = await SqliteSource.open(Path(filed.log.store))
        assert len(await source.fetch_requests()) == 1
        await source.close()
        async with carried_out(filed, filed.log):
            assert await erin.find_answer("transfer", order.order.id, 20) is not None
            assert await faye.find_answer("transfer", order.order.id, 0) is None


async def test_an_order_waits_for_a_site_that_is_away(filed: FedFiles) -> None:
    sent = await filed.send("gone.txt", b"what must go")
    erins = filed.fed.machines["erin"]
    log = log_of(erins, "transfer")
    async with (
        filed.fed.relay() as network,
        filed.fed.follow("erin", network.port) as service,
        running(service),
    ):
        await caught_up(service, filed, sent)
        order = await erase(erins, sent.record)
        network.is_up = False
        network.cut()
        assert await hand_over(erins, log, order, 0.0) is None
        network.is_up = True
        async with carried_out(filed, filed.log):
            answer = await hand_over(erins, log, order, PATIENCE_S)
            assert answer is not None
            assert answer == OrderAnswer(True, answer.order, ())
