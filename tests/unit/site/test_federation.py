"""Other sites: settings that contradict one another are named, and only the authorities that are named count."""

import datetime as dt
import re
from pathlib import Path

import pytest
from cryptography import x509

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.certificates import make_certificates
from components.site.check import check_site
from components.site.ejabberd_s2s import sites_modules
from components.site.federation import find_authorities, pin_of, plan_sites
from components.site.planned_site import PlannedSite
from components.site.prosody import ProsodyPlan, render_config
from components.site.server import plan_server
from components.site.validate import load_site

NOW = dt.datetime.now(dt.UTC)
LONDON, ROOMS = "london.example", "rooms.london.example"


def make_authority(folder: Path, now: dt.datetime = NOW) -> Path:
    make_certificates(folder, folder / "ca.key", folder.name, (), now)
    return folder / "ca.crt"


def key_of(file: Path) -> str:
    return pin_of(x509.load_pem_x509_certificate(file.read_bytes()))


def federate(site: Path, more: str = "", *, listed: bool = True, port: bool = True) -> None:
    """Add a site in London to site.toml, and to the directory if it is `listed` there."""
    text = site.read_text()
    if port:
        text = text.replace("c2s_port = ", "s2s_port = 5269\nc2s_port = ", 1)
    table = (
        f'[[federation.sites]]\nname = "London"\ndomains = ["{LONDON}"]\nroom_domains = ["{ROOMS}"]\n{more}\n'
    )
    site.write_text(f"{text}\n{table}")
    if listed:
        directory = site.parent / "directory.toml"
        known = '{ domain = "metals.example", rooms = "rooms.metals.example" }'
        there = f'{{ domain = "{LONDON}", rooms = "{ROOMS}" }}'
        directory.write_text(directory.read_text().replace(known, f"{known}, {there}"))


def problems(site: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_site(site)
    return "\n".join(caught.value.problems)


def test_a_site_that_the_directory_has_is_right(site: Path) -> None:
    federate(site, 'address = "192.0.2.7"')
    settings = load_site(site)
    assert settings.federated_domains == (LONDON, ROOMS)


@pytest.mark.parametrize(
    ("more", "listed", "port", "said"),
    [
        ("", False, True, rf"federation\.sites: {ROOMS} is no site of directory\.toml; add the site there"),
        ("", True, False, r"prosody\.s2s_port: federated domains need one"),
        (
            'authority = "nowhere.crt"',
            True,
            True,
            r"federation\.sites\.authority: there is no .*nowhere\.crt; get ca",
        ),
        ('address = "no host"', True, True, r"federation\.sites\.0\.address: "),
        ('certificate_pins = ["AB"]', True, True, r"federation\.sites\.0\.certificate_pins\.0: "),
        ('authority_pin = ["AB"]', True, True, r"there is no such setting; did you mean authority_pins\?"),
        (
            '[[federation.sites]]\nname = "Again"\ndomains = ["london.example"]',
            True,
            True,
            r"federation\.sites: london\.example is also federation\.sites; name it once",
        ),
        (
            '[[federation.sites]]\nname = "Ours"\ndomains = ["grain.example"]',
            True,
            True,
            r"federation\.sites: grain\.example is also prosody\.domains; name it once",
        ),
    ],
)
def test_what_contradicts_is_named(site: Path, more: str, listed: bool, port: bool, said: str) -> None:
    federate(site, more, listed=listed, port=port)
    assert re.search(said, problems(site)), problems(site)


def test_a_site_of_the_directory_that_is_nowhere_is_named(site: Path) -> None:
    federate(site)
    site.write_text(site.read_text().replace(f'domains = ["{LONDON}"]', 'domains = ["grain2.example"]'))
    assert (
        "prosody.domains: london.example of directory.toml is missing; add it here, or to federation.sites"
        in (problems(site))
    )


def test_of_a_file_with_many_authorities_only_the_pinned_one_counts(tmp_path: Path) -> None:
    files = [make_authority(tmp_path / name) for name in ("one", "two", "three")]
    bundle = tmp_path / "all.pem"
    bundle.write_bytes(b"".join(file.read_bytes() for file in files))
    assert [pin_of(each) for each in find_authorities(bundle, ())] == [key_of(file) for file in files]
    assert [pin_of(each) for each in find_authorities(bundle, (key_of(files[1]),))] == [key_of(files[1])]
    with pytest.raises(
        SiteError, match=rf"no certificate with a key of .*authority_pins, only {key_of(files[0])}"
    ):
        find_authorities(bundle, ("0" * 64,))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_holds_no_authority_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SiteError, match=r"ca\.crt .*"):
        find_authorities(file, ())


