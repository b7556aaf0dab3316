"""Tells the transfer component who may fetch files: whose sessions come from where, and who was sent which link."""

from xml.etree import ElementTree as ET

import structlog

from components.link.codec import Held
from components.rules.file_links import FileLinks, load_file_links
from components.rules.file_readers import ReaderRegister
from components.settings.site import SiteFile
from policy.address import bare
from policy.decision import Action, Decision
from policy.facts import Way

log = structlog.get_logger("gate")

_PASSES = frozenset({Action.RELEASE, Action.AMEND})


class Readers:
    """Hears of every submission and of what was decided on it, before the verdict goes out."""

    def __init__(self, register: ReaderRegister, links: FileLinks) -> None:
        self._register = register
        self._links = links

    def heard(self, held: Held, decision: Decision) -> None:
        """Note a session that begins or ends, and a link that goes to somebody.

        A submission that comes again changes nothing. It never raises: the line goes on, and files are not handed out.
        """
        try:
            self._take(held, decision)
        except Exception as error:  # a mistake of ours that this stanza brings out
            log.error("who may fetch files is not kept", error=type(error).__name__, seq=held.seq)

    def _take(self, held: Held, decision: Decision) -> None:
        self._register.begin(held.epoch)
        facts = held.facts
        if facts.way is Way.SESSION:
            self._take_event(held)
        elif decision.action in _PASSES and facts.to and (links := self._links.find_links_in(facts)):
            self._register.sent(links, bare(facts.to))

    def _take_event(self, held: Held) -> None:
        match held.facts.kind:
            case "bind" | "resume":
                event = _parse(held.body)
                self._register.arrived(held.session, bare(event.get("jid", "")), event.get("address", ""))
            case "unbind" | "hibernate":
                self._register.left(held.session)


def _parse(event: bytes) -> ET.Element:
    try:
        return ET.fromstring(event)  # noqa: S314 - the adapter's own
    except ET.ParseError:  # another adapter's mistake, which is recorded as it came
        return ET.Element("nothing")


def load_readers(site: SiteFile) -> Readers | None:
    """Return what tells it, None unless files are fetched by sessions; raises SettingsError and KeyFileError."""
    transfer, links = site.transfer, load_file_links(site)
    if transfer is None or links is None or transfer.sessions_file is None:
        return None
    return Readers(ReaderRegister(transfer.sessions_file), links)
