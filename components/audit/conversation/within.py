"""What of conversations an auditor may read: each record by whose it is, as in a search, whoever else takes part."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.audit.auditor import Auditor
from components.audit.conversation.said import Said
from components.audit.index.talk import fold_bare
from policy.directory.directory import Directory


@dataclass(frozen=True, slots=True)
class Within:
    """The limits of an auditor, by the directory of today; without one, they see nothing of any enterprise."""

    auditor: Auditor
    directory: Directory | None

    def has(self, jid: str) -> bool:
        """Return whether somebody is of an enterprise that the auditor may see: only then are they told by name."""
        return self.auditor.enterprises is None or self.auditor.may_see(self._owner(jid))

    def has_said(self, said: Said) -> bool:
        """Return whether a record is within: it is its sender's, or its recipient's if the sender is of no enterprise.

        So what a stranger tried to say to somebody is theirs, and is not read in the other's conversations. What is
        destroyed or missing is told as a gap, whoever said it.
        """
        if self.auditor.enterprises is None or said.submission is None:
            return True
        return self.auditor.may_see(self._owner(said.sender) or self._owner(said.to))

    def keep(self, conversations: Mapping[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
        """Return those in which somebody of these enterprises takes part."""
        return {
            number: pair for number, pair in conversations.items() if any(map(self.has, filter(None, pair)))
        }

    def _owner(self, jid: str) -> str:
        found = self.directory.find_enterprise(fold_bare(jid)) if self.directory and jid else None
        return found or ""
