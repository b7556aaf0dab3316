"""`steelyard audit proof`: a proof that verifies elsewhere; each is a look on record."""

import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.leaf import encode_leaf
from components.archive.log.proof import parse_proof, verify_own_proof
from components.archive.reader import LogReader
from components.audit.prove import prove
from components.process.errors import SiteError
from tests.support.archive import tamper
from tests.support.audit_site import Site
from tests.support.typed import file_of

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
WORDS = "nine thousand four hundred"


@pytest.fixture
async def said(site: Site) -> Site:
    await site.record(*(site.say(ALICE, BOB, f"{WORDS} {number}") for number in range(300)))
    return site


async def test_a_proof_verifies_with_the_key_alone(said: Site) -> None:
    proved = await prove(said.settings, "gate/257")
    leaf, checkpoint = verify_own_proof(
        parse_proof(proved.text), load_verifier_key(said.settings.gate_log.verifier_key_file)
    )
    assert (leaf.index, checkpoint.origin) == (257, "metals.example/gate")
    reader = await LogReader.open(said.settings.gate_log.store)
    (stored,) = await reader.fetch(257, 1)
    assert await reader.size() == checkpoint.size
    await reader.close()
    assert encode_leaf(leaf) == encode_leaf(stored.leaf)
    assert WORDS not in proved.text


async def test_it_needs_no_key_that_opens_records(said: Site) -> None:
    for path in said.settings.audit.key_files:
        file_of(path).unlink()
    assert (await prove(said.settings, "gate/3")).record_id == "gate/3"


async def test_the_look_is_recorded_first(said: Site) -> None:
    proved = await prove(said.settings, "gate/5")
    (access,) = await said.accesses()
    assert (access.act, access.query, access.result_count) == ("proof", "gate/5", 1)
    assert proved.access_id.startswith("audit/")
    file_of(said.settings.audit_log.key_file).unlink()
    with pytest.raises(SiteError, match="could not be recorded"):
        await prove(said.settings, "gate/5")


async def test_a_record_that_is_not_there_is_a_look_too(said: Site) -> None:
    with pytest.raises(SiteError, match="there is no record gate/9999: the last is gate/"):
        await prove(said.settings, "gate/9999")
    (access,) = await said.accesses()
    assert (access.query, access.result_count) == ("gate/9999", 0)
    with pytest.raises(SiteError, match="is no record's id"):
        await prove(said.settings, "gates/1")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE record SET leaf = flip(leaf, 3) WHERE idx = 7",
        "UPDATE tile SET hashes = flip(hashes, 200) WHERE level = 0 AND n = 0",
        "DELETE FROM tile WHERE level = 0 AND n = 0",
    ],
)
async def test_what_cannot_be_proved_is_said(damage: str, said: Site) -> None:
    tamper(file_of(said.settings.gate_log.store), damage)
    with pytest.raises(SiteError, match=r"gate/7 cannot be proved: .*; run `steelyard verify`"):
        await prove(said.settings, "gate/7")
