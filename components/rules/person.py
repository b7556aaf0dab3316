"""Whom somebody means who writes an address, on a command line or in a form."""

from components.process.errors import SiteError
from policy.address import AddressError, BareJid, parse_bare_jid


def read_jid(text: str) -> BareJid:
    """Return the JID that a text is, as the server prepares it; raises SiteError that says what to write instead.

    A text that the server would prepare differently is not taken as what the server makes of it: whoever signs
    something, or holds somebody's records, is to read the address that counts.
    """
    try:
        return parse_bare_jid(text)
    except AddressError as error:
        raise SiteError(str(error)) from None
