"""The keys that a site's settings name, and what `steelyard keys` does with them (docs/keys.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.archive.errors import LogBusy
from components.archive.keys import create_log_key, create_recipient_key, load_recipient, load_verifier_key
from components.archive.keys.private import is_kept
from components.archive.keys.reference import KeyReference, next_key, parse_key_reference, public_file
from components.archive.keys.ring import find_retired_keys
from components.archive.keys.rotation import open_log_writer, prepare_log_key, rotate_recipient_key
from components.archive.store.open import log_file, open_store, store_label
from components.process.errors import SiteError
from components.rules.person import read_jid
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.site.init import find_recipient_key


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key that the settings name: `place` is where the private key is kept.

    `name` is that of its log, as in the ids of the log's records, or of a recipient's public file; `log` is None for a
    recipient's.
    """

    name: str
    place: KeyReference
    log: LogSettings | None = None

    @property
    def role(self) -> str:
        """What the key is for: `log` or `recipient`."""
        return "recipient" if self.log is None else "log"


@dataclass(frozen=True, slots=True)
class KeyState:
    """The state of a key: its id (hex; None before it was made), and whether the private half is here.

    `waiting`: a new key waits to replace it; `earlier`: how many earlier keys are kept here.
    """

    name: str
    role: str
    place: str
    public: Path
    key_id: str | None
    is_here: bool
    waiting: bool
    earlier: int


def find_keys(settings: SiteFile) -> list[KeyPlace]:
    """Find all keys that the settings name: those of logs, then those of recipients."""
    recipients = (
        KeyPlace(public.stem, find_recipient_key(settings, public)) for public in settings.archive.recipients
    )
    return [*(KeyPlace(log.name, log.key_file, log) for log in settings.logs), *recipients]


def find_key(settings: SiteFile, name: str) -> KeyPlace:
    """Find the key with this name; raises SiteError."""
    keys = find_keys(settings)
    found = [key for key in keys if key.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise SiteError(f"a log and a recipient are both called {name}; rename the recipient's files")
    raise SiteError(f"there is no key {name}; there are {', '.join(key.name for key in keys)}")


def describe_keys(settings: SiteFile) -> Iterator[KeyState]:
    """Return the state of each key; raises KeyFileError."""
    for key in find_keys(settings):
        public = public_file(key.place)
        key_id = None
        if public.exists():
            key_id = load_verifier_key(public).key_id.hex() if key.log else load_recipient(public).key_id
        yield KeyState(
            key.name,
            key.role,
            str(key.place),
            public,
            key_id,
            is_kept(key.place),
            is_kept(next_key(key.place)),
            len(list(find_retired_keys(key.place))),
        )


def make_key(settings: SiteFile, name: str, at: str | None) -> Path:
    """Make a key that the settings name, or a further recipient's key; return its public file.

    Raises SiteError, KeyFileError, and KeyReferenceError if `at` names no place.
    """
    known = {key.name: key for key in find_keys(settings)}.get(name)
    if known is None:
        require_key_name(name)
    if known is not None and at is not None:
        raise SiteError(
            f"the settings say where the key {name} is kept ({known.place}); leave out --at, or change them"
        )
    place = known.place if known else parse_key_reference(at or f"keys/{name}.key", settings.folder)
    public = public_file(place)
    for folder in {public.parent, *([place.parent] if isinstance(place, Path) else [])}:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if known and known.log:
        if known.log.is_begun:
            label = store_label(known.log.store)
            raise SiteError(
                f"{label} was signed with another key; put that back from a backup, then rotate it"
            )
        create_log_key(place, known.log.origin)
    else:
        create_recipient_key(place, name)
    return public


def make_signing_key(settings: SiteFile, what: str, name: str, at: str | None) -> Path:
    """Make the key with which a person of this name signs, and return its public file.

    `what` they are is `approver` (docs/retention.md) or `auditor` (docs/review.md). Raises SiteError, KeyFileError,
    also if the key exists, and KeyReferenceError if `at` names no place.
    """
    require_key_name(name)
    place = parse_key_reference(at or f"keys/{what}-{name}.key", settings.folder)
    for folder in {public_file(place).parent, *([place.parent] if isinstance(place, Path) else [])}:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_log_key(place, f"{what}/{name}")
    return public_file(place)


def require_key_name(name: str) -> None:
    """Check that a new key's name is one of a file, and if it is an address, the person's; raises SiteError.

    What they sign counts by this name.
    """
    if "@" in name:
        read_jid(name)
    elif not name.isprintable() or "/" in name or name.startswith("."):
        raise SiteError(
            f"{name!r} is no name of a key, which is that of a file: leave out '/' and a dot before it"
        )


async def rotate_key(settings: SiteFile, name: str) -> bool:
    """Replace a key by a new one; return whether that is done, or whether the log's writer does it at its next start.

    Raises SiteError, KeyFileError and LogError.
    """
    key = find_key(settings, name)
    if key.log is None:
        rotate_recipient_key(key.place)
        return True
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    prepare_log_key(key.place)
    if (file := log_file(key.log.store)) is not None and not file.exists():
        return False
    try:
        store = await open_store(key.log.store)
        writer = await open_log_writer(store, key.place, key.log.origin, recipients)
    except LogBusy:
        return False
    await writer.close()
    return True


async def finish_rotations(settings: SiteFile) -> list[str]:
    """Let logs change to their waiting keys, and return their names. It runs before any process reads the public keys.

    Raises SiteError, KeyFileError and LogError.
    """
    waiting = [key.name for key in find_keys(settings) if key.log and is_kept(next_key(key.place))]
    return [name for name in waiting if await rotate_key(settings, name)]
