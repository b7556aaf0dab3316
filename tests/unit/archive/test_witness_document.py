"""docs/witness.md: its settings are right, and its tables are complete."""

import re
import tomllib
from pathlib import Path

from components.archive.log.cosignature import encode_cosigner_key
from components.process.backoff import LONGEST_PAUSE_S
from components.settings.witness import WitnessSettings
from components.witness.add_checkpoint import MAX_BODY_BYTES, MAX_PROOF_HASHES
from components.witness.client import ANSWER_TIMEOUT_S
from tests.support.archive import VKEY
from tests.support.witness import COSIGNER_KEYS

DOCUMENT = (Path(__file__).parents[3] / "docs/witness.md").read_text("utf-8")


def test_the_settings_of_the_examples_are_right() -> None:
    blocks = [
        re.sub(r"^ {3}", "", block, flags=re.M) for block in re.findall(r"```toml\n(.*?)```", DOCUMENT, re.S)
    ]
    assert len(blocks) == 4
    text = "".join(blocks)
    text = re.sub(r'"b.example/(gate|audit)\+[^"]*"', f'"{VKEY}"', text)
    text = re.sub(r'"b.example/witness\+[^"]*"', f'"{encode_cosigner_key(COSIGNER_KEYS[0])}"', text)
    settings = WitnessSettings.model_validate(tomllib.loads(text)["witness"])
    assert (len(settings.logs), len(settings.asks), len(settings.asks[0].vkeys)) == (2, 1, 2)
    assert [each.keys.name for each in settings.sites] == ["london"]
    assert settings.time_stamps is not None


def test_every_status_is_described() -> None:
    source = Path(__file__).parents[3] / "components/witness"
    code = "".join((source / f"{name}.py").read_text() for name in ("cosign", "server"))
    statuses = set(re.findall(r"(?:_Refusal|WitnessAnswer)\((\d{3})", code))
    assert statuses == {"200", "400", "403", "404", "408", "409", "422", "500"}
    table = DOCUMENT.split("## The protocol")[1].split("`GET")[0]
    assert statuses <= set(re.findall(r"\d{3}", table))


def test_the_figures_are_those_of_the_code() -> None:
    assert f"1, 2, 4 ... {LONGEST_PAUSE_S:.0f} seconds" in DOCUMENT
    assert f"no answer in {ANSWER_TIMEOUT_S:.0f} s" in DOCUMENT
    assert f"more than {MAX_PROOF_HASHES} hashes" in DOCUMENT
    assert f"{MAX_BODY_BYTES // 1024} KiB" in DOCUMENT
