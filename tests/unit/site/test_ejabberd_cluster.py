"""A site whose ejabberd is a node of a cluster: its settings, what Erlang is told, and what is refused."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site import ejabberd, up
from components.site.ejabberd import start_command
from components.site.ejabberd_check import CAN_BE_ELSEWHERE, find_unsupported
from components.site.ejabberd_cluster import (
    NODE_LOST_S,
    ClusterPlan,
    node_arguments,
    node_environment,
    plan_cluster,
    write_cluster_files,
)
from components.site.ejabberd_server import ejabberd_command, write_ejabberd_config
from components.site.init import init_site
from components.site.key_check import private_files
from components.site.parts import ROWS, parts_of, running_parts
from components.site.up import run_site
from components.site.validate import load_site
from tests.support.site_toml import write_site_toml

EJABBERD: Mapping[str, object] = {"server": "ejabberd"}
ONE, TWO = "one.metals.example", "two.metals.example"
NODES = f"""
[[cluster.nodes]]
name = "{ONE}"
address = "10.0.0.1"
[[cluster.nodes]]
name = "{TWO}"
address = "10.0.0.2"
"""


def cluster(node: str = ONE, more: str = "", nodes: str = NODES) -> str:
    return f'[cluster]\nnode = "{node}"\ncookie_file = "keys/cluster.cookie"\n{more}\n{nodes}'


def site_with(tmp_path: Path, text: str, **tables: Mapping[str, object]) -> SiteFile:
    return SiteFile(write_site_toml(tmp_path / "site.toml", text, **{"site": EJABBERD, **tables}))


@pytest.fixture
def plan(tmp_path: Path) -> ClusterPlan:
    (tmp_path / "root").mkdir()
    (tmp_path / "cookie").write_text("c" * 64 + "\n")
    addresses = {ONE: IPv4Address("10.0.0.1"), TWO: IPv4Address("10.0.0.2")}
    return ClusterPlan(TWO, addresses, 4371, tmp_path / 'certi"ficates')


def test_a_site_is_made_with_what_its_nodes_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ejabberd, "beam_arguments", lambda _libraries: [])  # also where there is no ejabberd
    init_site(tmp_path / "site.toml")
    text = (tmp_path / "site.toml").read_text().replace("[site]\n", '[site]\nserver = "ejabberd"\n', 1)
    (tmp_path / "site.toml").write_text(text + cluster())
    site = init_site(tmp_path / "site.toml").settings
    assert site.cluster is not None
    assert len(site.cluster.cookie_file.read_text().strip()) == 64
    assert site.cluster.cookie_file.stat().st_mode & 0o077 == 0
    assert site.cluster.cookie_file in private_files(site)
    for node in (ONE, TWO):
        certificate = x509.load_pem_x509_certificate((site.prosody.certificates / f"{node}.crt").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [node]
    # Its own is looked after; the other nodes' may be elsewhere.
    assert [name for name, _ in site.shown_certificates if name in (ONE, TWO)] == [ONE]
    write_ejabberd_config(site)
    command = ejabberd_command(site)
    assert f"ERL_INETRC={site.prosody.folder / 'cluster-names.conf'}" in command
    assert command[-4:] == ("cluster_member", "start", f"steelyard@{ONE}", f"steelyard@{TWO}")
    assert not [each for each in command if site.cluster.cookie_file.read_text().strip() in each]


def test_erlang_is_told_where_it_is_and_who_the_others_are(plan: ClusterPlan, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_cluster_files(plan, root, tmp_path / "cookie")
    arguments = node_arguments(plan, root)
    assert arguments[arguments.index("-name") + 1] == f"steelyard@{TWO}"
    assert arguments[arguments.index("inet_dist_use_interface") + 1] == "{10,0,0,2}"
    assert arguments[arguments.index("-erl_epmd_port") + 1] == "4371"
    assert arguments[arguments.index("-start_epmd") + 1] == "false"
    # As ejabberd's configuration says it; what differs changes over a minute, in which a silent node is lost late.
    assert arguments[arguments.index("net_ticktime") + 1] == str(NODE_LOST_S)
    assert (root / ".erlang.cookie").read_text() == "c" * 64
    assert (root / ".erlang.cookie").stat().st_mode & 0o077 == 0
    names = Path(node_environment(root)["ERL_INETRC"]).read_text()
    assert f'{{host, {{10,0,0,1}}, ["{ONE}"]}}.' in names
    options = Path(arguments[arguments.index("-ssl_dist_optfile") + 1]).read_text()
    assert options.count("{verify, verify_peer}") == 2
    assert options.count("{fail_if_no_peer_cert, true}") == 1
    assert f'fun cluster_member:is_node/3, ["{ONE}", "{TWO}"]' in options
    assert f'certi\\"ficates/{TWO}.key' in options  # as Erlang reads a string


def test_a_server_that_is_alone_has_no_name(tmp_path: Path, plan: ClusterPlan) -> None:
    own = tmp_path / "x86" / "ejabberd-23.01-1" / "ebin"
    own.mkdir(parents=True)
    assert start_command(tmp_path, (), libraries=tmp_path)[-2:] == ["-s", "ejabberd"]
    assert "-name" in start_command(tmp_path, (), libraries=tmp_path, cluster=plan)


@pytest.mark.parametrize("cookie", ["", "two words", "a.b"])
def test_a_cookie_that_erlang_would_read_otherwise_is_refused(
    plan: ClusterPlan, tmp_path: Path, cookie: str
) -> None:
    (tmp_path / "cookie").write_text(cookie)
    with pytest.raises((SiteError, SettingsError), match="run `steelyard init`"):
        write_cluster_files(plan, tmp_path / "root", tmp_path / "cookie")
    assert not (tmp_path / "root" / ".erlang.cookie").exists()


def test_data_of_a_server_that_was_alone_is_left_alone(plan: ClusterPlan, tmp_path: Path) -> None:
    data = tmp_path / "root" / "data"
    data.mkdir()
    (data / "schema.DAT").touch()
    with pytest.raises(SiteError, match="of a server that was alone"):
        write_cluster_files(plan, tmp_path / "root", tmp_path / "cookie")
    (data / "cluster").write_text("copying")  # a node that was killed as it joined
    write_cluster_files(plan, tmp_path / "root", tmp_path / "cookie")


def test_what_runs_on_another_node_neither_runs_nor_has_a_log_here(tmp_path: Path) -> None:
    made = init_site(tmp_path / "site.toml", demo=True, server="ejabberd").settings
    text = made.path.read_text() + cluster(more='elsewhere = ["roster", "access", "transfer"]')
    made.path.write_text(text)
    site = SiteFile(made.path)
    here = {part.name for part in running_parts(site)}
    assert here == {part.name for part in running_parts(made)} - {"roster", "access", "transfer"}
    assert {"gate", "indexer"} < here
    assert {log.table for log in made.logs} - {log.table for log in site.logs} == {
        "roster",
        "access",
        "transfer",
    } & {log.table for log in made.logs}
    # The server knows them all the same: it keeps to what they say.
    assert {part.name for part in parts_of(site)} == {part.name for part in parts_of(made)}


def test_each_process_that_can_be_elsewhere_has_a_table() -> None:
    assert set(CAN_BE_ELSEWHERE) < {row.table.table_name for row in ROWS}


def test_wrong_nodes_are_told(tmp_path: Path) -> None:
    site = site_with(tmp_path, cluster("three.metals.example"))
    assert site.cluster is not None
    (cookie, unknown) = sorted(site.cluster.find_problems())
    assert unknown == (
        "cluster.node: three.metals.example is none of cluster.nodes; add it there, or name one of them"
    )
    assert cookie.startswith("cluster.cookie_file: there is no ")
    twice = site_with(tmp_path, cluster(nodes=NODES.replace("10.0.0.2", "10.0.0.1"))).cluster
    assert twice is not None
    assert "cluster.nodes: two have the same name or address; each node has its own" in twice.find_problems()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("10.0.0.2", "two.example", r"cluster\.nodes\.1\.address"),
        (TWO, "two metals", r"cluster\.nodes\.1\.name"),
        ('"10.0.0.2"', '"10.0.0.2"\nport = 1', r"cluster\.nodes\.1\.port"),
        ("[[cluster.nodes]]", "[[cluster.peers]]", r"cluster\.nodes"),
    ],
)
def test_wrong_values_are_told(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        _ = site_with(tmp_path, cluster(nodes=NODES.replace(old, new))).cluster


@pytest.mark.parametrize("named", ["site", "domain"])
def test_a_cluster_with_other_sites_is_refused(tmp_path: Path, named: str) -> None:
    sites = '[[federation.sites]]\nname = "Zurich"\ndomains = ["zurich.example"]\nauthority = "zurich.crt"\n'
    text = sites if named == "site" else ""
    prosody = {"federated_domains": ["zurich.example"]} if named == "domain" else {}
    told = list(find_unsupported(site_with(tmp_path, cluster() + text, prosody=prosody)))
    assert [each for each in told if each.startswith("federation: a cluster has no other sites yet")]
    alone = site_with(tmp_path, text, prosody=prosody)
    assert not [each for each in find_unsupported(alone) if "cluster" in each]


def test_where_there_can_be_no_cluster_it_is_refused(tmp_path: Path) -> None:
    prosody = site_with(tmp_path, cluster(), site={"server": "prosody"})
    assert [each for each in find_unsupported(prosody) if each.startswith("cluster: only ejabberd")]
    attached = site_with(tmp_path, cluster(), prosody={"attached_to": "/etc/ejabberd/ejabberd.yml"})
    assert [each for each in find_unsupported(attached) if each.startswith("cluster: a server that runs ")]
    gate = site_with(tmp_path, cluster(more='elsewhere = ["gate"]'))
    (problem,) = find_unsupported(gate)
    assert problem.startswith("cluster.elsewhere: gate cannot run on another node, only roster, access,")
    assert list(find_unsupported(site_with(tmp_path, cluster()))) == []


def test_a_demonstration_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = init_site(tmp_path / "site.toml", demo=True, server="ejabberd").settings
    made.path.write_text(made.path.read_text() + cluster())
    monkeypatch.setattr(up, "find_program", lambda _name: SimpleNamespace(find=lambda: "23.01"))
    with pytest.raises(SiteError, match="a demonstration runs on one server"):
        run_site(made.path, demo=True, once=True, show=lambda *_: None, server="ejabberd")


def test_the_plan_is_what_the_settings_say(tmp_path: Path) -> None:
    site = site_with(tmp_path, cluster(TWO, "port = 4400"))
    assert site.cluster is not None
    made = plan_cluster(site.cluster, tmp_path)
    assert made == ClusterPlan(
        TWO, {ONE: IPv4Address("10.0.0.1"), TWO: IPv4Address("10.0.0.2")}, 4400, tmp_path
    )
    with pytest.raises(SettingsError):
        load_site(site.path)  # its files are missing
