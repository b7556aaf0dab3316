"""What of site.toml a site on ejabberd cannot do yet: each is refused by its name, none is left out in silence."""

from collections.abc import Iterator

from components.process.errors import SiteError
from components.settings.prosody import ProsodySettings
from components.settings.site import SiteFile

EJABBERD = "ejabberd"

# By setting of [prosody].
_SETTINGS = {
    "storage": "the server keeps its data in files of its own",
}
CAN_BE_ELSEWHERE = ("roster", "access", "transfer", "directory", "console", "witness", "indexer")
"""The tables whose process serves all nodes of a cluster from one of them."""
_ADVICE = "take it out, or run Prosody (docs/ejabberd.md)"


def find_unsupported(site: SiteFile) -> Iterator[str]:
    """Yield a line for each setting of a site on ejabberd that this server cannot do yet; raises SettingsError."""
    if site.site.server != EJABBERD:
        if site.cluster is not None:
            yield "cluster: only ejabberd has clusters; take it out, or make another site (docs/sites.md)"
        return
    yield from _cluster_problems(site)
    if site.prosody.attached_to is not None and site.federation:
        yield f"federation: an attached ejabberd keeps its own rules of whose certificates count; {_ADVICE}"
    for name, what in _SETTINGS.items():
        if getattr(site.prosody, name) != ProsodySettings.model_fields[name].get_default(
            call_default_factory=True
        ):
            yield f"prosody.{name}: with ejabberd {what}; {_ADVICE}"
    if site.prosody.web and site.prosody.web.bosh_path:
        yield 'prosody.web.bosh_path: with ejabberd browsers come by WebSocket alone; write bosh_path = ""'
    if site.gate.observes and site.prosody.attached_to is None:
        yield f"gate.mode: a private ejabberd tells nobody that the gate only observes; {_ADVICE}"


def _cluster_problems(site: SiteFile) -> Iterator[str]:
    cluster = site.cluster
    if cluster is None:
        return
    if site.prosody.attached_to is not None:
        yield "cluster: a server that runs without us has its own; take it out (docs/attach.md)"
    if site.federated_domains:
        yield (
            "federation: a cluster has no other sites yet; take them out here, or run one server without "
            "[cluster] (docs/ejabberd.md)"
        )
    for name in cluster.elsewhere:
        if name not in CAN_BE_ELSEWHERE:
            known = ", ".join(CAN_BE_ELSEWHERE)
            yield f"cluster.elsewhere: {name} cannot run on another node, only {known}; take it out"


def refuse_ejabberd(site: SiteFile, what: str) -> None:
    """Raise SiteError if the site runs ejabberd, with which `what` cannot be done yet."""
    if site.site.server == EJABBERD:
        raise SiteError(f"{what} cannot be done with ejabberd yet: docs/ejabberd.md says what can")
