"""Works out who is admitted to a site now, from its settings, its directory and its statements."""

from dataclasses import dataclass
from pathlib import Path

from components.archive.keys import KeyFileError
from components.archive.keys.log_key import load_verifier_keys
from components.archive.log.note import VerifierKey
from components.rules.access.folder import GrantsError, StatementFolder
from components.rules.access.note import approver_of, key_fingerprint
from components.settings.access import AccessSettings
from policy.access.admission import (
    Admission,
    Approver,
    Signed,
    Terms,
    find_acknowledged,
    find_admitted,
    judge,
    judge_requests,
    next_change_s,
)
from policy.access.statement import StatementError, notice_digest
from policy.address import BareJid
from policy.directory.directory import Directory
from policy.directory.enterprise import Role


@dataclass(frozen=True, slots=True)
class AccessState:
    """The state at a time: everybody's admission, who is admitted with which roles, who has acknowledged the notice.

    `next_change_s` (Unix time) is when the state may change by itself.
    """

    admissions: dict[BareJid, Admission]
    admitted: dict[BareJid, frozenset[Role]]
    acknowledged: frozenset[BareJid]
    next_change_s: int | None


class AccessRegister:
    """The statements of a site and the valid keys; `directory` arguments are directories before any restriction."""

    def __init__(self, settings: AccessSettings) -> None:
        """Read the approvers' keys; raises GrantsError."""
        self.settings = settings
        self._terms = Terms(settings.valid_days, settings.recertify_days)
        self._keys: list[tuple[VerifierKey, int | None]] = []
        try:
            for path in settings.approvers:
                self._keys += [(key, None) for key in _load(path)]
            for former in settings.former_approvers:
                self._keys += [(key, former.until_s) for key in _load(former.key)]
        except (KeyFileError, StatementError) as error:
            raise GrantsError(str(error)) from None
        self.folder = StatementFolder(settings.folder, [key for key, _ in self._keys])

    def approvers(self, directory: Directory) -> tuple[Approver, ...]:
        """Return whose signatures count: present approvers with a key here, and former approvers up to their end."""
        found = []
        for key, until_s in self._keys:
            jid = approver_of(key)
            person = directory.people.get(jid)
            enterprise = directory.find_enterprise(jid)
            is_approver = person is not None and Role.APPROVER in person.roles
            if enterprise is not None and (is_approver or until_s is not None):
                found.append(Approver(jid, enterprise, key_fingerprint(key), until_s))
        return tuple(found)

    def keys_of(self, directory: Directory) -> tuple[VerifierKey, ...]:
        """Return the keys of the present approvers, which sign new statements."""
        present = {each.key for each in self.approvers(directory) if each.until_s is None}
        return tuple(key for key, _ in self._keys if key_fingerprint(key) in present)

    def unused_keys(self, directory: Directory) -> list[str]:
        """Return the keys of people whom the settings name as approvers and the directory does not."""
        counting = {each.key for each in self.approvers(directory)}
        return [key.name for key, _ in self._keys if key_fingerprint(key) not in counting]

    def statements(self) -> tuple[Signed, ...]:
        """Read all statements; raises GrantsError."""
        return self.folder.fetch()

    def judge(self, directory: Directory, now_s: int) -> AccessState:
        """Work out the state at a time (Unix seconds); raises GrantsError if a statement is damaged.

        A grant for one enterprise does not admit a person whom the directory lists in another.
        """
        signed = self.statements()
        admissions = judge(signed, self.approvers(directory), self._terms, now_s)
        admitted = {
            person: roles
            for person, roles in find_admitted(admissions).items()
            if _enterprise_of(admissions[person]) == directory.find_enterprise(person)
        }
        acknowledged = find_acknowledged(signed, admissions, notice_digest(self.settings.notice))
        return AccessState(admissions, admitted, acknowledged, next_change_s(signed, admissions, now_s))

    def requests(self, directory: Directory, now_s: int) -> tuple[Admission, ...]:
        """Judge each request by itself; raises GrantsError if a statement is damaged."""
        approvers = self.approvers(directory)
        found = judge_requests(self.statements(), approvers, self._terms, now_s)
        return tuple(each for admissions in found.values() for each in admissions)


def _load(path: Path) -> list[VerifierKey]:
    keys = load_verifier_keys(path)
    for key in keys:
        approver_of(key)
    return keys


def _enterprise_of(admission: Admission) -> str | None:
    return admission.request.enterprise if admission.request else None
