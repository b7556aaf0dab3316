"""How the nodes of an ejabberd cluster find and trust each other (docs/ejabberd.md, "A cluster").

They talk by Erlang's distribution, over TLS, where each side shows a certificate of the site's own authority in its
name. There is no port mapper: every node listens at its own address, on the same port. Whoever is in the cluster can do
everything on each node, so nobody else may be.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.process.errors import SiteError
from components.settings.cluster import ClusterSettings
from components.settings.secret import read_secret

NODE_LOST_S = 15
"""How long another node may say nothing until it counts as lost, give or take a quarter of it."""

COOKIE = ".erlang.cookie"
TLS_OPTIONS, NAMES = "cluster-tls.conf", "cluster-names.conf"


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """A node of a cluster: its own name, and the address of each node by name; the first begins the cluster."""

    node: str
    addresses: Mapping[str, IPv4Address]
    port: int
    certificates: Path


def plan_cluster(cluster: ClusterSettings, certificates: Path) -> ClusterPlan:
    """Return this node as site.toml describes it."""
    addresses = {each.name: each.address for each in cluster.nodes}
    return ClusterPlan(cluster.node, addresses, cluster.port, certificates)


def write_cluster_files(plan: ClusterPlan, root: Path, cookie_file: Path) -> None:
    """Write what Erlang reads as it starts: the cookie, where the nodes are, and with what they prove who they are.

    Raises SiteError if there is no cookie, or if the server has data from a time when it was alone.
    """
    data = root / "data"
    if (data / "schema.DAT").exists() and not (data / "cluster").exists():
        raise SiteError(
            f"{data} is of a server that was alone, and a node of a cluster begins empty: move it away, "
            "and let accounts be made anew (docs/ejabberd.md)"
        )
    cookie = read_secret(cookie_file)
    if not cookie.isalnum():
        raise SiteError(
            f"{cookie_file}: a cookie has letters and digits alone; remove it and run `steelyard init`"
        )
    # Other names are looked up as the machine does.
    names = "\n".join((*names_of(plan), "{lookup, [file, native]}.", ""))
    for name, text in ((COOKIE, cookie), (TLS_OPTIONS, _tls_options(plan)), (NAMES, names)):
        replace_durably(root / name, text.encode(), PRIVATE)


def node_arguments(plan: ClusterPlan, root: Path) -> list[str]:
    """Return the arguments of Erlang for a node, with what starts ejabberd once it has joined the others."""
    interface = ",".join(str(plan.addresses[plan.node]).split("."))
    return [
        *("-name", _erlang_name(plan.node)),
        *("-start_epmd", "false", "-erl_epmd_port", str(plan.port)),
        *("-kernel", "inet_dist_use_interface", f"{{{interface}}}"),
        # From the start: one that ejabberd sets (`net_ticktime`) is in force a minute later.
        *("-kernel", "net_ticktime", str(NODE_LOST_S)),
        *("-proto_dist", "inet_tls", "-ssl_dist_optfile", str(root / TLS_OPTIONS)),
        *("-s", "cluster_member", "start", *map(_erlang_name, plan.addresses)),
    ]


def node_environment(root: Path) -> Mapping[str, str]:
    """Return the environment of a node, besides that of every private ejabberd: where the other nodes are."""
    return {"ERL_INETRC": str(root / NAMES)}


def _erlang_name(node: str) -> str:
    return f"steelyard@{node}"


def names_of(plan: ClusterPlan) -> list[str]:
    """Return a line for each node that says where it is, as Erlang reads it."""
    return [
        f"{{host, {{{','.join(str(address).split('.'))}}}, [{json.dumps(name)}]}}."
        for name, address in plan.addresses.items()
    ]


def _tls_options(plan: ClusterPlan) -> str:
    """Render the options of TLS: who connects wants the certificate of that node, who listens that of any node."""
    files = {
        "certfile": plan.certificates / f"{plan.node}.crt",
        "keyfile": plan.certificates / f"{plan.node}.key",
        "cacertfile": plan.certificates / "ca.crt",
    }
    options = ", ".join(f"{{{name}, {json.dumps(str(file))}}}" for name, file in files.items())
    both = f"{options}, {{verify, verify_peer}}, {{versions, ['tlsv1.3', 'tlsv1.2']}}"
    nodes = ", ".join(map(json.dumps, plan.addresses))
    checks = f"{{fail_if_no_peer_cert, true}}, {{verify_fun, {{fun cluster_member:is_node/3, [{nodes}]}}}}"
    return f"[{{server, [{both}, {checks}]}},\n {{client, [{both}]}}].\n"
