"""Who may reach whom, by the definition alone: what decisions and rosters are compared with."""

from policy.address import BareJid
from policy.directory.directory import Directory, MemberKind


def may_reach(directory: Directory, a: BareJid, b: BareJid) -> bool:
    """Return whether two people may reach each other: of one enterprise, and kept apart by nothing; symmetric.

    Everybody reaches themselves. The JIDs are as the directory has them.
    """
    one, other = directory.members.get(a), directory.members.get(b)
    if one is None or other is None or one.enterprise != other.enterprise:
        return False
    return one.kind is other.kind is MemberKind.PERSON and not directory.borders.keeps_apart(a, b)
