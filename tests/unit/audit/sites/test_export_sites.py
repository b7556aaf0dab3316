"""One export over several sites: each message once, each record proved, and nothing missing that is not named."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.audit.export.export import Wanted, export
from components.audit.export.finish import record_completion
from components.audit.sites import export as sites_export
from components.audit.sites.export import Asking, SitesExport, export_sites, resume_sites
from components.audit.sites.named import open_sites
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.settings.site import SiteFile
from components.verifier.export import ExportReport
from components.verifier.sites import verify_any_export
from tests.support.audit_site import Site, make_site
from tests.support.audit_sites import (
    ALICE,
    BOB,
    LONDON,
    PIT,
    SHANGHAI,
    Cities,
    make_cities,
    message,
    name_sites,
    receipt,
    tables_of,
)

pytestmark = pytest.mark.slow

ASKING = Asking(ignore_progress)
PARTIAL = Asking(ignore_progress, is_partial=True)


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    return await make_cities(tmp_path)


@dataclass
class Out:
    """The folder that is handed over."""

    folder: Path
    settings: SiteFile

    async def export(
        self, query: str = "copper", format_: str = "jsonl", asking: Asking = ASKING
    ) -> SitesExport:
        return await export_sites(self.settings, Wanted(query, format_), self.folder, asking)

    def verify(self, *, without: str = "") -> ExportReport:
        """Verify as an opposing party does, with the public keys of all sites but some."""
        logs = [log for site in open_sites(self.settings)[0] for log in site.settings.verified_logs]
        keys = [log.verifier_key_file.read_text() for log in logs if log.origin != without]
        return verify_any_export(self.folder, keys)

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "manifest.json").read_text()))

    @property
    def messages(self) -> list[tuple[str, list[str]]]:
        lines = (self.folder / "messages.jsonl").read_text().splitlines()
        return [(each["id"], each["also"]) for each in map(json.loads, lines)]

    def alter(self, name: str, change: Callable[[str], str]) -> None:
        path = self.folder / name
        text = path.read_text()
        assert change(text) != text
        path.write_text(change(text))


@pytest.fixture
def out(cities: Cities, tmp_path: Path) -> Out:
    return Out(tmp_path / "out", cities.settings)


async def tell_scene(cities: Cities) -> dict[str, str]:
    """Messages both ways, some of one site alone, one that London held of what came in; return ids by what was said."""
    there = await cities.send(ALICE, BOB, "copper there", at_s=1)
    back = await cities.send(BOB, ALICE, "copper back", at_s=2)
    alone = cities.london.say(BOB, f"carol@{LONDON}", "copper alone", at_s=1.5)
    await cities.london.record(alone)
    await cities.shanghai.record(cities.shanghai.say(ALICE, f"carol@{SHANGHAI}", "copper here", at_s=0.5))
    return {
        "there": there[0],
        "there again": there[1],
        "back": back[0],
        "back again": back[1],
        "alone": f"london:gate/{cities.london.places[-1]}",
        "here": f"shanghai:gate/{cities.shanghai.places[-1]}",
    }


async def test_each_message_is_in_it_once_and_each_record_proved_at_its_own_site(
    cities: Cities, out: Out
) -> None:
    said = await tell_scene(cities)
    found = await out.export()
    assert out.messages == [
        (said["here"], []),
        (said["there"], [said["there again"]]),
        (said["alone"], []),
        (said["back"], [said["back again"]]),
    ]
    assert (found.messages, found.doubles, found.is_complete) == (4, 2, True)
    assert [(each.name, each.matched, each.exported) for each in found.sites] == [
        ("shanghai", 3, 3),
        ("london", 3, 3),
    ]
    manifest = out.manifest
    assert (manifest["messages"], manifest["doubles"], manifest["matched"], manifest["exported"]) == (
        4,
        2,
        6,
        6,
    )
    assert [each["site"] for each in manifest["sites"]] == ["shanghai", "london"]
    assert (manifest["complete"], manifest["not_exported"]) == (True, [])
    report = out.verify()
    assert (report.problems, report.unchecked) == ((), ())
    assert (report.messages, report.matched, report.proved, report.opened) == (4, 6, 6, 6)
    assert report.completed is not None
    # Where it is recorded, and what each site has a record of.
    assert [look.act for look in await cities.shanghai.accesses()] == [
        "export",
        "export complete",
        "export complete",
    ]
    assert [look.act for look in await cities.london.accesses()] == ["export", "export complete"]


async def test_what_comes_back_from_a_room_is_the_same_message(cities: Cities, out: Out) -> None:
    shanghai, london = cities.shanghai, cities.london
    said = {"type_": "groupchat"}
    await london.record(london.submit(message(BOB, PIT, "copper", **said)))
    sent = london.id_of(0)
    await shanghai.record(
        cities.arrive(shanghai, message(BOB, PIT, "copper", receipt(LONDON, sent), **said), at_s=0.1)
    )
    marks = receipt(LONDON, sent) + receipt(SHANGHAI, shanghai.id_of(0))
    back = [message(f"{PIT}/bob", to, "copper", marks, **said) for to in (BOB, f"carol@{LONDON}/x")]
    await london.record(*(cities.arrive(london, each, at_s=0.2) for each in back))
    found = await out.export()
    copies = [f"shanghai:{shanghai.id_of(0)}", *(f"london:{london.id_of(number)}" for number in (1, 2))]
    assert [(first, sorted(also)) for first, also in out.messages] == [(f"london:{sent}", sorted(copies))]
    assert (found.messages, found.doubles) == (1, 3)
    assert out.verify().ok


async def test_three_sites_are_one_export(tmp_path: Path) -> None:
    towns, sites = ("shanghai", "london", "geneva"), list[Site]()
    for town in towns:
        (tmp_path / town).mkdir()
        sites.append(await make_site(tmp_path / town, **tables_of(f"{town}.example")))
    name_sites(sites[0], london=sites[1].path, geneva=sites[2].path)
    for number, (here, there) in enumerate(zip(sites, [*sites[1:], sites[0]], strict=True)):
        town, next_town = towns[number], towns[(number + 1) % 3]
        sender, to = f"ann@{town}.example/desk", f"ben@{next_town}.example"
        await here.record(here.submit(message(sender, to, "copper"), at_s=number))
        mark = receipt(f"{town}.example", f"gate/{here.places[-1]}")
        arrived = there.submit(message(sender, to, "copper", mark), at_s=number + 0.1)
        await there.record(arrived._replace(way="s2s"))
    out = Out(tmp_path / "out", sites[0].settings)
    found = await out.export()
    assert [
        (first.partition(":")[0], [each.partition(":")[0] for each in also]) for first, also in out.messages
    ] == [
        ("shanghai", ["london"]),
        ("london", ["geneva"]),
        ("geneva", ["shanghai"]),
    ]
    assert (found.messages, found.doubles) == (3, 3)
    assert out.verify().ok


@pytest.mark.parametrize("what", ["away", "behind", "not listed"])
async def test_a_site_that_is_missing_is_refused_unless_asked_and_then_named(
    cities: Cities, out: Out, what: str
) -> None:
    said = await tell_scene(cities)
    path = cities.london.path
    if what == "away":
        (path.parent / "archive/gate.db").unlink()
    elif what == "behind":
        status = path.parent / "follow.json"
        status.write_text('{"state": "behind", "faults": ["the log gate: cannot be reached"]}')
        table = '[follow]\nurl = "https://feed.example"\nauthority = "ca.crt"\ncertificate = "m.crt"\n'
        path.write_text(f'{path.read_text()}\n{table}status_file = "follow.json"\n')
    else:
        more = '\n[[audit.auditors]]\nid = "x"\nname = "X"\nuser = "nobody-x"\nroles = ["auditor"]\n'
        path.write_text(path.read_text() + more)
    with pytest.raises(SiteError, match=r"london: .*--incomplete"):
        await out.export()
    assert not out.folder.exists()
    assert await cities.shanghai.accesses() == []
    found = await out.export(asking=PARTIAL)
    assert not found.is_complete
    report, manifest = out.verify(), out.manifest
    assert report.ok
    assert manifest["complete"] is False
    assert any("what london has" in each for each in report.unchecked)
    if what == "behind":
        assert manifest["sites"][1]["behind"]
        assert found.messages == 4
    else:
        assert [each["site"] for each in manifest["not_exported"]] == ["london"]
        # What came from London is told where it arrived.
        assert out.messages == [(said["here"], []), (said["there"], []), (said["back again"], [])]


async def test_a_site_that_fails_meanwhile_can_be_gone_on_with_or_left_out(
    cities: Cities, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell_scene(cities)

    async def fail(settings: SiteFile, *arguments: Any) -> Any:
        if settings.site.name == "london":
            (out.folder / "london").mkdir()
            raise SiteError("the disk is full")
        return await export(settings, *arguments)

    monkeypatch.setattr(sites_export, "export", fail)
    with pytest.raises(SiteError, match=r"london: the disk is full; .*--resume"):
        await out.export()
    with pytest.raises(SiteError, match="--resume"):
        await out.export()
    left = await resume_sites(out.settings, out.folder, PARTIAL)
    assert ([each.name for each in left.faults], left.messages) == (["london"], 3)
    assert out.verify().ok
    assert not (out.folder / "london").exists()
    with pytest.raises(SiteError, match="there is no export over several sites"):
        await resume_sites(out.settings, out.folder, ASKING)


async def test_a_stopped_export_goes_on_and_says_the_same(
    cities: Cities, out: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell_scene(cities)

    async def stop(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(sites_export, "record_completion", stop)
    with pytest.raises(KeyboardInterrupt):
        await out.export("copper after:7d")
    monkeypatch.setattr(sites_export, "record_completion", record_completion)
    before = out.manifest
    # What comes meanwhile is of no export that has begun.
    await cities.send(ALICE, BOB, "copper too late", at_s=9)
    found = await resume_sites(out.settings, out.folder, ASKING)
    assert out.manifest == before
    assert "after:" in before["query"]
    assert "7d" not in before["query"]
    assert found.messages == before["messages"]
    assert out.verify().ok


async def test_a_site_whose_name_is_no_name_of_a_folder(cities: Cities, out: Out) -> None:
    await tell_scene(cities)
    cities.shanghai.path.write_text(
        cities.shanghai.path.read_text().replace('name = "shanghai"', 'name = "Shanghai / 上海"')
    )
    out.settings = SiteFile(cities.shanghai.path)
    found = await out.export()
    assert [each.folder for each in found.sites] == ["Shanghai-1", "london"]
    assert out.messages[0][0].startswith("Shanghai / 上海:gate/")
    assert out.verify().ok


async def test_only_an_empty_folder_is_taken_and_a_wrong_query_makes_none(cities: Cities, out: Out) -> None:
    await tell_scene(cities)
    with pytest.raises(SiteError, match="no format"):
        await out.export(format_="doc")
    assert not out.folder.exists()
    await out.export()
    with pytest.raises(SiteError, match="nothing is overwritten"):
        await out.export()


def lose_a_line(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[1:])


def say_twice(text: str) -> str:
    return text + text.splitlines(keepends=True)[0]


def pair_wrongly(text: str) -> str:
    """Two messages of London and Shanghai that have nothing to do with one another become one."""
    lines = [json.loads(line) for line in text.splitlines()]
    alone = [each for each in lines if not each["also"]]
    alone[0]["also"].append(alone[1]["id"])
    return "".join(json.dumps(each) + "\n" for each in lines if each is not alone[1])


@pytest.mark.parametrize("change", [lose_a_line, say_twice, pair_wrongly])
@pytest.mark.parametrize("consistent", [False, True])
async def test_messages_that_were_altered_are_found(
    cities: Cities, out: Out, change: Callable[[str], str], consistent: bool
) -> None:
    await tell_scene(cities)
    await out.export()
    out.alter("messages.jsonl", change)
    if consistent:
        # By somebody who also puts the new hashes and counts into the manifest, and gives no key of that audit log.
        content = (out.folder / "messages.jsonl").read_bytes()
        manifest = out.manifest
        manifest["files"][0]["sha256"] = manifest["result_digest"] = sha256(content).hexdigest()
        manifest["messages"] = content.count(b"\n")
        (out.folder / "manifest.json").write_text(json.dumps(manifest))
        report = out.verify(without=f"{SHANGHAI}/audit")
        assert "manifest-unproved" in {each.kind for each in out.verify().problems}
    else:
        report = out.verify()
    assert "count-wrong" in {each.kind for each in report.problems}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("london/export.jsonl", "file-altered"),
        ("london/manifest.json", "file-altered"),
        ("london/records/gate.jsonl", "file-altered"),
        ("manifest.json", "manifest-unproved"),
        ("README.txt", "file-altered"),
    ],
)
async def test_what_is_altered_at_a_site_is_found_and_named(
    cities: Cities, out: Out, name: str, kind: str
) -> None:
    await tell_scene(cities)
    await out.export()
    out.alter(name, lambda text: text.replace(" ", "  ", 1) if "manifest" in name else f"{text}\n")
    problems = out.verify().problems
    assert kind in {each.kind for each in problems}
    if name.startswith("london/"):
        assert any("london" in each.detail for each in problems)


async def test_a_file_that_was_added_and_a_site_that_was_taken_out_are_found(
    cities: Cities, out: Out
) -> None:
    await tell_scene(cities)
    await out.export()
    (out.folder / "more.txt").write_text("more")
    assert [each.kind for each in out.verify().problems] == ["file-added"]
    (out.folder / "more.txt").unlink()
    manifest = out.manifest
    manifest["sites"] = manifest["sites"][:1]
    (out.folder / "manifest.json").write_text(json.dumps(manifest))
    kinds = {each.kind for each in out.verify().problems}
    assert {"file-added", "count-wrong", "manifest-unproved"} <= kinds


async def test_a_receipt_that_proves_nothing_makes_no_double(cities: Cities, out: Out) -> None:
    shanghai, london = cities.shanghai, cities.london
    await shanghai.record(shanghai.submit(message(ALICE, BOB, "copper")))
    marks = (
        receipt(SHANGHAI, f"gate/{2**40 + 1}"),
        receipt(SHANGHAI, "roster/1"),
        receipt(SHANGHAI, "gate/99"),
    )
    await london.record(*(cities.arrive(london, message(ALICE, BOB, "copper", mark)) for mark in marks))
    own = london.submit(message(ALICE, BOB, "copper", receipt(SHANGHAI, shanghai.id_of(0))))
    await london.record(own, replace_sender(cities, "mallory@evil.example/x"))
    found = await out.export()
    assert (found.messages, found.doubles) == (6, 0)
    assert out.verify().ok


def replace_sender(cities: Cities, sender: str) -> Any:
    mark = receipt(SHANGHAI, cities.shanghai.id_of(0))
    return cities.arrive(cities.london, message(sender, BOB, "copper", mark))


async def test_an_export_of_nothing_is_an_export(cities: Cities, out: Out) -> None:
    await tell_scene(cities)
    found = await out.export("zinc", "csv")
    assert (found.messages, found.doubles) == (0, 0)
    report = out.verify()
    assert (report.ok, report.messages) == (True, 0)


async def test_each_format_can_be_exported_so(cities: Cities, out: Out) -> None:
    await tell_scene(cities)
    found = await out.export(format_="html")
    assert (out.folder / "london/transcript.html").is_file()
    assert found.messages == 4
    assert out.verify().ok


async def test_more_than_is_allowed_is_no_export(cities: Cities, out: Out) -> None:
    await tell_scene(cities)
    wanted = replace(Wanted("copper", "jsonl"), limit=2)
    with pytest.raises(SiteError, match="3 records match"):
        await export_sites(out.settings, wanted, out.folder, ASKING)
    # Nothing is left of it that would have to be gone on with.
    assert not out.folder.exists()
