"""Checks that site.toml and directory.toml agree on the gate, the roster component, and the server's domains."""

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet

from components.settings.site import SiteFile, skip_wrong
from policy.directory.directory import Directory, DirectoryError, parse_directory


def find_disagreements(site: SiteFile) -> Iterator[str]:
    """Yield a line for each mistake in directory.toml, or for each difference of the two; raises SettingsError."""
    file = site.gate.directory_file
    if not file.is_file():
        return  # which is told as missing
    try:
        directory = parse_directory(file.read_text())
    except DirectoryError as error:
        yield from (f"{file.name}: {problem}" for problem in error.problems)
        return
    except (OSError, UnicodeDecodeError) as error:
        yield f"gate.directory: {file} cannot be read: {error}"
        return
    for check in (_gate_problems, _server_problems, _roster_problems, _transfer_problems, _auditor_problems):
        yield from skip_wrong(check(site, directory))


def _gate_problems(site: SiteFile, directory: Directory) -> Iterator[str]:
    if site.gate.jid != directory.gate:
        name = site.gate.directory_file.name
        yield f"gate.jid: {site.gate.jid} is not the gate of {name}; write {directory.gate}"


def _roster_problems(site: SiteFile, directory: Directory) -> Iterator[str]:
    roster, name = site.roster, site.gate.directory_file.name
    if roster and directory.roster != roster.jid:
        yield f'roster.jid: {roster.jid} is not the roster of {name}; write roster = "{roster.jid}" there'


def _transfer_problems(site: SiteFile, directory: Directory) -> Iterator[str]:
    transfer, name = site.transfer, site.gate.directory_file.name
    if transfer and directory.transfer != transfer.jid:
        yield f'transfer.jid: {transfer.jid} is not the transfer of {name}; write transfer = "{transfer.jid}" there'
    if directory.transfer and not transfer:
        yield f"{name} names {directory.transfer} for files, and {site.path.name} has no table [transfer]; take it out"


def _auditor_problems(site: SiteFile, directory: Directory) -> Iterator[str]:
    known, name = {each.id for each in directory.enterprises}, site.gate.directory_file.name
    for auditor in site.audit.auditors:
        for enterprise in sorted(set(auditor.enterprises or ()) - known):
            yield f"audit.auditors: {auditor.id} is to see {enterprise}, which is no enterprise of {name}"


def _server_problems(site: SiteFile, directory: Directory) -> Iterator[str]:
    server, name = site.prosody, site.gate.directory_file.name
    domains = {each.domain for firm in directory.enterprises for each in firm.sites}
    rooms = {each.rooms for firm in directory.enterprises for each in firm.sites if each.rooms}
    federated = set(site.federated_domains)
    stated = site.federation.all_domains if site.federation else ()
    yield from _compare("prosody.domains", server.domains, domains - federated, name)
    yield from _compare("prosody.room_domains", server.room_domains, rooms - federated, name)
    known = domains | rooms
    yield from _strangers("prosody.federated_domains", set(server.federated_domains) - known, name)
    yield from _strangers("federation.sites", set(stated) - known, name)


def _strangers(setting: str, domains: Collection[str], file_name: str) -> Iterator[str]:
    for domain in sorted(domains):
        yield f"{setting}: {domain} is no site of {file_name}; add the site there, or remove it here"


def _compare(
    setting: str, served: Collection[str], listed: AbstractSet[str], file_name: str
) -> Iterator[str]:
    yield from _strangers(setting, set(served) - listed, file_name)
    for domain in sorted(listed - set(served)):
        yield (
            f"{setting}: {domain} of {file_name} is missing; add it here, "
            "or to federation.sites when another server has it"
        )
