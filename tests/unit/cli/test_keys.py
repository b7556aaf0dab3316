"""`steelyard keys` on a site: made, listed, rotated, split and joined; and told what to do when that cannot be."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography import x509

from components.archive.keys import load_log_key, load_recipient, load_recipient_key, load_verifier_key
from components.archive.keys.log_key import load_verifier_keys
from components.archive.keys.ring import load_key_ring
from components.archive.keys.rotation import open_log_writer, prepare_log_key
from components.archive.store.sqlite import SqliteStore
from components.site.keys import finish_rotations
from components.site.validate import load_site
from tests.support.archive import entries
from tests.support.log_keys import follow_log_keys
from tests.support.token import make_token, token_uri
from tests.support.typed import file_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


class Keys:
    """The command, as an operator calls it on this site."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.folder = site.parent / "keys"
        self.environment: dict[str, str] = {}

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "components.cli.main",
            "keys",
            *map(str, arguments),
            "--site",
            str(self.site),
        ]
        environment = {"PATH": "/usr/bin:/bin", **self.environment}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60, env=environment
        )

    def good(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    def told(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        return result.stderr

    def listed(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in json.loads(self.good("list", "--json"))["keys"]}


@pytest.fixture
def keys(site: Path) -> Keys:
    return Keys(site)


async def write(keys: Keys, count: int) -> None:
    settings = load_site(keys.site)
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    file_of(settings.gate.log).parent.mkdir(exist_ok=True)
    store = await SqliteStore.open(file_of(settings.gate.log))
    writer = await open_log_writer(store, settings.gate.log_key_file, settings.gate.log_origin, recipients)
    await writer.append(entries(writer.size, count))
    await writer.close()


def test_what_init_made_is_listed(keys: Keys) -> None:
    listed = keys.listed()
    assert list(listed) == ["gate", "audit", "roster", "transfer", "history", "auditor", "escrow"]
    assert [each["role"] for each in listed.values()] == ["log"] * 5 + ["recipient"] * 2
    assert listed["gate"] == {
        "name": "gate",
        "role": "log",
        "place": str(keys.folder / "log-gate.key"),
        "public": str(keys.folder / "log-gate.pub"),
        "key_id": load_verifier_key(keys.folder / "log-gate.pub").key_id.hex(),
        "is_here": True,
        "waiting": False,
        "earlier": 0,
    }
    assert listed["escrow"]["key_id"] == load_recipient(keys.folder / "escrow.pub").key_id
    shown = keys.good("list")
    assert all(listed[name]["key_id"] in shown for name in listed)
    for private in keys.folder.glob("*.key"):
        assert private.read_text().strip()[-30:] not in shown


def test_the_key_of_a_log_that_is_at_rest(keys: Keys) -> None:
    asyncio.run(write(keys, 3))
    first = load_verifier_key(keys.folder / "log-gate.pub")
    assert "the log gate has a new key" in keys.good("rotate", "gate")
    new = load_verifier_keys(keys.folder / "log-gate.pub")
    assert [each.key_id for each in new] == [first.key_id, load_log_key(keys.folder / "log-gate.key").key_id]
    asyncio.run(write(keys, 3))
    followed = asyncio.run(follow_log_keys(file_of(load_site(keys.site).gate.log), first))
    assert [each.key_id for each in followed] == [each.key_id for each in new]
    assert keys.listed()["gate"]["key_id"] == new[-1].key_id.hex()


def test_the_key_of_a_log_that_is_being_written_waits(keys: Keys) -> None:
    async def rotate_meanwhile() -> str:
        settings = load_site(keys.site)
        file_of(settings.gate.log).parent.mkdir(exist_ok=True)
        store = await SqliteStore.open(file_of(settings.gate.log))
        recipients = [load_recipient(path) for path in settings.archive.recipients]
        writer = await open_log_writer(
            store, settings.gate.log_key_file, settings.gate.log_origin, recipients
        )
        try:
            return await asyncio.to_thread(keys.good, "rotate", "gate")
        finally:
            await writer.close()

    first = load_verifier_key(keys.folder / "log-gate.pub")
    assert "the new key of gate is ready" in asyncio.run(rotate_meanwhile())
    assert keys.listed()["gate"]["waiting"]
    asyncio.run(write(keys, 1))
    assert not keys.listed()["gate"]["waiting"]
    assert len(asyncio.run(follow_log_keys(file_of(load_site(keys.site).gate.log), first))) == 2


def test_a_start_of_the_site_lets_logs_go_over(keys: Keys) -> None:
    asyncio.run(write(keys, 1))
    settings = load_site(keys.site)
    prepare_log_key(settings.gate.log_key_file)
    prepare_log_key(settings.audit.log_key_file)
    assert asyncio.run(finish_rotations(settings)) == ["gate"]  # the auditors' log is made by the first look
    listed = keys.listed()
    assert [listed[name]["waiting"] for name in ("gate", "audit")] == [False, True]
    assert asyncio.run(finish_rotations(settings)) == []


def test_a_recipients_key(keys: Keys) -> None:
    old = load_recipient_key(keys.folder / "auditor.key")
    assert json.loads(keys.good("rotate", "auditor", "--json")) == {"key": "auditor", "done": True}
    ring = load_key_ring([keys.folder / "auditor.key"])
    assert ring[1].key_id == old.key_id
    assert ring[0].key_id == load_recipient(keys.folder / "auditor.pub").key_id != old.key_id
    assert keys.listed()["auditor"]["earlier"] == 1


def test_a_further_recipient(keys: Keys) -> None:
    told = keys.good("make", "second")
    assert "add keys/second.pub to archive.recipients" in told
    # Whoever makes a key for a grant must not read so that they let it open everything.
    assert "for grants" in told and "add it nowhere" in told
    assert (
        load_recipient(keys.folder / "second.pub").key_id
        == load_recipient_key(keys.folder / "second.key").key_id
    )
    (keys.site.parent / "age.txt").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    (keys.site.parent / "age.txt").chmod(0o600)
    keys.good("make", "third", "--at", "age:keys/third.key.age?identity-file=age.txt")
    assert (keys.folder / "third.key.age").read_bytes().startswith(b"age-encryption.org/v1")
    make_token(keys.site.parent)
    keys.environment["SOFTHSM2_CONF"] = str(keys.site.parent / "softhsm2.conf")
    keys.good("make", "fourth", "--at", token_uri("fourth"))
    assert load_recipient(keys.folder / "fourth.pub").name == "fourth"
    assert "exists already" in keys.told("make", "second")


def test_an_approver(keys: Keys) -> None:
    told = keys.good("make", "anna", "--approver")
    assert "add keys/approver-anna.pub to archive.approvers" in told
    assert load_log_key(keys.folder / "approver-anna.key").name == "approver/anna"
    assert load_verifier_key(keys.folder / "approver-anna.pub").name == "approver/anna"
    assert "exists already" in keys.told("make", "anna", "--approver")


@pytest.mark.parametrize("what", ["--approver", "--auditor", ""])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Anna@metals.example", "write 'anna@metals.example'"),
        ("weiß@metals.example", "write 'weiss@metals.example'"),
        ("anna@metals.example.", "empty part"),
        ("anna@metals.example/desk", "leave out the '/'"),
        ("../anna", "is no name of a key"),
        ("keys/anna", "is no name of a key"),
        (".anna", "is no name of a key"),
        ("an\x0bna", "is no name of a key"),
    ],
)
def test_a_key_is_not_made_in_a_name_that_nobody_has(keys: Keys, what: str, name: str, told: str) -> None:
    before = sorted(keys.site.parent.rglob("*"))
    assert told in keys.told("make", name, *filter(None, [what]))
    assert told in keys.told("certificate", name)
    assert sorted(keys.site.parent.rglob("*")) == before


