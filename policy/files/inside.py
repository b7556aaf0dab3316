"""Rules for files on those that are inside a stanza: as far as they can be decided on without opening the file."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from policy.address import bare
from policy.content.rule import ContentAction, Rule, Uploads
from policy.decision import Action, Decision
from policy.directory.directory import Directory
from policy.facts import StanzaFacts
from policy.files.carried import CarriedFile, Carrier
from policy.files.decide import FileRules
from policy.files.denied import DeniedHashes
from policy.files.facts import ContentFacts, FileFacts
from policy.files.outcome import SAID_BY_PEOPLE
from policy.files.sent import SentRules, act_on_files, desks_of, find_desks
from policy.files.slot import Purpose

if TYPE_CHECKING:
    from policy.content.policy import ContentPolicy

# Elements that are a file themselves: their text is not among what a stanza shows.
_CARRYING = frozenset(
    {
        "{urn:xmpp:bob}data",
        "{urn:xmpp:avatar:data}data",
        "{vcard-temp}BINVAL",
        "{urn:ietf:params:xml:ns:vcard-4.0}uri",
    }
)
# policy.files.encoded: a shorter run is no file.
_LEAST_CHARACTERS = 256
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_TO_A = bytes(ord("a") if byte in _ALPHABET else ord(" ") for byte in range(256))
_RUN = b"a" * 40
_OF_PROFILES = frozenset({Carrier.AVATAR, Carrier.VCARD})


def may_carry(facts: StanzaFacts) -> bool:
    """Return whether a stanza may have a file inside: quick, and never false where `find_carried` finds one."""
    if not _CARRYING.isdisjoint(facts.elements):
        return True
    return _may_hold(facts.text) or _may_hold(facts.joined) or any(map(_may_hold, facts.attributes))


def _may_hold(text: str) -> bool:
    """Return whether there may be a `data:` URI or a run of Base64 in a text."""
    if ":" in text and "data:" in text.lower():
        return True
    if len(text) < _LEAST_CHARACTERS:
        return False
    # Several times as quick as a regular expression.
    return _RUN in text.encode(errors="replace").translate(_TO_A)


class InsideRules:
    """The rules for files, of a policy, if there is one, and our own; `refused_types` are as for FileRules.

    No process looks into these files. So their type is what the stanza says, an archive's members are not known, and
    of all marks only `denied-hash` is.
    """

    def __init__(self, policy: "ContentPolicy | None", refused_types: Collection[str] = ()) -> None:
        self._rules = FileRules(policy, refused_types, must_be_scanned=False)
        self._sent_rules = SentRules(policy)
        has_own = any(isinstance(rule.matched, Uploads) for rule in (policy.rules if policy else ()))
        self._matters = bool(has_own or refused_types)

    def matters(self, denied: DeniedHashes) -> bool:
        """Return whether there is any rule that could match."""
        return self._matters or bool(denied.hashes)

    def decide(
        self,
        first: Decision,
        directory: Directory,
        facts: StanzaFacts,
        files: Iterable[CarriedFile],
        denied: DeniedHashes,
    ) -> Decision:
        """Return the decision on a stanza with these files inside; `first` is what else was decided.

        What is held waits with its stanza; what cannot wait is refused.
        """
        if first.action is Action.REFUSE or facts.way not in SAID_BY_PEOPLE:
            return first
        desks, to = desks_of(directory, (bare(facts.sender),)), find_desks(directory, facts)
        found: dict[str, Rule] = {}
        for file in files:
            if file.content is not None:
                known = _describe(file, facts.sender, denied)
                matching = self._rules.find_rules(known, "".join(desks))
                for rule in (*matching, *self._sent_rules.find_rules(known, desks, to)):
                    # No metadata are taken out of a file that is a part of a stanza.
                    if rule.action is not ContentAction.AMEND:
                        found[rule.id] = rule
        return act_on_files(first, facts, [found[id_] for id_ in sorted(found)])


def _describe(file: CarriedFile, sender: str, denied: DeniedHashes) -> FileFacts:
    mark = denied.find(file.sha256)
    content = ContentFacts(file.media_type, frozenset({mark} if mark else ()))
    purpose = Purpose.PROFILE if file.carrier in _OF_PROFILES else Purpose.MESSAGE
    return FileFacts(bare(sender), file.name, file.media_type, file.size_bytes, file.sha256, purpose, content)