def test_the_server_gets_the_authorities_that_count_and_no_others(site: Path, tmp_path: Path) -> None:
    right, wrong = make_authority(tmp_path / "right"), make_authority(tmp_path / "wrong")
    bundle = site.parent / "bundle.pem"
    bundle.write_bytes(right.read_bytes() + wrong.read_bytes())
    pins = f'authority_pins = ["{key_of(right)}"]\ncertificate_pins = ["{"a" * 64}"]'
    federate(site, f'authority = "bundle.pem"\naddress = "192.0.2.7"\nport = 5270\n{pins}')
    (planned,) = plan_sites(load_site(site), tmp_path)
    assert planned.authority.read_bytes() == right.read_bytes()
    assert planned == PlannedSite((LONDON, ROOMS), planned.authority, ("a" * 64,), "192.0.2.7", 5270)


def test_without_an_authority_of_its_own_it_is_that_of_the_site(site: Path, tmp_path: Path) -> None:
    federate(site)
    (planned,) = plan_sites(load_site(site), tmp_path)
    assert planned.authority.read_bytes() == (site.parent / "certs" / "ca.crt").read_bytes()
    assert (planned.address, planned.port, planned.pins) == ("", 5269, ())


def test_a_site_without_others_has_none(site: Path, tmp_path: Path) -> None:
    assert plan_sites(SiteFile(site), tmp_path) == ()


def plan(**changes: object) -> ProsodyPlan:
    fields: dict[str, object] = {
        "root": Path("/site"),
        "domains": ("metals.example",),
        "room_domains": (),
        "c2s_port": 5222,
        "component_port": 5347,
        "s2s_port": 5269,
        "gate": "gate.metals.example",
        "certificates": Path("/certs"),
    }
    return ProsodyPlan(**(fields | changes))  # type: ignore[arg-type]


def test_the_server_asks_everybody_for_a_certificate_and_never_calls_back() -> None:
    other = PlannedSite((LONDON, ROOMS), Path("/l.crt"), ("ab",), "192.0.2.7", 5270)
    config = render_config(plan(federated_domains=("zurich.example",), sites=(other,)))
    assert "s2s_secure_auth = true" in config and "s2s_require_encryption = true" in config
    assert "'federated_sites'" in config and "dialback" not in config
    assert f"stanza_gate_federated = {{ 'zurich.example', '{LONDON}', '{ROOMS}' }}" in config
    entry = "{ address = '192.0.2.7'; port = 5270; pins = { 'ab' }; authority = '/l.crt' };"
    for line in (
        f"  ['{LONDON}'] = {entry}",
        f"  ['{ROOMS}'] = {entry}",
        "  ['zurich.example'] = { authority = '/certs/ca.crt' };",
    ):
        assert line in config.splitlines()


def test_a_server_that_talks_to_no_others_has_nothing_of_it() -> None:
    config = render_config(plan(s2s_port=0))
    assert "federated_sites" not in config
    assert "s2s_ports = {  }" in config and "modules_disabled = { 's2s' }" in config


@pytest.mark.parametrize(("said", "streams"), [("", 8), ("[federation]\nstreams = 3\n", 3)])
def test_a_site_has_as_many_streams_as_is_set(site: Path, tmp_path: Path, said: str, streams: int) -> None:
    site.write_text(f"{site.read_text()}\n{said}")
    federate(site)
    planned = plan_server(load_site(site), tmp_path)
    assert planned.site_streams == streams
    assert f"federated_streams = {streams}" in render_config(planned).splitlines()
    (options,) = sites_modules(planned).values()
    assert options["streams"] == streams


def found(site: Path) -> list[tuple[bool, str]]:
    return [(each.ok, each.text) for each in check_site(site) if each.name == "federation"]


@pytest.mark.programs
def test_check_says_which_sites_there_are(site: Path) -> None:
    assert found(site) == []
    federate(site)
    assert found(site) == [(True, "one other site (London), whose authority is known")]


@pytest.mark.programs
def test_check_says_what_is_wrong_with_an_authority(site: Path, tmp_path: Path) -> None:
    old = make_authority(tmp_path / "old", NOW - dt.timedelta(days=3640))
    federate(site, f'authority = "{old}"')
    ((ok, text),) = found(site)
    assert not ok
    assert re.fullmatch(
        rf"London: {old} expires on \d{{4}}-\d\d-\d\d; get the next one of its authority", text
    )
    site.write_text(site.read_text() + f'authority_pins = ["{"0" * 64}"]\n')
    ((ok, text),) = found(site)
    assert not ok and text.startswith(
        f"London: {old} has no certificate with a key of federation.sites.authority_pins"
    )
