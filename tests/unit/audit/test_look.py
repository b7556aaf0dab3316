"""Searching and showing: what is found, what is proved, and that no look goes unrecorded."""

import asyncio
import base64
import sqlite3
import time
from contextlib import closing
from hashlib import sha256

import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.merkle import leaf_hash, verify_inclusion
from components.archive.record import Access, Delivery, RecordKind
from components.archive.writer import Entry
from components.audit import access
from components.audit.access import digest_of, name_actor, record_access
from components.audit.index.index import DeliveryState
from components.audit.query.error import QueryError
from components.audit.search import Page, SearchResult, search
from components.audit.show import RecordDetail, show
from components.cli.output.record import describe_detail
from components.process.errors import SiteError
from components.settings.site import SiteFile
from policy.files.carried import Carrier
from tests.support.audit_site import REFUSAL, T0_NS, Site, open_writer
from tests.support.process import PATIENCE_S
from tests.support.typed import file_of

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@grain.example"


def quiet(_done: int, _total: int) -> None:
    pass


async def look_for(site: Site, query: str, limit: int = 50) -> SearchResult:
    return await search(site.settings, query, Page(limit), quiet)


async def look_at(site: Site, record_id: str) -> RecordDetail:
    return await show(site.settings, record_id, quiet)


def look_id(number: int) -> str:
    """The id of a look; each is alone in its segment, which begins and ends with a record."""
    return f"audit/{3 * number + 1}"


async def test_a_search_reads_as_a_conversation(site: Site) -> None:
    await site.record(
        site.say(ALICE, BOB, "copper?"),
        site.say(BOB, ALICE, "copper!", at_s=1),
        site.say(
            ALICE, EVE, "copper!!", at_s=2, action="refuse", rules=("recipient-outside",), error=REFUSAL
        ),
        Delivery("e1", 1, (0,)),
    )
    result = await look_for(site, "copper", limit=2)
    # The log's own records are entries of it, too: a segment begins, and ends.
    assert (result.matched, result.submissions, result.log_size) == (3, 3, 6)
    assert [view.id for view in result.records] == [site.id_of(1), site.id_of(2)]
    assert [view.reading.text for view in result.records] == ["copper!", "copper!!"]
    assert [view.delivery for view in result.records] == [DeliveryState.CARRIED_OUT, DeliveryState.UNKNOWN]
    assert result.records[0].at_ns == T0_NS + 10**9
    await site.record(Delivery("e1", 2, ()))
    assert (await look_for(site, "verdict:refuse")).records[0].delivery is DeliveryState.RETURNED


async def test_every_look_is_a_record(site: Site) -> None:
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(3)))
    before_ns = time.time_ns()
    assert (await look_for(site, "copper after:1970-01-01", limit=1)).access_id == look_id(0)
    assert (await look_for(site, "tin")).access_id == look_id(1)
    assert (await look_at(site, site.id_of(2))).access_id == look_id(2)
    assert (await look_at(site, look_id(0))).access_id == look_id(3)
    with pytest.raises(SiteError, match=r"there is no record gate/5: the last is gate/4"):
        await look_at(site, "gate/5")
    made = await site.accesses()
    assert [(each.act, each.query, each.log_size, each.result_count) for each in made] == [
        ("search", '"copper" AND after:1970-01-01T00:00:00Z', 5, 3),
        ("search", '"tin"', 5, 0),
        ("show", site.id_of(2), 5, 1),
        ("show", look_id(0), 9, 1),
        ("show", "gate/5", 5, 0),
    ]
    assert {each.actor for each in made} == {name_actor()}
    assert all(before_ns <= each.at_ns <= time.time_ns() for each in made)


async def test_who_looks_is_the_systems_word_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    actor = name_actor()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    assert name_actor() == actor
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert name_actor() == "uid 4000000001"


def _key_is_gone(site: Site) -> None:
    file_of(site.settings.audit_log.key_file).unlink()


def _key_is_readable(site: Site) -> None:
    file_of(site.settings.audit_log.key_file).chmod(0o644)


def _key_is_another_logs(site: Site) -> None:
    file_of(site.settings.audit_log.key_file).write_bytes(
        file_of(site.settings.gate_log.key_file).read_bytes()
    )


def _log_is_no_database(site: Site) -> None:
    file_of(site.settings.audit_log.store).write_bytes(b"not a database" * 500)


def _log_is_a_folder(site: Site) -> None:
    file_of(site.settings.audit_log.store).mkdir()


@pytest.mark.parametrize(
    "spoil", [_key_is_gone, _key_is_readable, _key_is_another_logs, _log_is_no_database, _log_is_a_folder]
)
async def test_nothing_is_shown_that_could_not_be_recorded(site: Site, spoil: object) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    if spoil is _key_is_another_logs:
        await look_for(site, "copper")
    spoil(site)  # type: ignore[operator]
    with pytest.raises(SiteError, match=r"nothing is shown.*audit\.db"):
        await look_for(site, "copper")
    with pytest.raises(SiteError, match=r"nothing is shown.*audit\.db"):
        await look_at(site, "gate/0")


