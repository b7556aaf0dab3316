"""Whether a link to a file may be sent to somebody: only to those who may be sent something by the file's owner."""

from collections.abc import Iterable
from dataclasses import replace

from policy.address import BareJid
from policy.decision import Action, Decision, refuse
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.reach.affiliation import decide_affiliation
from policy.reach.occupancy import NOBODY, Occupancy

OUT_OF_REACH = refuse(
    "file-reach",
    "cancel",
    "not-allowed",
    "Whoever uploaded this file may not send it there, so the link was not sent. Please upload a copy of your own.",
)


def decide_file_links(
    directory: Directory, facts: StanzaFacts, owners: Iterable[BareJid], present: Occupancy = NOBODY
) -> Decision | None:
    """Return the refusal of a stanza that names files of `owners` who may not reach its recipient, or None."""
    for owner in owners:
        by_owner = replace(
            facts, way=Way.C2S, sender=f"{owner}/file", type="chat" if facts.type == "chat" else facts.type
        )
        if decide_affiliation(directory, by_owner, present).action is Action.REFUSE:
            return OUT_OF_REACH
    return None
