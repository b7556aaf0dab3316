"""How texts of others are put into formats: what a format cannot hold is replaced, nothing is taken as markup."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from xml.sax.saxutils import escape, quoteattr

from policy.files.name import clean_name

# Others hand an export on to systems whose file names cannot have them.
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_SURROGATES = re.compile("[\ud800-\udfff]")
# XML 1.0, 2.2: all that is no Char.
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_unicode(text: str) -> str:
    """Return a text that has UTF-8: a lone half of a surrogate is replaced."""
    return _SURROGATES.sub(REPLACEMENT, text)


def clean_value(value: object) -> object:
    """Return a value of JSON whose texts all have UTF-8."""
    match value:
        case str():
            return clean_unicode(value)
        case list() | tuple():
            return [clean_value(each) for each in value]
        case dict():
            return {name: clean_value(each) for name, each in value.items()}
    return value


def clean_xml(text: str) -> str:
    """Return a text that XML 1.0 can hold: any other character is replaced."""
    return _NOT_IN_XML.sub(REPLACEMENT, text)


def escape_xml(text: str) -> str:
    """Return a text as XML's or HTML's content; a carriage return is kept through reading (XML 1.0, 2.11)."""
    return escape(clean_xml(text), {"\r": "&#13;"})


def escape_attribute(text: str) -> str:
    """Return a text as the value of an attribute, in quotes."""
    return quoteattr(clean_xml(text), {"\r": "&#13;"})


def one_line(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())


def time_in(at_ns: int, zone: tzinfo) -> datetime:
    """Return a time in a zone, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=at_ns // 1000)).astimezone(zone)


def write_time(at_ns: int, zone: tzinfo) -> str:
    """Write a time with its offset (RFC 3339), to the microsecond."""
    return time_in(at_ns, zone).isoformat(timespec="microseconds")


def write_time_for_people(at_ns: int, zone: tzinfo) -> str:
    """Write a time with its offset, to the second."""
    written = time_in(at_ns, zone).isoformat(" ", "seconds")
    return f"{written[:19]} {written[19:].replace(':', '')}"


def file_name(text: str, most_bytes: int = 80) -> str:
    """Return one part of a path that says what a text says, as far as it fits and can mislead nobody."""
    text = clean_name(clean_unicode(text)).translate(_NOT_IN_NAMES)
    return text.encode()[:most_bytes].decode(errors="ignore").strip(" .") or "_"