def test_the_digest_of_a_result() -> None:
    # printf 'gate/1\ngate/12\n' | sha256sum
    assert (
        digest_of(["gate/1", "gate/12"]) == "2bc18b051e347a71c9749e291bb352a3c256e1e9cdf4cc4dcb4dba4380304f5a"
    )
    assert digest_of(iter(["gate/1", "gate/12"])) != digest_of(["gate/12", "gate/1"])
    assert digest_of(["gate/11", "gate/2"]) != digest_of(["gate/1", "gate/12"])
    assert digest_of([]) == sha256(b"").hexdigest()


async def test_a_look_for_a_matter_says_so(site: Site) -> None:
    look = Access("x", "search", "tin", 1, 2, 3, digest_of([]), "M-1", "the regulator's letter")
    access_id = await record_access(site.settings, look)
    assert await site.accesses() == [look]
    described = describe_detail(await look_at(site, access_id))
    assert described["matter"] == "M-1"
    assert described["reason"] == look.reason
    assert described["result_digest"] == look.result_digest


@pytest.mark.slow
async def test_a_look_waits_for_another(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        access, "_BUSY_TIMEOUT_S", PATIENCE_S
    )  # twelve take their turns, however busy the machine is
    looks = [Access("x", "search", str(number), 0, 0, 0) for number in range(12)]
    ids = await asyncio.gather(*(record_access(site.settings, look) for look in looks))
    assert sorted(ids) == sorted(look_id(number) for number in range(12))
    assert sorted(each.query for each in await site.accesses()) == sorted(look.query for look in looks)


async def test_a_look_gives_up_when_the_log_stays_busy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_BUSY_TIMEOUT_S", 0.05)
    await site.record(site.say(ALICE, BOB, "copper"))
    writer = await open_writer(site.settings, site.settings.audit_log)
    with pytest.raises(SiteError, match="nothing is shown"):
        await look_for(site, "copper")
    await writer.close()
    assert (await look_for(site, "copper")).access_id == look_id(0)


async def test_a_wrong_query_is_not_a_look(site: Site) -> None:
    with pytest.raises(QueryError):
        await look_for(site, "from:")
    assert await site.accesses() == []


@pytest.mark.parametrize("count", [1, 2, 5, 300])
async def test_a_record_is_shown_with_its_proof(site: Site, count: int) -> None:
    body = b"<message from='a@x' to='b@x'>\n <body>\xc3\xa4</body></message>"
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(count - 1)), site.submit(body))
    detail = await look_at(site, site.id_of(count - 1))
    assert detail.body == body
    assert detail.view.delivery == DeliveryState.UNKNOWN
    assert detail.proof.fault == ""
    key = load_verifier_key(site.settings.gate_log.verifier_key_file)
    checkpoint = verify_checkpoint(detail.proof.note, key)
    assert checkpoint.size == detail.proof.size == count + 2
    index = site.places[count - 1]
    verify_inclusion(index, count + 2, leaf_hash(detail.leaf), detail.proof.hashes, checkpoint.root)


async def test_a_look_is_shown(site: Site) -> None:
    await look_for(site, "copper")
    detail = await look_at(site, look_id(0))
    assert isinstance(detail.view.content, Access)
    assert detail.view.content.query == '"copper"'
    assert detail.body == detail.view.opened.payload
    assert detail.proof.fault == ""


async def test_a_record_that_cannot_be_parsed_is_shown(site: Site) -> None:
    await site.record_payloads([Entry(RecordKind.STANZA, b"\xff copper")])
    detail = await look_at(site, site.id_of(0))
    assert detail.view.content is None
    assert detail.body == b"\xff copper"
    assert detail.proof.fault == ""
    assert [view.id for view in (await look_for(site, "copper")).records] == [site.id_of(0)]


def tamper(site: Site, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(site.settings.gate_log.store)) as database, database:
        database.execute(sql, parameters)
    database.close()


async def test_an_altered_record_is_found_out(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "copper at 9"), site.say(ALICE, BOB, "copper at 7"))
    assert all(view.opened.stored.is_intact() for view in (await look_for(site, "copper")).records)
    payload = "substr(payload, 1, 20) || zeroblob(8) || substr(payload, 29)"
    tamper(site, f"UPDATE record SET payload = CAST({payload} AS BLOB) WHERE idx = ?", site.places[0])
    result = await look_for(site, "copper")
    assert [view.opened.stored.is_intact() for view in result.records] == [False, True]
    assert "not the one" in (await look_at(site, site.id_of(0))).proof.fault
    assert (await look_at(site, site.id_of(1))).proof.fault == ""


async def test_swapped_records_are_found_out(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "copper at 9"), site.say(ALICE, BOB, "copper at 7"))
    one, other = site.places
    assert (await look_for(site, "copper")).matched == 2
    tamper(site, "UPDATE record SET idx = 99 WHERE idx = ?", one)
    tamper(site, "UPDATE record SET idx = ? WHERE idx = ?", one, other)
    tamper(site, "UPDATE record SET idx = ? WHERE idx = 99", other)
    assert (await look_at(site, site.id_of(0))).proof.fault
    assert [view.opened.stored.is_intact() for view in (await look_for(site, "copper")).records] == [
        False,
        False,
    ]


