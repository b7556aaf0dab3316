"""Decides on stanzas that carry links to uploaded files: may they go there, and does the file?"""

import time
from collections.abc import Callable

from components.rules.file_links import FileLinks, load_file_links
from components.rules.file_states import FileStates
from components.settings.site import SiteFile
from policy.decision import Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts
from policy.files.reach import decide_file_links
from policy.files.standing import decide_standings
from policy.reach.occupancy import NOBODY, Occupancy


class SentFiles:
    """The files of a site, as the gate decides on their links; `clock_s` gives Unix time."""

    def __init__(
        self, links: FileLinks, states: FileStates, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._links = links
        self._states = states
        self._clock_s = clock_s

    def decide(
        self,
        first: Decision,
        directory: Directory,
        facts: StanzaFacts,
        present: Occupancy = NOBODY,
        *,
        again: bool = False,
    ) -> Decision:
        """Return the decision on a stanza, of which `first` is what else was decided."""
        links = self._links.find_links((facts.text, facts.joined, *facts.attributes))
        if not links:
            return first
        owners = {link.owner for link in links}
        reached = decide_file_links(first, directory, facts, owners, present)
        return decide_standings(reached, facts, self._states.read(links, self._clock_s()), again=again)

    def decide_again(
        self, first: Decision, directory: Directory, facts: StanzaFacts, present: Occupancy = NOBODY
    ) -> Decision:
        """Return the decision on a stanza that goes out after a review: its files must be open by now."""
        return self.decide(first, directory, facts, present, again=True)


def load_sent_files(site: SiteFile) -> SentFiles | None:
    """Return what decides on links to a site's files, None where it takes none; raises SettingsError, KeyFileError."""
    transfer, links = site.transfer, load_file_links(site)
    return SentFiles(links, FileStates(transfer.state_file)) if transfer and links else None
