"""The nodes of an ejabberd cluster: the `[cluster]` table of site.toml (docs/ejabberd.md, "A cluster")."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import ClassVar

from pydantic import Field

from components.settings.table import DomainName, Port, SitePath, Table, find_missing


class ClusterNode(Table):
    """`[[cluster.nodes]]`: one node. Its certificate is in its name; at its address the others find it."""

    name: DomainName
    address: IPv4Address


class ClusterSettings(Table):
    """The nodes of the cluster, of which the first begins it, and which of them this is.

    `elsewhere` names the tables whose processes run on another node. The nodes prove to each other who they are by
    certificates of the site's own authority, and by the cookie, which is the same on all of them.
    """

    table_name: ClassVar[str] = "cluster"

    node: DomainName
    nodes: tuple[ClusterNode, ...] = Field(min_length=2)
    port: Port = 4370
    cookie_file: SitePath
    elsewhere: tuple[str, ...] = ()

    @property
    def address(self) -> IPv4Address | None:
        """The address of this node; None if it is none of the nodes."""
        return next((each.address for each in self.nodes if each.name == self.node), None)

    def find_problems(self) -> Iterator[str]:
        """Yield a line for a node that is not listed, for one that is listed twice, and for a missing cookie."""
        if self.address is None:
            yield f"cluster.node: {self.node} is none of cluster.nodes; add it there, or name one of them"
        names, addresses = [each.name for each in self.nodes], [each.address for each in self.nodes]
        if len(set(names)) < len(names) or len(set(addresses)) < len(addresses):
            yield "cluster.nodes: two have the same name or address; each node has its own"
        yield from find_missing("cluster.cookie_file", [self.cookie_file])
