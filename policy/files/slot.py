"""Whether somebody gets a slot for a file (XEP-0363, 4 and 5): by its size, its type, and what was uploaded already."""

from dataclasses import dataclass
from enum import StrEnum

from policy.files.media_type import UNTYPED


class Purpose(StrEnum):
    """What a file is uploaded for (XEP-0363, 5).

    A `message` refers to it, or somebody's `profile` does, which is small. An `ephemeral` one is not needed any more
    after a time that the client names.
    """

    MESSAGE = "message"
    PROFILE = "profile"
    EPHEMERAL = "ephemeral"


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """A request for a slot. `expire_before_s` is Unix time, and only an ephemeral file has one."""

    name: str
    size_bytes: int
    media_type: str = UNTYPED
    purpose: Purpose = Purpose.MESSAGE
    expire_before_s: int | None = None


@dataclass(frozen=True, slots=True)
class DayBytes:
    """Bytes of one day: a person's, their enterprise's, and the whole site's."""

    person: int = 0
    enterprise: int = 0
    site: int = 0


@dataclass(frozen=True, slots=True)
class DayTimes:
    """Unix times at which the first of a day's bytes count no more: of a person, their enterprise, the whole site."""

    person: int = 0
    enterprise: int = 0
    site: int = 0


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """What may be uploaded: bytes of one file, and bytes of a day.

    `profile_bytes` is for one file of somebody's profile. `refused_types` are media types, or `image/*` for all of a
    kind.
    """

    file_bytes: int
    profile_bytes: int
    day: DayBytes
    refused_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Usage:
    """What counts against the limits of a `day`, of each of which some is free again at `free_at_s` (Unix times).

    A person has `person_slots` that are not used yet, of which one lapses at `lapses_at_s`.
    """

    day: DayBytes = DayBytes()
    free_at_s: DayTimes = DayTimes()
    person_slots: int = 0
    lapses_at_s: int = 0


@dataclass(frozen=True, slots=True)
class SlotRefusal:
    """Why there is no slot: a stanza error (RFC 6120, 8.3) with what XEP-0363, 6 adds to it.

    `max_bytes` goes with a file that is too large, `retry_at_s` (Unix time) with a quota that is used up.
    """

    type: str
    condition: str
    text: str
    max_bytes: int | None = None
    retry_at_s: int | None = None


MAX_NAME_BYTES = 255
MAX_TYPE_BYTES = 255
MAX_OPEN_SLOTS = 256
"""So many slots a person may have that are not used yet: a slot for one byte is a row like any other."""


def decide_slot(request: SlotRequest, limits: SlotLimits, usage: Usage, now_s: int) -> SlotRefusal | None:
    """Return why a request gets no slot, or None when it gets one."""
    return (
        _refuse_shape(request, now_s)
        or _refuse_size(request, limits)
        or _refuse_usage(request, limits, usage)
    )


def _refuse_shape(request: SlotRequest, now_s: int) -> SlotRefusal | None:
    if request.size_bytes <= 0:
        return SlotRefusal("modify", "bad-request", "An empty file cannot be sent. Please choose another.")
    if not request.name or len(request.name.encode()) > MAX_NAME_BYTES:
        text = f"A file's name has 1 to {MAX_NAME_BYTES} bytes. Please rename it."
        return SlotRefusal("modify", "bad-request", text)
    if len(request.media_type.encode()) > MAX_TYPE_BYTES:  # RFC 6838, 4.2
        return SlotRefusal("modify", "bad-request", "The type of the file is no media type.")
    if request.purpose is Purpose.EPHEMERAL and (request.expire_before_s or 0) <= now_s:
        return SlotRefusal("modify", "bad-request", "The time at which the file should expire is over.")
    return None


def _refuse_size(request: SlotRequest, limits: SlotLimits) -> SlotRefusal | None:
    most = limits.profile_bytes if request.purpose is Purpose.PROFILE else limits.file_bytes
    if request.size_bytes > most:
        text = f"This file is too large. The maximum file size is {most} bytes."
        return SlotRefusal("modify", "not-acceptable", text, max_bytes=most)
    kind = request.media_type.partition(";")[0].strip().lower()
    if kind in limits.refused_types or f"{kind.partition('/')[0]}/*" in limits.refused_types:
        text = "Files of this type are not sent on this line. Please send it in another form."
        return SlotRefusal("cancel", "policy-violation", text)
    return None


def _refuse_usage(request: SlotRequest, limits: SlotLimits, usage: Usage) -> SlotRefusal | None:
    if usage.person_slots >= MAX_OPEN_SLOTS:
        text = "You asked to send too many files at once. Please try again later."
        return SlotRefusal("wait", "resource-constraint", text, retry_at_s=usage.lapses_at_s)
    free = usage.free_at_s
    for used, most, whose, free_at_s in (
        (usage.day.person, limits.day.person, "You have", free.person),
        (usage.day.enterprise, limits.day.enterprise, "Your enterprise has", free.enterprise),
        (usage.day.site, limits.day.site, "This site has", free.site),
    ):
        if used + request.size_bytes > most:
            text = f"{whose} used up the space for files of one day. Please try again later."
            return SlotRefusal("wait", "resource-constraint", text, retry_at_s=free_at_s)
    return None
