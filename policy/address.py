"""JIDs: the parts of prepared ones, and checks of those that a person wrote (RFC 7622).

Two texts are one address when the server prepares them to the same (policy.stringprep). So a text that a server would
change is refused, and the error says the server's form. A text that newer rules (PRECIS, IDNA 2008) forbid is also
refused.
"""

import unicodedata
from typing import NewType

from policy.stringprep import StringprepError, nameprep, nodeprep

BareJid = NewType("BareJid", str)
Domain = NewType("Domain", str)

PART_MAX_BYTES = 1023
LABEL_MAX_BYTES = 63

# RFC 8264, 9.1
_LETTER_DIGITS = frozenset({"Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd"})
# RFC 7622, 3.3.1
_NOT_IN_LOCALPART = frozenset("\"&'/:<>@")


class AddressError(ValueError):
    """A text is not a JID in a server's form; the message says what to write instead."""


def bare(jid: str) -> BareJid:
    """Return a prepared JID without its resource (RFC 7622, 3.1: all before the first `/`)."""
    return BareJid(jid.partition("/")[0])


def domain_of(jid: str) -> Domain:
    """Return the domain of a prepared JID: all of the bare JID after its first `@` (RFC 7622, 3.1)."""
    account, at, domain = jid.partition("/")[0].partition("@")
    return Domain(domain if at else account)


def notice_address(component: str) -> BareJid:
    """Return the address from which a component of the line writes to people.

    It is not the bare domain: some clients show messages from a domain as announcements, which nobody can answer
    (docs/decisions/0135).
    """
    return BareJid(f"notice@{component}")


def parse_bare_jid(text: str) -> BareJid:
    """Check a JID of the form `localpart@domain`, and return it; raises AddressError.

    It must be written as the server prepares it, or it would never be found, or be another person's.
    """
    if "/" in text:
        raise AddressError(f"{text!r} has a resource: leave out the '/' and what follows")
    local, at, domain = text.partition("@")
    if not at:
        raise AddressError(f"{text!r} has no '@': write name@domain")
    _check_prepared(text, local, "the part before the '@'")
    for char in local:
        if not _fits_localpart(char):
            raise AddressError(f"{text!r} has {char!r} before the '@': use letters, digits and . _ - +")
    try:
        known_as = local if local.isascii() else nodeprep(local)
    except StringprepError as error:
        raise AddressError(f"{text!r}: no server takes the part before the '@': {error}") from None
    if known_as != local:
        raise AddressError(f"{text!r} is {known_as!r} to the server: write '{known_as}@{domain}'")
    _check_domain(text, domain)
    return BareJid(text)


def fold_address(text: str) -> str:
    """Return a JID, or a part of one, as a server would compare it; unchanged if no server would accept it.

    A dot at the end of a domain, which stands for the root of DNS, makes no difference (RFC 7622, 3.2).
    """
    local, at, domain = text.partition("@")
    try:
        return nodeprep(local) + at + nameprep(domain).removesuffix(".")
    except StringprepError:
        return text


def parse_domain(text: str) -> Domain:
    """Check a domain name (also of a component, RFC 7622, 3.2), and return it; raises AddressError."""
    if "@" in text or "/" in text:
        raise AddressError(f"{text!r} is an account or a resource: write the domain alone")
    _check_domain(text, text)
    return Domain(text)


def _check_domain(text: str, domain: str) -> None:
    _check_prepared(text, domain, "the domain")
    for label in domain.split("."):
        if not label:
            raise AddressError(f"{text!r} has an empty part between the dots of its domain")
        if len(label.encode()) > LABEL_MAX_BYTES:
            raise AddressError(f"{text!r} has a part of more than {LABEL_MAX_BYTES} bytes in its domain")
        if label[0] == "-" or label[-1] == "-":
            raise AddressError(f"{text!r} has a part of its domain that starts or ends with '-'")
        for char in label:
            if char != "-" and unicodedata.category(char) not in _LETTER_DIGITS:
                raise AddressError(f"{text!r} has {char!r} in its domain: use letters, digits and -")
    if not domain.isascii() or "xn--" in domain:
        _check_international(text, domain)


def _check_international(text: str, domain: str) -> None:
    """Check that a domain is in the only spelling that a server leaves unchanged, and has a form for DNS (RFC
    5890).
    """
    # Most domains are of ASCII, and its tables take a while to import.
    import idna

    try:
        known_as = nameprep(domain)
        ascii_form = idna.encode(domain).decode()
        letters = idna.decode(ascii_form)
        unambiguous = nameprep(letters) == letters
    except StringprepError as error:
        raise AddressError(f"{text!r}: no server takes its domain: {error}") from None
    except idna.IDNAError as error:
        raise AddressError(f"{text!r}: its domain cannot be one in DNS: {error}") from None
    if known_as != domain:
        raise AddressError(f"{text!r}: the server knows {domain!r} as {known_as!r}: write {ascii_form!r}")
    if unambiguous and letters != domain:
        raise AddressError(f"{text!r}: write {letters!r} instead of {domain!r}")


def _check_prepared(text: str, part: str, name: str) -> None:
    if not part:
        raise AddressError(f"{text!r}: {name} is empty")
    try:
        size_bytes = len(part.encode())
    except UnicodeEncodeError:
        raise AddressError(f"{text!r}: {name} is no valid Unicode") from None
    if size_bytes > PART_MAX_BYTES:
        raise AddressError(f"{name} has {size_bytes} bytes: at most {PART_MAX_BYTES} are allowed")
    if part != part.lower():
        raise AddressError(f"{text!r} has capital letters: write {text.lower()!r}")
    if part != unicodedata.normalize("NFKC", part):
        raise AddressError(
            f"{text!r} is not in Unicode normal form: write {unicodedata.normalize('NFKC', text)!r}"
        )


def _fits_localpart(char: str) -> bool:
    if char.isascii():
        return "!" <= char <= "~" and char not in _NOT_IN_LOCALPART
    return unicodedata.category(char) in _LETTER_DIGITS
