"""Whether a link to a file may be sent to somebody: only to those who may be sent something by the file's owner."""

from collections.abc import Iterable
from dataclasses import replace

from policy.address import BareJid
from policy.decision import Action, Decision, refuse
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.files.outcome import SAID_BY_PEOPLE
from policy.reach.affiliation import decide_affiliation
from policy.reach.occupancy import NOBODY, Occupancy

OUT_OF_REACH = refuse(
    "file-reach",
    "cancel",
    "not-allowed",
    "Whoever uploaded this file may not send it there, so the link was not sent. Please upload a copy of your own.",
)


def decide_file_links(
    first: Decision,
    directory: Directory,
    facts: StanzaFacts,
    owners: Iterable[BareJid],
    present: Occupancy = NOBODY,
) -> Decision:
    """Return the decision on a stanza with links to files of `owners`: all of them must be able to reach its recipient.

    `first` is what else was decided; a refusal stays as it is. Asked of what people say.
    """
    if first.action is Action.REFUSE or facts.way not in SAID_BY_PEOPLE:
        return first
    for owner in owners:
        by_owner = facts._replace(way=Way.C2S, sender=f"{owner}/file")
        if decide_affiliation(directory, by_owner, present).action is Action.REFUSE:
            return replace(OUT_OF_REACH, rules=first.rules + OUT_OF_REACH.rules)
    return first
