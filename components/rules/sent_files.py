"""Decides on stanzas that carry links to uploaded files: may they go there, and does the file?"""

import time
from collections.abc import Callable, Iterable

from components.rules.file_links import FileLink, FileLinks, load_file_links
from components.rules.file_states import FileStates
from components.settings.site import SiteFile
from policy.address import BareJid, bare
from policy.decision import Decision
from policy.facts import StanzaFacts
from policy.files.reach import decide_file_links
from policy.files.sent import SentFile, SentRules, desks_of, find_desks
from policy.files.standing import decide_standings
from policy.reach.occupancy import NOBODY, Occupancy
from policy.rules import Rules

_MOST_KEPT = 4096


class SentFiles:
    """The files of a site, as the gate decides on their links; `clock_s` gives Unix time."""

    def __init__(
        self, links: FileLinks, states: FileStates, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._links = links
        self._states = states
        self._clock_s = clock_s
        self._rules: Rules | None = None
        self._sent_rules = SentRules(None)
        # To whom something goes, since of rooms, and of what is published, everybody is looked at.
        self._desks: dict[tuple[BareJid, BareJid, str], frozenset[str]] = {}

    def decide(
        self,
        first: Decision,
        rules: Rules,
        facts: StanzaFacts,
        present: Occupancy = NOBODY,
        *,
        again: bool = False,
    ) -> Decision:
        """Return the decision on a stanza, of which `first` is what else was decided."""
        links = self._links.find_links_in(facts)
        if not links:
            return first
        owners = {link.owner for link in links}
        reached = decide_file_links(first, rules.directory, facts, owners, present)
        now_s = self._clock_s()
        stood = decide_standings(reached, facts, self._states.read(links, now_s), again=again)
        if again:
            # A reviewer has read it, and knows to whom it goes.
            return stood
        if rules is not self._rules:
            self._rules, self._sent_rules, self._desks = rules, SentRules(rules.content), {}
        if not self._sent_rules:
            return stood
        return self._decide_to(stood, rules, facts, [link for link in links if link.until_s > now_s])

    def decide_again(
        self, first: Decision, rules: Rules, facts: StanzaFacts, present: Occupancy = NOBODY
    ) -> Decision:
        """Return the decision on a stanza that goes out after a review: its files must be open by now."""
        return self.decide(first, rules, facts, present, again=True)

    def _decide_to(
        self, first: Decision, rules: Rules, facts: StanzaFacts, links: Iterable[FileLink]
    ) -> Decision:
        """Decide by the rules that say to which desks a file may go."""
        directory, sender = rules.directory, bare(facts.sender)
        whom = (bare(facts.to), sender, facts.kind)
        if (to := self._desks.get(whom)) is None:
            if len(self._desks) >= _MOST_KEPT:
                self._desks.clear()
            to = self._desks[whom] = find_desks(directory, facts)
        files = [
            SentFile(self._states.read_facts(link), desks_of(directory, (link.owner, sender)))
            for link in links
        ]
        return self._sent_rules.decide(first, facts, files, to)


def load_sent_files(site: SiteFile) -> SentFiles | None:
    """Return what decides on links to a site's files, None where it takes none; raises SettingsError, KeyFileError."""
    transfer, links = site.transfer, load_file_links(site)
    return SentFiles(links, FileStates(transfer.state_file)) if transfer and links else None
