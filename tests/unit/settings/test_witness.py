"""The `[witness]` table: what it takes, and what is told of keys that came from another site (docs/witness.md)."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from components.archive.log.cosignature import encode_cosigner_key, make_cosigner_key
from components.archive.log.note import encode_verifier_key, make_verifier_key
from components.settings.witness import URL_MAX, WitnessedSite, WitnessSettings


def public_key(seed: int) -> Ed25519PublicKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)).public_key()


def log_key(origin: str, seed: int) -> str:
    return encode_verifier_key(make_verifier_key(origin, public_key(seed)))


def cosigner_key(name: str, seed: int) -> str:
    return encode_cosigner_key(make_cosigner_key(name, public_key(seed)))


GATE, AUDIT, ROSTER = (
    log_key(f"london.example/{name}", seed) for seed, name in enumerate(("gate", "audit", "r"), 1)
)
WITNESS, OTHER = cosigner_key("london.example/witness", 7), cosigner_key("zurich.example/witness", 8)


def settings(root: Path, **changes: Any) -> WitnessSettings:
    given: dict[str, Any] = {
        "name": "metals.example/witness",
        "key_file": root / "witness.key",
        "state": root / "state",
        "status_file": root / "witness.status",
        "port": 8444,
    }
    (root / "state").mkdir(exist_ok=True)
    (root / "witness.key").touch()
    return WitnessSettings(**(given | changes))


def brought(root: Path, **files: str | bytes) -> WitnessedSite:
    """Return another site, with these files in the folder of its keys."""
    folder = root / "london"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{name.replace('_', '-')}.pub").write_bytes(data)
    return WitnessedSite(url="https://london.example:8444", keys=folder)


def problems(root: Path, **changes: Any) -> list[str]:
    return list(settings(root, **changes).find_problems())


def test_a_site_that_witnesses_nobody_else_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, port=0) == []


def test_a_witness_without_its_key_says_who_makes_it(tmp_path: Path) -> None:
    made = settings(tmp_path)
    made.key_file.unlink()
    (told,) = made.find_problems()
    assert told.startswith(f"witness.key_file: there is no {made.key_file}")
    assert "steelyard init" in told
    (made.state / "london.checkpoint").touch()
    (told,) = made.find_problems()
    assert "others know this witness by it" in told
    assert "steelyard init" not in told, "a new key would be another witness"


def test_another_sites_keys_are_read_in_the_order_of_their_files(tmp_path: Path) -> None:
    site = brought(
        tmp_path, log_roster=ROSTER, log_gate=f"{GATE}\n{AUDIT}\n", witness=f"{WITNESS}\n{OTHER}\n"
    )
    assert [file.name for file in site.log_files] == ["log-gate.pub", "log-roster.pub"]
    assert site.read_logs() == (GATE, AUDIT, ROSTER)
    assert site.read_vkeys() == (WITNESS, OTHER)
    assert problems(tmp_path, sites=(site,)) == []


def test_all_that_is_asked_and_cosigned_is_told(tmp_path: Path) -> None:
    site = brought(tmp_path, log_gate=GATE, witness=WITNESS)
    asks = ({"url": "http://zurich.example/w", "vkeys": (OTHER,)},)
    made = settings(tmp_path, sites=(site,), asks=asks, logs=(AUDIT,))
    assert made.witnesses == 2
    assert list(made.read_asked()) == [
        ("http://zurich.example/w", (OTHER,)),
        ("https://london.example:8444", (WITNESS,)),
    ]
    assert list(made.read_logs()) == [AUDIT, GATE]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"witness": WITNESS}, ["there is no log-*.pub in"]),
        ({"log_gate": GATE}, ["witness.pub: no such file or directory; bring it from the other site"]),
        ({"log_gate": GATE, "witness": ""}, ["witness.pub: holds no key"]),
        ({"log_gate": GATE, "witness": GATE}, ["is no public key"]),
        ({"log_gate": b"\xff", "witness": WITNESS}, ["is no public key"]),
        ({"log_gate": f"{GATE}x", "witness": "nonsense"}, ["is no public key", "is no public key"]),
        ({}, ["there is no log-*.pub in", "witness.pub: no such file"]),
    ],
)
def test_keys_that_were_not_brought_or_are_none_are_told_with_what_to_do(
    files: dict[str, str | bytes], told: list[str], tmp_path: Path
) -> None:
    found = problems(tmp_path, sites=(brought(tmp_path, **files),))
    assert len(found) == len(told)
    for line, expected in zip(found, told, strict=True):
        assert line.startswith("witness.sites.keys: ")
        assert expected in line
        assert line.endswith("bring it from the other site (docs/witness.md)")


@pytest.mark.parametrize("whose", ["logs", "sites"])
def test_others_can_ask_only_at_a_port(whose: str, tmp_path: Path) -> None:
    theirs = (AUDIT,) if whose == "logs" else (brought(tmp_path, log_gate=GATE, witness=WITNESS),)
    (told,) = problems(tmp_path, port=0, **{whose: theirs})
    assert told.startswith("witness.port: ")


def test_an_authority_of_time_stamps_needs_its_certificates(tmp_path: Path) -> None:
    stamps = {"url": "https://tsa.example", "certificates": tmp_path / "tsa.pem"}
    (told,) = problems(tmp_path, time_stamps=stamps)
    assert (
        told
        == f"witness.time_stamps.certificates: there is no {tmp_path / 'tsa.pem'}; get it from the authority"
    )
    (tmp_path / "tsa.pem").touch()
    assert problems(tmp_path, time_stamps=stamps) == []


LONG = f"https://x/{'a' * URL_MAX}"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"logs": ("nonsense",)}, "logs"),
        ({"asks": ({"url": "https://x", "vkeys": ()},)}, "at least 1 item"),
        ({"asks": ({"url": "https://x", "vkeys": (GATE,)},)}, "vkeys"),
        ({"asks": ({"url": "ftp://x", "vkeys": (OTHER,)},)}, "is no address of the form https://host/path"),
        ({"asks": ({"url": "https://", "vkeys": (OTHER,)},)}, "is no address of the form https://host/path"),
        ({"asks": ({"url": LONG, "vkeys": (OTHER,)},)}, "an address has 2,048 at most"),
        ({"name": ""}, "at least 1 character"),
        ({"port": 65_536}, "less than or equal to 65535"),
        (
            {"time_stamps": {"url": "https://x", "certificates": Path("/x"), "every_s": 0.5}},
            "greater than or equal",
        ),
        ({"coign_own": False}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(tmp_path, **changes)
