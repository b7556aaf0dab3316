"""Rules of kind `file` that say to which desks: they decide when a link is sent, not when its file is put."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy.address import BareJid, bare
from policy.content.rule import STRENGTH, ContentAction, Rule, Uploads
from policy.decision import Action, Decision
from policy.directory.directory import Directory, MemberKind
from policy.facts import StanzaFacts
from policy.files import built_in
from policy.files.facts import FileFacts
from policy.files.match import FileMatcher
from policy.files.outcome import (
    SAID_BY_PEOPLE,
    can_wait,
    hold_for_files,
    is_published,
    refuse_for_files,
    tell_for_files,
)

if TYPE_CHECKING:
    from policy.content.policy import ContentPolicy

_UNKNOWN_TEXT = "Nobody can tell now what the file of this link is."


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file whose link is sent; None if nobody knows what it is. `desks` are those of its owner and of the sender."""

    facts: FileFacts | None
    desks: frozenset[str]


class SentRules:
    """The rules of a policy, if there is one, that say to which desks a file may not go; false if there are none."""

    def __init__(self, policy: "ContentPolicy | None") -> None:
        self._by_id = {
            rule.id: rule
            for rule in (policy.rules if policy else ())
            if isinstance(rule.matched, Uploads) and rule.matched.to_desks
        }
        self._matcher = FileMatcher(self._by_id.values())

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def find_rules(self, file: FileFacts, desks: Collection[str], to: Collection[str]) -> list[Rule]:
        """Return the rules that match a file from these desks, to people of those."""
        return [self._by_id[id_] for id_ in self._matcher.find_rules_to(file, desks, to)]

    def decide(
        self, first: Decision, facts: StanzaFacts, files: Iterable[SentFile], to: Collection[str]
    ) -> Decision:
        """Return the decision on a stanza with links to files, `to` people of these desks; `first` is what else was.

        The strongest of all matching rules wins. What nobody knows is held where it might match, or refused if it
        cannot wait.
        """
        if first.action is Action.REFUSE or facts.way not in SAID_BY_PEOPLE:
            return first
        found: dict[str, Rule] = {}
        is_unknown = False
        for file in files:
            if file.facts is not None:
                found |= {rule.id: rule for rule in self.find_rules(file.facts, file.desks, to)}
            else:
                is_unknown |= any(_may_match(rule.matched, file.desks, to) for rule in self._by_id.values())
        rules = [found[id_] for id_ in sorted(found)]
        if is_unknown and all(rule.action is not ContentAction.REFUSE for rule in rules):
            ids = (built_in.HELD, *(rule.id for rule in rules))
            hold = hold_for_files(first, facts, ids, _UNKNOWN_TEXT)
            return hold if can_wait(facts) else refuse_for_files(first, ids, _UNKNOWN_TEXT)
        return act_on_files(first, facts, rules)


def act_on_files(first: Decision, facts: StanzaFacts, rules: Collection[Rule]) -> Decision:
    """Return the decision on a stanza whose files match these rules, in the order of their ids.

    Of several with the strongest action, the text is that of the first. What cannot wait is refused, not held.
    """
    if not rules:
        return first
    strongest = max(rules, key=lambda rule: STRENGTH[rule.action])
    ids = tuple(rule.id for rule in rules)
    if strongest.action is ContentAction.REFUSE:
        return refuse_for_files(first, ids, strongest.text)
    if strongest.action is ContentAction.HOLD:
        hold = hold_for_files(first, facts, ids, strongest.text)
        return hold if can_wait(facts) else refuse_for_files(first, ids, strongest.text)
    return tell_for_files(first, ids, strongest.text)


def _may_match(wanted: object, desks: Collection[str], to: Collection[str]) -> bool:
    return (
        isinstance(wanted, Uploads)
        and not set(wanted.to_desks).isdisjoint(to)
        and (not wanted.desks or not set(wanted.desks).isdisjoint(desks))
    )


def find_desks(directory: Directory, facts: StanzaFacts) -> frozenset[str]:
    """Return the desks of those who may get a stanza: of a person, or of everybody who may enter a room.

    What goes to nobody in particular (a presence, an avatar that is published) goes to all desks of the enterprise.
    """
    to, sender = bare(facts.to), bare(facts.sender)
    member = directory.members.get(to or sender)
    if member is None:
        return frozenset()
    published = is_published(facts)
    if member.kind is MemberKind.PERSON and not published:
        return desks_of(directory, (to,))
    if member.kind is not MemberKind.ROOM and not published:
        return frozenset()
    (firm,) = (firm for firm in directory.enterprises if firm.id == member.enterprise)
    people = (person.jid for person in firm.people)
    return desks_of(directory, (jid for jid in people if published or not directory.borders.closes(to, jid)))


def desks_of(directory: Directory, people: Iterable[BareJid]) -> frozenset[str]:
    """Return the desks of people."""
    found = (directory.people.get(jid) for jid in people)
    return frozenset(person.desk for person in found if person is not None and person.desk)
