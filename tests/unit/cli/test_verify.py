"""`steelyard verify` as it is typed, with evidence from elsewhere and from the site's own settings."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.keys import load_log_key
from components.archive.keys.reference import last_signed_file
from components.archive.log.checkpoint import Checkpoint, sign_checkpoint
from components.archive.log.note import encode_verifier_key
from tests.support.archive_orders import APPROVERS, order_entries
from tests.support.archive_witness import ED25519_WITNESS, ML_DSA_WITNESS, cosign_ed25519, cosign_ml_dsa
from tests.support.audit_site import Site, make_site, open_writer
from tests.support.command import run_command
from tests.support.tile_folder import serve, write_tiles

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"


@pytest.fixture
async def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = await make_site(tmp_path)
    await site.record(*(site.say(ALICE, BOB, f"Selling {number} t of copper") for number in range(20)))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return site


def newest(site: Site) -> str:
    with closing(sqlite3.connect(str(site.settings.gate_log.store))) as database:
        (note,) = database.execute("SELECT note FROM checkpoint ORDER BY second DESC LIMIT 1").fetchone()
    return str(note)


def cosigned(note: str) -> str:
    text = note.partition("\n\n")[0] + "\n"
    return note + cosign_ed25519(text) + cosign_ml_dsa(text)


def keep(site: Site, note: str) -> None:
    """Keep a checkpoint beside the log, as the site's witness process does."""
    folder = Path(site.settings.gate_log.store).with_suffix(".witnessed") / "history" / "2026-11-23"
    folder.mkdir(parents=True)
    (folder / "22-0a1b2c3d.checkpoint").write_text(note)
    (folder.parents[1] / "newest.checkpoint").write_text(note)
    (folder / "22-0a1b2c3d.tsr").write_bytes(b"\xff")


def run(site: Site, *arguments: object) -> int:
    return run_command("verify", *arguments, "--site", site.path)


def test_it_says_what_was_found(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(said) == 0
    output = capsys.readouterr().out
    assert "gate: 22 records, all verified" in output
    assert "  22 VALID" in output
    assert "It agrees with" in output
    assert "audit: there is no log yet" in output
    assert run(said, "--log", "gate", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["logs"]) == ["gate"]
    assert document["logs"]["gate"]["states"]["VALID"] == 22
    assert run(said, "--log", "gates") == 2
    assert "there is no log 'gates'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gate", "audit"])
def test_a_log_that_is_gone_is_not_one_that_has_yet_to_begin(
    said: Site, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = said.settings.require_log(name)
    last_signed_file(log.key_file).write_text(newest(said))
    for file in Path(log.store).parent.glob(f"{name}.db*"):
        file.unlink()
    assert run(said) == 2
    assert (
        f"{name}.db is gone, and records were signed in it; docs/backup.md, section 3"
        in capsys.readouterr().err
    )
    assert run(said, "--log", "audit" if name == "gate" else "gate") == 0


def test_a_checkpoint_kept_elsewhere(said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").write_text(newest(said))
    assert run(said, "--checkpoint", tmp_path / "kept") == 0
    signer = load_log_key(said.settings.gate_log.key_file)
    (tmp_path / "kept").write_text(sign_checkpoint(Checkpoint("metals.example/gate", 22, bytes(32)), signer))
    assert run(said, "--checkpoint", tmp_path / "kept") == 1
    assert "checkpoint-forked" in capsys.readouterr().out
    (tmp_path / "kept").write_text("another.example/log\n1\n\n")
    assert run(said, "--checkpoint", tmp_path / "kept") == 2
    assert "1 of the checkpoints are not of metals.example/gate or" in capsys.readouterr().err
    (tmp_path / "kept").write_bytes(b"\xff")
    assert run(said, "--checkpoint", tmp_path / "kept") == 2


def test_the_sites_own_witnesses(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """What the witness process keeps beside the log is looked at without being named."""
    with said.path.open("a") as file:
        file.write(
            '[witness]\nname = "metals.example/w"\nkey_file = "keys/none.key"\nstate = "w"\nstatus_file = "w.json"\n'
            f'[[witness.asks]]\nurl = "https://witness.example"\nvkeys = ["{ED25519_WITNESS}"]\n'
        )
    assert run(said, "--log", "gate") == 0  # a witness that could not be asked yet is no fault of the log
    assert "witness.example/w1 cosigned nothing" in capsys.readouterr().out
    keep(said, cosigned(newest(said)))
    assert run(said, "--log", "gate") == 0
    assert "witness.example/w1 cosigned 2 checkpoints, the last of 22 records" in capsys.readouterr().out
    assert run(said, "--log", "gate", "--witness", ML_DSA_WITNESS) == 0


def test_a_log_that_a_witness_saw_longer(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    signer = load_log_key(said.settings.gate_log.key_file)
    keep(said, sign_checkpoint(Checkpoint("metals.example/gate", 30, bytes(32)), signer))
    assert run(said, "--log", "gate") == 1
    assert "log-truncated" in capsys.readouterr().out


def test_a_witness_that_was_asked_for_must_have_cosigned(
    said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w1.pub").write_text(ED25519_WITNESS + "\n")
    assert run(said, "--log", "gate", "--witness", tmp_path / "w1.pub") == 1
    assert "cosignature-missing" in capsys.readouterr().out
    assert run(said, "--log", "gate", "--witness", "none.pub") == 2
    key = encode_verifier_key(load_log_key(said.settings.gate_log.key_file).verifier_key)
    assert run(said, "--log", "gate", "--witness", key) == 2


async def test_approvers_of_orders(said: Site, capsys: pytest.CaptureFixture[str]) -> None:
    writer = await open_writer(said.settings, said.settings.gate_log)
    text = (
        "steelyard-order/1\nlog metals.example/gate\nid all\nact hold\nsegments 1\ndetails " + "0" * 64 + "\n"
    )
    await writer.append(order_entries(text))
    await writer.close()
    assert run(said, "--log", "gate") == 0
    assert "Not checked: the signatures of 1 orders" in capsys.readouterr().out
    assert run(said, "--log", "gate", *(each for vkey in APPROVERS for each in ("--approver", vkey))) == 0
    output = capsys.readouterr().out
    assert "20 HELD" in output
    assert "Not checked" not in output
    (said.path.parent / "keys/anna.pub").write_text(APPROVERS[0])
    site_toml = said.path.read_text().replace("[archive]\n", '[archive]\napprovers = ["keys/anna.pub"]\n')
    said.path.write_text(site_toml)
    assert run(said, "--log", "gate") == 1
    assert "order-invalid" in capsys.readouterr().out


def test_from_the_tiles_alone(said: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_tiles(Path(said.settings.gate_log.store), tmp_path / "tiles")
    with serve(folder) as (url, _failures):
        assert run(said, "--from-url", url) == 0
        output = capsys.readouterr().out
        assert "gate: 22 records, all verified" in output
        assert "Not checked: payloads" in output
        assert run(said, "--from-url", url, "--log", "audit") == 1
        assert "checkpoint-altered" in capsys.readouterr().out
    assert run(said, "--from-url", "gopher://nowhere") == 2
