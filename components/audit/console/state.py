"""What the console keeps between starts: the links that were used, and the auditors' passkeys."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from components.archive.durable import PRIVATE, replace_durably
from components.archive.state_format import find_later
from components.process.json_text import read_json


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of an auditor (WebAuthn, 5.8.3); its public half. `id` and `public_key` are hexadecimal."""

    id: str
    auditor: str
    public_key: str
    sign_count: int
    name: str
    added_s: int


_ADVICE = "put it back from a backup, or remove it, and auditors make their passkeys anew"


class ConsoleState:
    """The console's own file, which each change replaces, durably: a backup never sees half of one.

    `tell` is called after each change with why it could not be kept, or with nothing.
    """

    def __init__(self, file: Path, used: dict[str, int], passkeys: Sequence[Passkey]) -> None:
        self._file = file
        self._used = used
        self._passkeys = {passkey.id: passkey for passkey in passkeys}
        self.tell: Callable[[str], None] = lambda fault: None

    @classmethod
    def open(cls, file: Path) -> Self:
        """Read the file, which need not be there yet; raises OSError, and ValueError if it is not the console's."""
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(file, {}, ())
        try:
            kept: dict[str, Any] = read_json(content)
            later = find_later(kept, file)
            passkeys = [Passkey(**each) for each in kept["passkeys"]]
            used = {str(nonce): int(until) for nonce, until in kept["used_links"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{file} is not what a console keeps: {_ADVICE}") from None
        if later:
            raise ValueError(later)
        return cls(file, used, passkeys)

    def use_link(self, nonce: str, expires_s: int, now_s: float) -> bool:
        """Note that a link is used; return False if it was used before. Raises OSError."""
        if nonce in self._used:
            return False
        self._used = {each: until for each, until in self._used.items() if until > now_s}
        self._used[nonce] = expires_s
        # Killed after this: the link is used, and nobody is logged in.
        self._write()
        return True

    def add_passkey(self, passkey: Passkey) -> bool:
        """Keep a new passkey; return False if there is one with this id. Raises OSError."""
        if passkey.id in self._passkeys:
            return False
        self._keep_passkeys({**self._passkeys, passkey.id: passkey})
        return True

    def find_passkey(self, id_: str) -> Passkey | None:
        """Return a passkey by its id."""
        return self._passkeys.get(id_)

    def passkeys_of(self, auditor: str) -> tuple[Passkey, ...]:
        """Return an auditor's passkeys, the oldest first."""
        found = (passkey for passkey in self._passkeys.values() if passkey.auditor == auditor)
        return tuple(sorted(found, key=lambda passkey: (passkey.added_s, passkey.id)))

    def count_use(self, id_: str, sign_count: int) -> None:
        """Note how often a passkey has signed, by its own account (WebAuthn, 6.1.1). Raises OSError."""
        used = replace(self._passkeys[id_], sign_count=sign_count)
        self._keep_passkeys({**self._passkeys, id_: used})

    def remove_passkey(self, auditor: str, id_: str) -> bool:
        """Forget a passkey of an auditor; return whether there was one. Raises OSError."""
        if (found := self._passkeys.get(id_)) is None or found.auditor != auditor:
            return False
        self._keep_passkeys({each: kept for each, kept in self._passkeys.items() if each != id_})
        return True

    def _keep_passkeys(self, passkeys: dict[str, Passkey]) -> None:
        # What cannot be kept does not count either: it would be gone, or back, with the next start.
        before, self._passkeys = self._passkeys, passkeys
        try:
            self._write()
        except OSError:
            self._passkeys = before
            raise

    def _write(self) -> None:
        kept = {"used_links": self._used, "passkeys": [asdict(each) for each in self._passkeys.values()]}
        try:
            replace_durably(self._file, json.dumps(kept, indent=1).encode() + b"\n", PRIVATE)
        except OSError as error:
            self.tell(str(error.strerror or error))
            raise
        self.tell("")
