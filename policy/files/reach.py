"""Whether a link to a file may be sent to somebody: only to those who may be sent something by the file's owner."""

from collections.abc import Iterable
from dataclasses import replace

from policy.address import BareJid, bare
from policy.decision import Action, Decision, refuse
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.files.outcome import SAID_BY_PEOPLE, is_published
from policy.reach.affiliation import decide_affiliation, reachable_people
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
    may = _may_publish if is_published(facts) else _may_send
    if all(may(directory, facts, owner, present) for owner in owners):
        return first
    return replace(OUT_OF_REACH, rules=first.rules + OUT_OF_REACH.rules)


def _may_send(directory: Directory, facts: StanzaFacts, owner: BareJid, present: Occupancy) -> bool:
    by_owner = facts._replace(way=Way.C2S, sender=f"{owner}/file")
    return decide_affiliation(directory, by_owner, present).action is not Action.REFUSE


def _may_publish(directory: Directory, facts: StanzaFacts, owner: BareJid, _present: Occupancy) -> bool:
    """Return whether the owner may reach everybody who may follow the sender."""
    sender = bare(facts.sender)
    if owner == sender or facts.kind == "message":
        return True
    by_sender, by_owner = reachable_people(directory, sender), reachable_people(directory, owner)
    return {person.jid for person in by_sender} <= {owner, *(person.jid for person in by_owner)}
