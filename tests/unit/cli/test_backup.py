"""A site is backed up and restored: logs, settings, keys when asked to; nothing is overwritten, and nothing forks."""

import asyncio
import json
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged
from components.archive.keys import load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.record import RecordKind
from components.archive.store.open import open_store
from components.archive.writer import Entry
from components.gate.review.store import ReviewStore
from components.settings.site import SiteFile
from components.site.lock import hold_site
from components.site.validate import load_site, read_site
from components.verifier.log import verify_log
from policy.facts import Way
from policy.review import Item, ItemKind, Place, Stage
from tests.support.full_site import fill_site
from tests.support.postgres import PostgresServer
from tests.support.stores import entries

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def steelyard(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def append(site: Path, count: int, log: str = "gate") -> None:
    """Append to a log as its own process does."""
    asyncio.run(_append(site, count, log))


async def _append(site: Path, count: int, log: str) -> None:
    settings = read_site(site)
    table = getattr(settings, log)
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    if isinstance(table.log, Path):
        table.log.parent.mkdir(exist_ok=True)
    writer = await open_log_writer(
        await open_store(table.log), table.log_key_file, table.log_origin, recipients
    )
    kind = RecordKind.STANZA if log == "gate" else RecordKind.ACCESS
    await writer.append([Entry(kind, each.payload) for each in entries(writer.size, count)])
    await writer.close()


def backup(site: Path, *options: str) -> dict[str, object]:
    done = steelyard("backup", site.parent.parent / "backup", "--json", *options, "--site", site)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def restore(site: Path, *options: str, status: int = 0) -> dict[str, object]:
    done = steelyard("restore", site.parent.parent / "backup", "--json", *options, "--site", site)
    assert done.returncode == status, done.stderr
    return dict(json.loads(done.stdout))


def lose_logs(site: Path) -> None:
    shutil.rmtree(site.parent / "archive")


def is_sound(settings: SiteFile) -> bool:
    public = settings.folder / "keys" / "log-gate.pub"
    assert isinstance(settings.gate.log, Path)
    return verify_log(settings.gate.log, public.read_text().splitlines()[0]).ok


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def holds(folder: Path, content: bytes) -> bool:
    return any(content in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_logs_come_back(site: Path) -> None:
    append(site, 5000)
    append(site, 3, "audit")
    told = backup(site, "--full-check")
    logs = told["logs"]
    assert isinstance(logs, dict)
    assert (logs["gate"]["records"], logs["audit"]["records"]) == (5002, 5)
    lose_logs(site)
    assert restore(site)["records"] == {"gate": 5002, "audit": 5}
    assert is_sound(read_site(site))
    append(site, 1)


def test_a_log_that_is_not_made_yet_is_no_fault(site: Path) -> None:
    append(site, 1)
    assert backup(site)["not_made_yet"] == ["audit", "roster", "transfer", "history"]
    assert (
        "audit: is not there yet" in steelyard("backup", site.parent.parent / "backup", "--site", site).stdout
    )


def test_a_log_that_is_gone_does_not_leave_the_backup(site: Path) -> None:
    append(site, 5)
    backup(site)
    lose_logs(site)
    done = steelyard("backup", site.parent.parent / "backup", "--site", site)
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds a log that is not there any more (gate)" in done.stderr
    assert restore(site)["records"] == {"gate": 7}


def test_a_log_that_is_gone_is_not_one_that_is_not_made_yet(site: Path) -> None:
    append(site, 5)
    append(site, 2, "audit")
    for file in (site.parent / "archive").glob("audit.db*"):
        file.unlink()
    folder = site.parent.parent / "backup"
    done = steelyard("backup", folder, "--json", "--site", site)
    told = json.loads(done.stdout)
    assert (done.returncode, told["gone"]) == (1, ["audit"])
    assert told["not_made_yet"] == ["roster", "transfer", "history"]
    assert list(told["logs"]) == ["gate"]
    plain = steelyard("backup", folder, "--site", site)
    assert "audit: is gone, and records were signed in it (docs/backup.md, section 3)\n" in plain.stdout
    assert "audit: is not there yet" not in plain.stdout


def test_keys_are_in_a_backup_only_when_asked_for(site: Path) -> None:
    append(site, 1)
    folder = site.parent.parent / "backup"
    secrets = [path for path in (site.parent / "keys").iterdir() if path.suffix in (".key", ".secret")]
    assert len(secrets) >= 6
    done = steelyard("backup", folder, "--site", site)
    assert "The private keys are not in it" in done.stdout
    assert not any(holds(folder, path.read_bytes()) for path in secrets)
    assert holds(folder, site.read_bytes())
    done = steelyard("backup", folder, "--with-keys", "--site", site)
    assert "Lock it away" in done.stdout
    assert all(holds(folder, path.read_bytes()) for path in secrets)
    steelyard("backup", folder, "--site", site)
    assert not any(holds(folder, path.read_bytes()) for path in secrets)


def test_a_whole_site_comes_back(site: Path) -> None:
    append(site, 20)
    backup(site, "--with-keys")
    before = {name: (site.parent / name).read_bytes() for name in names_in(site.parent)}
    modes = {name: stat.S_IMODE((site.parent / name).stat().st_mode) for name in before}
    shutil.rmtree(site.parent)
    restore(site)
    for name in names_in(site.parent) - {"up.lock"}:
        if not name.startswith("archive/"):
            assert (site.parent / name).read_bytes() == before[name]
            assert stat.S_IMODE((site.parent / name).stat().st_mode) <= modes[name]
    missing = {name.partition("/")[0] for name in before} - {
        name.partition("/")[0] for name in names_in(site.parent)
    }
    assert missing <= {"up.lock", "logs", "run"}
    assert steelyard("check", "--site", site).returncode in (0, 1)
    append(site, 1)


def test_without_keys_a_log_can_be_verified_elsewhere(site: Path, tmp_path: Path) -> None:
    append(site, 20)
    backup(site)
    other = tmp_path / "practice" / "site.toml"
    told = steelyard("restore", tmp_path / "backup", "--site", other)
    assert told.returncode == 0, told.stderr
    assert f"put back {other}" in told.stdout
    assert "gate: 22 records, verified" in told.stdout
    assert is_sound(read_site(other))


def test_nothing_is_overwritten(site: Path) -> None:
    append(site, 20)
    backup(site, "--with-keys")
    append(site, 20)
    site.write_text(site.read_text() + "\n# mine\n")
    before = {name: (site.parent / name).read_bytes() for name in names_in(site.parent)}
    done = steelyard("restore", site.parent.parent / "backup", "--site", site)
    assert done.returncode == 2
    assert "there is a log already, and nothing is overwritten; move it away first" in done.stderr
    for name, content in before.items():
        if not name.endswith((".lock", "-wal", "-shm")):
            assert (site.parent / name).read_bytes() == content


def test_an_older_state_does_not_fork_the_log(site: Path) -> None:
    append(site, 20)
    backup(site)
    append(site, 20)
    lose_logs(site)
    told = restore(site, status=1)
    assert told["losses"] == {"gate": {"signed": 44, "present": 22}}
    with pytest.raises(
        LogDamaged, match="it is an older state: 44 records were signed, and it has 22 of them"
    ):
        append(site, 1)
    done = steelyard("restore", "--accept-loss", "--site", site)
    assert done.returncode == 0
    assert "gate: it is an older state: 44 records were signed, and it has 22 of them" in done.stdout
    append(site, 1)
    assert is_sound(read_site(site))
    assert steelyard("restore", "--accept-loss", "--site", site).stdout == ""


def test_a_loss_may_be_accepted_at_once(site: Path) -> None:
    append(site, 20)
    backup(site)
    append(site, 20)
    lose_logs(site)
    restore(site, "--accept-loss")
    append(site, 1)


def test_it_is_not_restored_while_it_is_up(site: Path) -> None:
    append(site, 5)
    backup(site)
    lose_logs(site)
    with hold_site(site.parent):
        for options in (("restore", site.parent.parent / "backup"), ("restore", "--accept-loss")):
            done = steelyard(*options, "--site", site)
            assert (done.returncode, "is up already" in done.stderr) == (2, True)


def test_a_damaged_backup_is_named_and_restores_nothing(site: Path) -> None:
    append(site, 5)
    backup(site)
    (file,) = (site.parent.parent / "backup").glob("gate/records/*/*")
    file.write_bytes(file.read_bytes().replace(b"steelyard", b"steelyerd"))
    lose_logs(site)
    done = steelyard("restore", site.parent.parent / "backup", "--site", site)
    assert done.returncode == 2
    assert re.search(r"00000000-.*\.records: is not what was written \(SHA-256\)", done.stderr)
    with pytest.raises(LogDamaged, match="unfinished copy"):
        append(site, 1)


def test_wrong_use_is_one_line(site: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    for arguments, told in (
        (("restore",), "name the folder of the backup"),
        (("restore", tmp_path / "nowhere"), "is not a backup"),
        (("restore", tmp_path / "mine"), "is not a backup"),
        (("backup", tmp_path / "mine"), "is not a backup; name an empty folder, or one of a backup"),
        (("backup", tmp_path / "mine" / "letter"), "letter"),
        (("archive", "move", "a.db", "b.db"), "neither is a log of"),
        (("archive", "move", "postgresql://db.example/x", "b.db"), "name the log behind a #"),
        (("archive", "move", "a.db", "postgresql://ann:guess@127.0.0.1/x#gate"), "takes no password"),
    ):
        done = steelyard(*arguments, "--site", site)
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, ""), done.stderr
        assert told in done.stderr
        assert "guess" not in done.stderr


def test_files_outside_the_site_are_put_into_it_and_named(site: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "directory.toml"
    elsewhere.parent.mkdir()
    shutil.move(site.parent / "directory.toml", elsewhere)
    site.write_text(site.read_text().replace('directory = "directory.toml"', f'directory = "{elsewhere}"'))
    append(site, 1)
    backup(site)
    elsewhere.unlink()
    lose_logs(site)
    told = restore(site)["elsewhere"]
    assert isinstance(told, list)
    beside = site.parent / "elsewhere" / elsewhere.relative_to("/")
    assert told == [f"{elsewhere} ({beside})"]
    assert not elsewhere.exists()
    assert "alice@metals.example" in beside.read_text()


HELD = Item(
    "h2", ItemKind.MESSAGE, Stage.WAITING, 2, Way.C2S, "alice@metals.example/desk", "bob@metals.example",
    b"<message><body>an insider tip</body></message>", ("tips",), Place("e1", 5), 10, 20, "evidence",
)  # fmt: skip


async def hold(file: Path, *items: Item) -> None:
    store = await ReviewStore.open(file)
    store.save(items, [])
    await store.close()


async def held_in(file: Path) -> list[Item]:
    store = await ReviewStore.open(file)
    try:
        return await store.load()
    finally:
        await store.close()


@pytest.fixture
def full_site(site: Path, tmp_path: Path) -> Path:
    """A site with all that it can read: rules and their words, a source of people, statements elsewhere, a queue."""
    fill_site(site, tmp_path / "outside")
    append(site, 5)
    asyncio.run(hold(site.parent / "archive" / "review.db", HELD, replace(HELD, token="h9", record=99)))
    return site


def test_all_that_a_site_reads_comes_back_elsewhere(full_site: Path, tmp_path: Path) -> None:
    backup(full_site, "--with-keys")
    other = tmp_path / "other" / "site.toml"
    shutil.move(tmp_path / "outside", tmp_path / "moved")
    done = steelyard("restore", tmp_path / "backup", "--json", "--site", other)
    assert done.returncode == 0, done.stderr
    for name in ("policy.toml", "words/tips.txt", "people.csv", "directory.toml", "keys/log-gate.last"):
        assert (other.parent / name).read_bytes() == (full_site.parent / name).read_bytes()
    # What was held in records behind those that are in the backup, no log knows any more.
    queue = other.parent / "archive" / "review.db"
    assert asyncio.run(held_in(queue)) == [HELD]
    assert stat.S_IMODE(queue.stat().st_mode) == 0o600
    statements = names_in(tmp_path / "moved")
    assert names_in(other.parent / "elsewhere" / (tmp_path / "outside").relative_to("/")) == statements
    assert len(json.loads(done.stdout)["elsewhere"]) == len(statements) > 30
    assert not (tmp_path / "outside").exists()
    shutil.move(tmp_path / "moved", tmp_path / "outside")
    load_site(other)
    append(other, 1)


def test_the_queue_is_sealed_to_those_who_read_the_logs(full_site: Path, tmp_path: Path) -> None:
    backup(full_site)
    assert not holds(tmp_path / "backup", b"insider tip</body>")
    other = tmp_path / "other" / "site.toml"
    done = steelyard("restore", tmp_path / "backup", "--site", other)
    assert done.returncode == 0, done.stderr
    assert "no auditor's key here opens it: archive/review.db (" in done.stdout
    assert not (other.parent / "archive" / "review.db").exists()
    # The keys first, then the rest.
    again = tmp_path / "again" / "site.toml"
    shutil.copytree(full_site.parent / "keys", again.parent / "keys")
    done = steelyard("restore", tmp_path / "backup", "--site", again)
    assert done.returncode == 0, done.stderr
    assert asyncio.run(held_in(again.parent / "archive" / "review.db")) == [HELD]


def test_what_the_server_keeps_is_sealed_and_comes_back_where_it_has_nothing(
    site: Path, tmp_path: Path
) -> None:
    append(site, 2)
    account = Path("prosody/data/metals%2eexample/accounts/alice.dat")
    (site.parent / account).parent.mkdir(parents=True)
    (site.parent / account).write_text("verifier of a password")
    backup(site)
    assert not holds(tmp_path / "backup", b"verifier of a password")
    without, empty, used = (tmp_path / name / "site.toml" for name in ("without", "empty", "used"))
    done = steelyard("restore", tmp_path / "backup", "--site", without)
    assert "no auditor's key here opens it: prosody/data (" in done.stdout
    for other in (empty, used):
        shutil.copytree(site.parent / "keys", other.parent / "keys")
        (other.parent / "prosody" / "data").mkdir(parents=True)
    (used.parent / "prosody" / "data" / "other.dat").write_text("of a server that has started")
    for other, kept in ((empty, {account.name}), (used, {"other.dat"})):
        done = steelyard("restore", tmp_path / "backup", "--json", "--site", other)
        assert done.returncode == 0, done.stderr
        assert {Path(name).name for name in names_in(other.parent / "prosody")} == kept
    assert (empty.parent / account).read_text() == "verifier of a password"


def test_what_a_restored_site_lacks_is_told_and_init_is_not_advised_before(
    full_site: Path, tmp_path: Path
) -> None:
    backup(full_site)
    other = tmp_path / "other" / "site.toml"
    assert steelyard("restore", tmp_path / "backup", "--site", other).returncode == 0
    done = steelyard("check", "--json", "--site", other)
    problems = [each["text"] for each in json.loads(done.stdout)["checks"] if not each["ok"]]
    assert any("conversation.key; conversations in" in each for each in problems)
    assert any("log-gate.key; " in each and "was signed with it" in each for each in problems)
    refused = steelyard("init", "--site", other)
    assert (refused.returncode, "put it back from a backup" in refused.stderr) == (2, True)
    shutil.copytree(full_site.parent / "keys", other.parent / "keys", dirs_exist_ok=True)
    assert steelyard("init", "--site", other).returncode == 0  # certificates
    load_site(other)
    append(other, 1)


def test_logs_in_postgresql(site: Path, postgres_server: PostgresServer) -> None:
    urls = [f"{postgres_server.make_database()}#gate" for _ in range(2)]
    text = site.read_text()
    site.write_text(text.replace('log = "archive/gate.db"', f'log = "{urls[0]}"'))
    append(site, 5000)
    backup(site, "--full-check")
    site.write_text(text.replace('log = "archive/gate.db"', f'log = "{urls[1]}"'))
    assert restore(site)["records"] == {"gate": 5002}
    append(site, 1)


def test_a_log_in_postgresql_is_verified_as_it_is(site: Path, postgres_server: PostgresServer) -> None:
    url = f"{postgres_server.make_database()}#gate"
    site.write_text(site.read_text().replace('log = "archive/gate.db"', f'log = "{url}"'))
    append(site, 5000)
    good = steelyard("verify", "--json", "--site", site)
    assert good.returncode == 0, good.stdout + good.stderr
    database = url.rpartition("/")[2].partition("#")[0]
    for sql, named in (
        ("UPDATE record SET payload = 'x' || payload WHERE idx = 77", "payload-altered"),
        ("DELETE FROM record WHERE idx = 4000", "record-missing"),
    ):
        postgres_server.execute(f"SET search_path = gate; {sql}", database)
        bad = steelyard("verify", "--json", "--site", site)
        assert bad.returncode == 1
        assert named in bad.stdout


def test_a_log_is_moved_by_command(site: Path, postgres_server: PostgresServer, tmp_path: Path) -> None:
    append(site, 5000)
    url, log = f"{postgres_server.make_database()}#gate", site.parent / "archive" / "gate.db"
    done = steelyard("archive", "move", log, url, "--site", site)
    assert done.returncode == 0, done.stderr
    root = re.search(r"5,002 records, verified, under the same root ([0-9a-f]{64})", done.stdout)
    assert root
    site.write_text(site.read_text().replace('log = "archive/gate.db"', f'log = "{url}"'))
    append(site, 1)
    back = tmp_path / "back" / "gate.db"
    back.parent.mkdir()
    done = steelyard("archive", "move", url, back, "--key", site.parent / "keys/log-gate.pub", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 5005
    assert verify_log(back, (site.parent / "keys/log-gate.pub").read_text()).ok
    # The first store is as it was, and too old to go on with.
    site.write_text(site.read_text().replace(url, "archive/gate.db"))
    with pytest.raises(LogDamaged, match="it is an older state: 5005 records were signed, and it has 5002"):
        append(site, 1)
