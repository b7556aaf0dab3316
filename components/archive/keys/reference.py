"""The place of a private key in a settings file: a path, `age:PATH`, or a `pkcs11:` URI (RFC 7512)."""

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

_AGE, _PKCS11 = "age:", "pkcs11:"
_AGE_QUERY = {"identity-file", "passphrase-file"}
_TOKEN_PATH = {"token", "serial", "object", "type"}
_TOKEN_QUERY = {"module-path", "pin-source"}


class KeyReferenceError(ValueError):
    """The text names no place for a key; the message says what to write."""


@dataclass(frozen=True, slots=True)
class AgeKey:
    """A key file encrypted with age: to an identity, or with a passphrase, each of them in a file of its own."""

    path: Path
    identity_file: Path | None = None
    passphrase_file: Path | None = None

    def __str__(self) -> str:
        """Return the file's name, for messages."""
        return f"{_AGE}{self.path}"


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key in a PKCS#11 token: the label of its objects, the token's label or serial number, how to get at it.

    `pin_file` is None for a token that wants no PIN; `public_file` holds the public half, and the key's name.
    """

    label: str
    module: Path
    public_file: Path
    token: str | None = None
    serial: str | None = None
    pin_file: Path | None = None

    def __str__(self) -> str:
        """Return the name of the object and of its token, for messages."""
        where = f"token={self.token}" if self.token is not None else f"serial={self.serial}"
        return f"{_PKCS11}{where};object={self.label}"


KeyReference = Path | AgeKey | TokenKey


def parse_key_reference(text: str, folder: Path) -> KeyReference:
    """Parse a setting; relative paths start at `folder`. Raises KeyReferenceError.

    The public half of a key in a token lies in `keys/<object>.pub` below the folder.
    """
    if text.startswith(_AGE):
        return _parse_age(text.removeprefix(_AGE), folder)
    if text.startswith(_PKCS11):
        return _parse_token(text.removeprefix(_PKCS11), folder)
    if not text:
        raise KeyReferenceError("name a file, age:FILE or a pkcs11: URI (docs/keys.md)")
    return _below(folder, text)


def public_file(key: KeyReference) -> Path:
    """Return the file of the public half: `keys/log-gate.pub` for `keys/log-gate.key` and `keys/log-gate.key.age`."""
    match key:
        case TokenKey():
            return key.public_file
        case AgeKey():
            return (key.path.with_suffix("") if key.path.suffix == ".age" else key.path).with_suffix(".pub")
        case _:
            return key.with_suffix(".pub")


def last_signed_file(key: KeyReference) -> Path:
    """Return the file of the last signed checkpoint, beside the public half: `keys/log-gate.last`."""
    return public_file(key).with_suffix(".last")


def next_key(key: KeyReference) -> KeyReference:
    """Return the place of the key that will replace this one."""
    return beside(key, f"{_name(key)}.next")


def retired_key(key: KeyReference, key_id: str) -> KeyReference:
    """Return the place of a recipient's key after another has replaced it: `ring/auditor-<id>.key`."""
    match key:
        case TokenKey():
            return replace(key, label=f"{key.label}-{key_id}")
        case AgeKey():
            return replace(key, path=_ring(key.path, key_id))
        case _:
            return _ring(key, key_id)


def beside(key: KeyReference, name: str) -> KeyReference:
    """Return the place of another name beside this one: a file of the same folder, an object of the same token."""
    match key:
        case TokenKey():
            return replace(key, label=name)
        case AgeKey():
            return replace(key, path=key.path.with_name(name))
        case _:
            return key.with_name(name)


def secret_files(key: KeyReference) -> tuple[Path, ...]:
    """Return the files that only the owner may read: the key's own file, or the file of the PIN."""
    match key:
        case TokenKey():
            return () if key.pin_file is None else (key.pin_file,)
        case AgeKey():
            opened_by = (key.identity_file, key.passphrase_file)
            return (key.path, *(path for path in opened_by if path is not None))
        case _:
            return (key,)


def needed_files(key: KeyReference) -> list[Path]:
    """Return the files that the key needs."""
    return [*secret_files(key), *([key.public_file] if isinstance(key, TokenKey) else [])]


def named_file(key: KeyReference) -> Path:
    """Return the file that represents a key in a list of files: its own, or that of a token key's public half."""
    return key.public_file if isinstance(key, TokenKey) else secret_files(key)[0]


def _name(key: KeyReference) -> str:
    match key:
        case TokenKey():
            return key.label
        case AgeKey():
            return key.path.name
        case _:
            return key.name


def _ring(path: Path, key_id: str) -> Path:
    stem, dot, endings = path.name.partition(".")
    return path.parent / "ring" / f"{stem}-{key_id}{dot}{endings}"


def _parse_age(text: str, folder: Path) -> AgeKey:
    path, _, query = text.partition("?")
    options = _parse_attributes(query, "&", _AGE_QUERY, "age:FILE")
    if not path or len(options) > 1:
        raise KeyReferenceError(
            "write age:FILE, or age:FILE?identity-file=FILE, or age:FILE?passphrase-file=FILE"
        )
    files = {name.replace("-", "_"): _below(folder, value) for name, value in options.items()}
    return AgeKey(_below(folder, path), **files)


def _parse_token(text: str, folder: Path) -> TokenKey:
    path, _, query = text.partition("?")
    if "pin-value=" in query:
        raise KeyReferenceError(
            "a PIN does not belong in the settings; put it into a file and write pin-source=file:FILE"
        )
    where = _parse_attributes(path, ";", _TOKEN_PATH, "a pkcs11: URI")
    how = _parse_attributes(query, "&", _TOKEN_QUERY, "a pkcs11: URI")
    label = where.get("object", "")
    if not label or "/" in label or ("token" in where) == ("serial" in where) or "module-path" not in how:
        raise KeyReferenceError("write pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=file:FILE")
    if where.get("type", "private") != "private":
        raise KeyReferenceError("type is private, or left out")
    pin = how.get("pin-source")
    return TokenKey(
        label,
        _below(folder, how["module-path"]),
        folder / "keys" / f"{label}.pub",
        where.get("token"),
        where.get("serial"),
        None if pin is None else _below(folder, _pin_path(pin)),
    )


def _pin_path(source: str) -> str:
    if source.startswith("|"):
        raise KeyReferenceError("pin-source names a file (pin-source=file:FILE); commands are not run")
    return source.removeprefix("file://").removeprefix("file:")


def _parse_attributes(text: str, between: str, known: set[str], form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(between) if text else []:
        name, equals, value = part.partition("=")
        if name not in known:
            raise KeyReferenceError(
                f"{form} has no {name or 'empty attribute'!r} here; known: {', '.join(sorted(known))}"
            )
        if not equals or not value or name in found:
            raise KeyReferenceError(f"{name} in {form} needs one value")
        try:
            found[name] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise KeyReferenceError(f"{name} in {form} is not UTF-8") from None
    return found


def _below(folder: Path, text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise KeyReferenceError(
            f"{text} begins with an unknown user's home directory; write the whole path"
        ) from None
    if "\0" in text:
        raise KeyReferenceError("a path holds no zero byte")
    if path.name in ("", ".."):
        raise KeyReferenceError(f"{text} is a folder; name a file in it")
    return folder / path