def test_the_certificate_of_a_machine_is_made_once(keys: Keys) -> None:
    """It signs for itself, and its key is for its owner alone."""
    done = keys.run("certificate", "erin-desk")
    file = keys.folder / "erin-desk.crt"
    assert (done.returncode, done.stderr) == (0, "")
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=erin-desk"
    assert file.with_suffix(".key").stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    again = keys.run("certificate", "erin-desk")
    assert again.returncode == 2
    assert "exists" in again.stderr
    assert file.read_bytes() == before


def test_keys_that_are_missing_are_made_where_the_settings_say(keys: Keys) -> None:
    make_token(keys.site.parent)
    keys.environment["SOFTHSM2_CONF"] = str(keys.site.parent / "softhsm2.conf")
    text = keys.site.read_text().replace('"keys/log-gate.key"', f'"{token_uri("log-hsm")}"')
    keys.site.write_text(text.replace('["keys/auditor.key"]', f'["{token_uri("auditor")}"]'))
    for name in ("auditor.key", "auditor.pub"):
        (keys.folder / name).unlink()
    assert "keys/log-hsm.pub" in keys.good("make", "gate")
    keys.good("make", "auditor")
    listed = keys.listed()
    assert [listed[name]["is_here"] for name in ("gate", "auditor")] == [True, True]
    assert listed["auditor"]["key_id"] == load_recipient(keys.folder / "auditor.pub").key_id
    assert "the new key of gate is ready" in keys.good("rotate", "gate")
    assert keys.listed()["gate"]["waiting"]


