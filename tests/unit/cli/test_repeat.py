"""`steelyard audit replay`: a search that is run again finds the same, or it is told why not."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.record import Access, Delivery
from components.audit.access import digest_of, record_access
from components.audit.index.as_of import parse_sizes
from components.audit.index.logs import IndexedLog
from tests.support.audit_site import Site
from tests.support.auditors import become, make_audited_site
from tests.unit.cli.test_matter import ALICE, BOB, Shell


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    site = await make_audited_site(tmp_path, records_directory=False)
    await site.record(site.say(ALICE, BOB, "copper"), site.say(BOB, ALICE, "copper, done", at_s=60))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    become(monkeypatch, "lena")
    return Shell(site, lambda user: become(monkeypatch, user), capsys)


def record(shell: Shell, *what: object) -> None:
    asyncio.run(shell.site.record(*what))  # type: ignore[arg-type]


def test_what_came_later_does_not_change_a_search(shell: Shell) -> None:
    searched = shell.ask("search", "copper")["access"]
    record(shell, shell.site.say(ALICE, BOB, "more copper", at_s=90), Delivery("e1", 2, ()))
    assert shell.ask("search", "copper")["matched"] == 3
    (again,) = shell.ask("replay", searched)["searches"]
    assert (again["outcome"], again["count_now"], again["reasons"]) == ("same", 2, [])
    assert again["digest_now"] == digest_of([shell.site.id_of(0), shell.site.id_of(1)])


@pytest.mark.parametrize(
    "look",
    [
        ("search", "copper", "--count-by", "person"),
        ("search", "copper", "--terms", "{terms}"),
        ("sample", "copper", "--count", "1"),
    ],
    ids=["count", "terms", "sample"],
)
def test_whatever_has_the_digest_of_all_that_it_found_is_run_again(
    shell: Shell, look: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "terms.txt").write_text("done\ncopper\n")
    taken = shell.ask(*(each.format(terms=tmp_path / "terms.txt") for each in look))["access"]
    record(shell, shell.site.say(ALICE, BOB, "more copper", at_s=90))
    (again,) = shell.ask("replay", taken)["searches"]
    assert (again["outcome"], again["count_now"]) == ("same", 2)


def test_relative_times_count_from_then(shell: Shell) -> None:
    searched = shell.ask("search", "copper before:1s")["access"]
    (again,) = shell.ask("replay", searched)["searches"]
    assert again["outcome"] == "same"
    assert again["at_ns"] > 0


def test_all_of_a_matter_and_of_an_actor(shell: Shell) -> None:
    shell.run("matter", "open", "Copper", "--id", "M-1")
    shell.run("search", "copper", "--matter", "M-1")
    shell.run("search", "tin")
    assert len(shell.ask("replay", "--matter", "M-1")["searches"]) == 1
    assert len(shell.ask("replay", "--actor", "lena")["searches"]) == 2
    assert "name searches" in shell.run("replay", status=2)
    assert "there is no search audit/999" in shell.run("replay", "audit/999", status=2)


async def forge(site: Site, **changed: object) -> str:
    look = Access("lena", "search", "copper", 1, 3, 2, digest_of(["gate/1", "gate/2"]))
    return await record_access(site.settings, replace(look, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "outcome", "says"),
    [
        ({"result_digest": digest_of(["gate/1"])}, "changed", "no record was destroyed since"),
        (
            {"result_digest": digest_of(["gate/1"]), "result_count": 1},
            "changed",
            "1 records matched then, and 2 now",
        ),
        (
            {"result_digest": digest_of([]), "index_format": "3.1"},
            "changed",
            "the index had the form 3.1 then",
        ),
        ({"result_digest": ""}, "impossible", "no digest"),
        ({"query": "no:such"}, "impossible", "cannot be asked any more"),
        ({"actor": "gone"}, "impossible", "cannot be asked any more"),
    ],
)
def test_what_differs_is_told(shell: Shell, changed: dict[str, object], outcome: str, says: str) -> None:
    forged = asyncio.run(forge(shell.site, **changed))
    shell.run("replay", forged, status=1)
    (again,) = shell.ask("replay", forged, status=1)["searches"]
    assert again["outcome"] == outcome
    assert says in "; ".join(again["reasons"])


def test_nobody_runs_the_searches_of_who_sees_more(shell: Shell) -> None:
    searched = shell.ask("search", "copper")["access"]
    for user in ("erin", "greta"):
        shell.become(user)
        assert "there is no search" in shell.run("replay", searched, status=2)
    shell.become("otto")
    assert shell.ask("replay", searched)["searches"][0]["outcome"] == "same"


def test_sizes_are_read_as_they_are_written() -> None:
    names = {IndexedLog.GATE: "gate", IndexedLog.TRANSFER: "transfer"}
    assert parse_sizes(5, "transfer 57", names) == {IndexedLog.GATE: 5, IndexedLog.TRANSFER: 57}
    assert parse_sizes(5, "", names) == {IndexedLog.GATE: 5, IndexedLog.TRANSFER: 0}
