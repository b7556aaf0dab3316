"""Two sites wait for their gates as long as a test wants, with gates or without."""

from pathlib import Path

import pytest

from tests.support.certificates import CertificateAuthority
from tests.support.process import PATIENCE_S
from tests.support.two_sites import TwoSites

SITES = [("metals.example",), ("zurich.example",)]


@pytest.mark.parametrize("gates", [True, False])
def test_a_server_waits_for_its_gate_as_long_as_a_test_says(
    tmp_path: Path, authority: CertificateAuthority, gates: bool
) -> None:
    directory = {f"gate.{domain}": "" for (domain,) in SITES} if gates else None
    short = TwoSites(tmp_path / "short", SITES, [], authority, directory, hold_timeout_s=5)
    patient = TwoSites(tmp_path / "patient", SITES, [], authority, directory)
    for sites, wanted in ((short, 5), (patient, PATIENCE_S)):
        assert [server.plan.hold_timeout_s for server in sites.servers] == [wanted, wanted]
        assert [bool(server.plan.gate) for server in sites.servers] == [gates, gates]
