"""What the auditors' commands need of site.toml."""

from tests.support.audit_site import Site


def test_paths_start_at_the_sites_file(site: Site) -> None:
    folder = site.path.parent
    assert site.settings.gate_log.store == folder / "archive/gate.db"
    assert site.settings.audit.index == folder / "archive/index.db"
    assert site.settings.gate_log.verifier_key_file == folder / "keys/log-gate.pub"
    assert (site.settings.gate_log.name, site.settings.audit_log.name) == ("gate", "audit")
