"""What somebody may change of their own account: its password, and nothing else (XEP-0077, 3.2 and 3.3)."""

from policy.address import bare, domain_of
from policy.decision import refuse
from policy.facts import StanzaFacts, Way

ACCOUNT_CHANGE = refuse(
    "account-change",
    "cancel",
    "not-allowed",
    "Of an account on this line only the password can be changed. "
    "Accounts are made and removed by your firm: ask your compliance desk.",
)

_REGISTER = "{jabber:iq:register}"
_QUERY, _USERNAME, _PASSWORD = _REGISTER + "query", _REGISTER + "username", _REGISTER + "password"
# The adapter puts it where the password was (docs/gate-protocol.md, section 4.1): it is in no record.
_REDACTED = "{urn:steelyard:gate:0}redacted"
_CHANGES = (
    (_QUERY, _USERNAME, _PASSWORD, _REDACTED),
    (_QUERY, _PASSWORD, _REDACTED, _USERNAME),
)


def changes_password(facts: StanzaFacts) -> bool:
    """Return whether a client only changes a password; of whose account, the server checks (XEP-0077, 3.3)."""
    return facts.elements in _CHANGES and _is_set_at_own_account(facts)


def is_account_change(facts: StanzaFacts) -> bool:
    """Return whether a client would change something else of its account, or end it."""
    elements = facts.elements
    is_register = bool(elements) and elements[0].startswith(_REGISTER)
    return is_register and _is_set_at_own_account(facts) and elements not in _CHANGES


def _is_set_at_own_account(facts: StanzaFacts) -> bool:
    """Return whether a client's own account is told something; some clients say it to their server instead."""
    if facts.way is not Way.C2S or facts.kind != "iq" or facts.type == "get":
        return False
    return bare(facts.to) in ("", bare(facts.sender), domain_of(facts.sender))
