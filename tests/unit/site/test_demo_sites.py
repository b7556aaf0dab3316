"""The two sites of a demonstration: each is whole, knows the other by its authority, and is made once."""

import shutil
from pathlib import Path

import pytest

from components.audit.access import name_actor
from components.audit.sites.named import open_sites
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.demo_console import make_auditor_link
from components.site.demo_sites import LONDON, OLIVER, ROOM, SHANGHAI, WEI, make_sites
from components.site.federation import plan_sites
from components.site.init import load_passwords
from policy.address import BareJid
from policy.directory.directory import Directory, parse_directory
from policy.reach.affiliation import reachable_people


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[SiteFile]:
    sites, _ = make_sites(tmp_path_factory.mktemp("two"))
    return sites


def directory_of(site: SiteFile) -> Directory:
    return parse_directory(site.gate.directory_file.read_text())


def test_each_trusts_the_authority_of_the_other_and_finds_it(made: list[SiteFile], tmp_path: Path) -> None:
    for site, other in (made, reversed(made)):
        (planned,) = plan_sites(site, tmp_path)
        assert planned.domains == (*other.prosody.domains, *other.prosody.room_domains)
        assert planned.port == other.prosody.s2s_port
        assert planned.authority.read_bytes() == (other.prosody.certificates / "ca.crt").read_bytes()
        assert planned.authority.read_bytes() != (site.prosody.certificates / "ca.crt").read_bytes()


def test_both_have_the_same_people_and_rooms_and_components_of_their_own(made: list[SiteFile]) -> None:
    shanghai, london = map(directory_of, made)
    assert shanghai.enterprises == london.enterprises
    assert (shanghai.gate, london.gate) == (SHANGHAI.gate, LONDON.gate)
    assert {shanghai.roster, shanghai.transfer}.isdisjoint({london.roster, london.transfer})
    assert OLIVER in {person.jid for person in reachable_people(shanghai, BareJid(WEI))}
    assert ROOM in shanghai.members


def test_accounts_are_where_their_domain_is(made: list[SiteFile]) -> None:
    shanghai, london = (load_passwords(site) for site in made)
    assert WEI in shanghai and OLIVER in london
    assert shanghai.keys().isdisjoint(london)


def test_no_two_things_share_a_port(made: list[SiteFile]) -> None:
    ports = [
        port
        for site in made
        for port in (site.prosody.c2s_port, site.prosody.s2s_port, site.gate.component_port)
    ] + [site.console.port for site in made if site.console]
    assert len(set(ports)) == len(ports)


def test_one_auditor_looks_at_both_in_the_console_of_the_first(made: list[SiteFile]) -> None:
    shanghai, london = made
    assert shanghai.console is not None and london.console is None
    assert shanghai.console.certificate is not None and shanghai.console.certificate.is_file()
    assert make_auditor_link(shanghai)
    known = [[(each.id, each.user) for each in site.audit.auditors] for site in made]
    assert known == [[("erin", name_actor())]] * 2
    sites, faults = open_sites(shanghai)
    assert ([each.name for each in sites], faults) == (["Shanghai", "london"], [])
    assert sites[1].settings.path.resolve() == london.path.resolve()
    assert london.audit.sites == ()


def test_a_second_start_makes_nothing(made: list[SiteFile]) -> None:
    sites, files = make_sites(made[0].folder.parent)
    assert files == []
    assert [site.path for site in sites] == [site.path for site in made]


def test_half_of_them_is_told(made: list[SiteFile], tmp_path: Path) -> None:
    shutil.copytree(made[0].folder, tmp_path / made[0].folder.name)
    with pytest.raises(SiteError, match="one is missing: remove the other"):
        make_sites(tmp_path)
