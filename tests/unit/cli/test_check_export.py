"""`audit check-export`: what the verifier finds of an export, with what to do about it."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

import components.verifier
from components.audit.checks.export import ADVICE
from tests.support.audit_site import Site, make_site
from tests.support.command import run_command
from tests.support.export_site import export_to
from tests.support.rounds import mostly_slow
from tests.support.typed import file_of


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    await site.record(
        *(site.say("alice@metals.example/desk", "bob@metals.example", each) for each in ("copper", "tin"))
    )
    await export_to(site, tmp_path / "out", "jsonl")
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    return site


def check(site: Site, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = run_command("audit", "check-export", str(site.path.parent / "out"), *arguments)
    told = capsys.readouterr()
    return status, told.out + told.err


def test_an_export_that_is_whole_is_right_and_the_check_is_a_look(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = check(site, capsys)
    assert status == 0
    assert "2 records matched = 2 exported" in told and "All of it verified." in told
    (access,) = [each for each in asyncio.run(site.accesses()) if each.act == "export check"]
    assert access.query.startswith("audit/") and access.result_count == 0
    status, told = check(site, capsys, "--json")
    found = json.loads(told)
    assert (status, found["ok"], found["advice"], found["problems"]) == (0, True, [], [])
    assert found["access"].startswith("audit/")


def test_a_check_that_cannot_be_recorded_tells_nothing(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(site.settings.audit_log.key_file).unlink()
    status, told = check(site, capsys)
    assert (status, "verified" in told, "could not be recorded" in told) == (2, False, True)


def alter(out: Path) -> None:
    lines = (out / "export.jsonl").read_bytes().splitlines()
    first = orjson.loads(lines[0]) | {"text": "zinc", "stanza": "<message/>"}
    (out / "export.jsonl").write_bytes(b"\n".join((orjson.dumps(first), *lines[1:])) + b"\n")


def drop_record(out: Path) -> None:
    records = out / "records/gate.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:1]))


def forge_manifest(out: Path) -> None:
    manifest = orjson.loads((out / "manifest.json").read_bytes()) | {"exported": 1}
    (out / "manifest.json").write_bytes(orjson.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    mostly_slow(
        [
            (lambda out: (out / "README.txt").unlink(), {"file-missing"}),
            (lambda out: (out / "more.txt").write_text("x"), {"file-added"}),
            (alter, {"file-altered", "line-altered"}),
            (drop_record, {"file-altered", "count-wrong"}),
            (forge_manifest, {"count-wrong", "manifest-unproved"}),
            (lambda out: (out / "manifest.tlog-proof").unlink(), {"manifest-unproved"}),
            (lambda out: shutil.rmtree(out / "records"), {"file-missing"}),
        ],
    ),
)
def test_what_is_wrong_is_told_with_what_to_do(
    spoil: Callable[[Path], object], kinds: set[str], site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(site.path.parent / "out")
    status, told = check(site, capsys, "--json")
    found = json.loads(told)
    assert (status, found["ok"]) == (1, False)
    assert {each["kind"] for each in found["problems"]} >= kinds
    assert set(found["advice"]) == {ADVICE[each["kind"]] for each in found["problems"]}
    status, told = check(site, capsys)
    assert status == 1 and told.count("To do: ") == len(found["advice"])


def test_there_is_advice_for_whatever_the_verifier_finds() -> None:
    verifier = Path(components.verifier.__file__).parent
    sources = "".join((verifier / f"{name}.py").read_text() for name in ("export", "evidence"))
    assert set(re.findall(r'findings\.add\(\s*"([a-z-]+)"', sources)) == set(ADVICE)


def test_other_keys_do_not_prove_it(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit_key = str(site.settings.audit_log.verifier_key_file)
    status, told = check(site, capsys, "--key", audit_key)
    assert status == 1 and "name the keys of the line that made it" in " ".join(told.split())
    status, told = check(
        site, capsys, "--key", audit_key, "--key", str(site.settings.gate_log.verifier_key_file)
    )
    assert status == 0
    assert check(site, capsys, "--key", str(tmp_path / "none.pub"))[0] == 2
    assert run_command("audit", "check-export", str(tmp_path / "nothing")) == 2