async def test_a_missing_record_is_found_out(site: Site) -> None:
    await site.record(
        site.say(ALICE, BOB, "copper"), site.say(ALICE, BOB, "tin"), site.say(ALICE, BOB, "tin")
    )
    await look_for(site, "*")
    tamper(site, "DELETE FROM record WHERE idx = ?", site.places[0])
    with pytest.raises(SiteError, match=f"record {site.id_of(0)} was indexed and is missing"):
        await look_for(site, "copper")
    assert (await look_for(site, "tin")).matched == 2
    with pytest.raises(SiteError, match=f"record {site.id_of(0)} is missing from the log"):
        await look_at(site, site.id_of(0))


async def test_a_forged_checkpoint_proves_nothing(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    tamper(site, "UPDATE checkpoint SET note = replace(note, 'metals.example/gate', 'metals.example/fake')")
    assert (await look_at(site, site.id_of(0))).proof.fault


@pytest.mark.parametrize(
    "record_id", ["", "gate", "gate/", "gate/x", "gate/-1", "gate/1/2", "roster/1", "1", "gate/²"]
)
async def test_what_is_no_id_is_told(site: Site, record_id: str) -> None:
    with pytest.raises(SiteError, match=r"is no record's id: one looks like gate/100042 or audit/7"):
        await look_at(site, record_id)
    assert await site.accesses() == []


async def test_a_log_that_is_not_there_is_told(site: Site) -> None:
    from components.archive.errors import LogUnavailable

    with pytest.raises(LogUnavailable, match=r"audit\.db"):
        await look_at(site, "audit/0")


def destroy(site: Site, *numbers: int, column: str = "payload = NULL") -> None:
    """What somebody does who can write to the file, and signs nothing."""
    with closing(sqlite3.connect(site.settings.gate_log.store)) as db, db:
        db.executemany(
            f"UPDATE record SET {column} WHERE idx = ?",
            [(site.places[number],) for number in numbers],
        )


@pytest.mark.parametrize("indexed", [False, True])
async def test_what_is_gone_without_an_order_is_missing_and_counted_in_every_search(
    site: Site, indexed: bool
) -> None:
    await site.record(*(site.say(ALICE, BOB, f"copper {number}") for number in range(5)))
    if indexed:
        assert (await look_for(site, "copper")).unreadable == 0
    destroy(site, 1, 2)
    for query in ("copper", "tin", "from:eve"):
        assert (await look_for(site, query)).unreadable == 2
    # What the index had of them is shown as missing, never passed over.
    found = await look_for(site, "copper")
    assert [view.id for view in found.records if view.missing] == [
        site.id_of(number) for number in (1, 2) if indexed
    ]
    detail = await look_at(site, site.id_of(1))
    assert (detail.view.missing, detail.view.destroyed, detail.view.intact) == (True, False, False)
    assert "missing" in detail.proof.fault


@pytest.mark.parametrize("indexed", [False, True])
async def test_what_does_not_open_is_counted_in_every_search(site: Site, indexed: bool) -> None:
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(3)))
    if indexed:
        await look_for(site, "copper")
    await site.record_payloads([Entry(RecordKind.STANZA, b"no submission")])
    destroy(site, 3, column="payload = zeroblob(99)")
    assert [(await look_for(site, query)).unreadable for query in ("copper", "tin")] == [1, 1]


async def test_a_log_of_another_name_than_the_settings_say_is_not_read(site: Site) -> None:
    """None of its records would open: they would look as if nothing had been said."""
    await site.record(site.say(ALICE, BOB, "copper"))
    name = site.settings.gate_log.origin
    site.path.write_text(site.path.read_text().replace(f'"{name}"', '"renamed.example/gate"'))
    renamed = SiteFile(site.path)
    with pytest.raises(
        SiteError, match=f"gate.log_origin is renamed.example/gate, and the log's name is {name}"
    ):
        await search(renamed, "copper", Page(50), quiet)
    with pytest.raises(SiteError, match=r"gate\.log_origin"):
        await show(renamed, site.id_of(0), quiet)


async def test_the_files_of_a_stanza_are_listed(site: Site) -> None:
    source = f"data:image/png;base64,{base64.b64encode(bytes(90)).decode()}"
    body = f"<message from='{ALICE}' to='{BOB}'><img xmlns='a' src='{source}'/></message>"
    await site.record(site.submit(body.encode()), site.say(ALICE, BOB, "copper"), Delivery("e1", 1, ()))
    (file,) = (await look_at(site, site.id_of(0))).carried
    assert (file.carrier, file.media_type, file.content) == (Carrier.DATA_URI, "image/png", bytes(90))
    assert (await look_at(site, site.id_of(1))).carried == ()
    assert (await look_at(site, site.id_of(2))).carried == ()