def test_split_and_join(keys: Keys, tmp_path: Path) -> None:
    before = (keys.folder / "escrow.key").read_text()
    made = json.loads(keys.good("split", "escrow", "--to", tmp_path / "shares", "--json"))
    shares = [Path(path) for path in made["shares"]]
    assert (len(shares), made["removed"]) == (5, True)
    assert {path.stat().st_mode & 0o777 for path in shares} == {0o600}
    assert not (keys.folder / "escrow.key").exists()
    assert not keys.listed()["escrow"]["is_here"]
    assert "2 of these shares are not enough: 3 are needed" in keys.told("join", "escrow", *shares[:2])
    assert "these shares restore" in keys.good("join", "escrow", "--trial", *shares[1:4])
    assert not (keys.folder / "escrow.key").exists()
    keys.good("join", "escrow", *shares[2:])
    assert (keys.folder / "escrow.key").read_text() == before
    assert (keys.folder / "escrow.key").stat().st_mode & 0o777 == 0o600
    assert "is there already" in keys.told("join", "escrow", *shares[2:])


def test_a_key_that_was_split_is_not_made_anew(keys: Keys, tmp_path: Path) -> None:
    public = (keys.folder / "escrow.pub").read_bytes()
    keys.good("split", "escrow", "--to", tmp_path, "--shares", "2", "--threshold", "2")
    init = [sys.executable, "-m", "components.cli.main", "init", "--site", str(keys.site), "--json"]
    made = subprocess.run(init, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60).stdout
    assert json.loads(made)["made"] == []
    assert (keys.folder / "escrow.pub").read_bytes() == public
    assert "its private key elsewhere" in keys.told("make", "escrow")
    load_site(keys.site)


def test_the_whole_key_may_stay(keys: Keys, tmp_path: Path) -> None:
    keys.good("split", "escrow", "--to", tmp_path / "shares", "--keep")
    assert (keys.folder / "escrow.key").exists()
    assert "name another folder" in keys.told("split", "escrow", "--to", tmp_path / "shares")


def test_a_key_stays_when_its_shares_cannot_be_kept(keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = (keys.folder / "escrow.key").read_bytes()
    keys.told("split", "escrow", "--to", tmp_path / "file")
    keys.told("split", "escrow", "--to", "/proc/nowhere")
    assert "at most 16" in keys.told("split", "escrow", "--to", tmp_path / "a", "--shares", "20")
    assert (keys.folder / "escrow.key").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("rotate", "bogus"),
            "there is no key bogus; there are gate, audit, roster, transfer, history, auditor, escrow",
        ),
        (("split", "gate", "--to", "/tmp/none"), "gate is a log's key"),
        (("make", "gate", "--at", "keys/other.key"), "leave out --at"),
        (("make", "gate"), "exists already; a log keeps its key"),
        (("make", "fifth", "--at", "pkcs11:object=a"), "write pkcs11:token=LABEL"),
        (("make", "two words"), "no space and no plus sign"),
        (("join", "escrow", "/nonexistent"), "cannot be read"),
    ],
)
def test_wrong_use_says_what_to_do(arguments: tuple[str, ...], told: str, keys: Keys) -> None:
    assert told in keys.told(*arguments)
