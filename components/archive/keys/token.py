"""Keys in a PKCS#11 token, which makes signatures and the X25519 of envelopes; no private key leaves it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, NoReturn, Self, TypeVar, cast

import pkcs11
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from components.archive.errors import LogUnavailable
from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_key_file
from components.archive.keys.reference import TokenKey

# Object identifiers in DER (RFC 8410, 3); tokens of PKCS#11 2.40 keep both curves as CKK_EC_EDWARDS.
ED25519_CURVE = bytes.fromhex("06032b6570")
X25519_CURVE = bytes.fromhex("06032b656e")
_POINT_SIZE_BYTES = 32
_SECRET_BITS = 256
_ID_SIZE_BYTES = 8
_USES = {ED25519_CURVE: MechanismFlag.SIGN, X25519_CURVE: MechanismFlag.DERIVE}

_Answer = TypeVar("_Answer")
_PublicKey = TypeVar("_PublicKey", Ed25519PublicKey, X25519PublicKey)

# PKCS#11 logs a process in to a token, not a session: a second login fails, and closing one session logs out all.
# So there is one session for each token.
_sessions: dict[tuple[str, str | None, str | None], pkcs11.Session] = {}


class TokenPair(NamedTuple):
    """The identity of a pair of keys in a token: the `id` of both, and the 32 bytes of the public key."""

    id: bytes
    point: bytes


class _HeldKey:
    """A private key's object in a token: found once, and again if the token was removed in between.

    It is found by its id, since the label changes when the key takes the place of another.
    """

    def __init__(self, key: TokenKey, pair: TokenPair) -> None:
        self._key = key
        self._id = pair.id
        self._found: pkcs11.Object | None = None

    def use(self, act: Callable[[pkcs11.Object], _Answer]) -> _Answer:
        """Use the object, a second time if the session was lost; raises LogUnavailable."""
        try:
            return act(self._find())
        except (pkcs11.PKCS11Error, KeyFileError):
            self._found = None
        try:
            return act(self._find())
        except (pkcs11.PKCS11Error, KeyFileError) as error:
            raise LogUnavailable(
                f"{self._key}: the token does not answer ({type(error).__name__})"
            ) from error

    def _find(self) -> pkcs11.Object:
        if self._found is None:
            session = _open_session(self._key)
            self._found = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=self._id)
        return self._found


class _StaysInToken(Generic[_PublicKey]):
    """The common part of a token's private keys: the private half stays in the token, the public one is here."""

    def __init__(self, key: TokenKey, pair: TokenPair, public: _PublicKey) -> None:
        self._key = key
        self._held = _HeldKey(key, pair)
        self._public: _PublicKey = public

    def public_key(self) -> _PublicKey:
        """Return the public half."""
        return self._public

    def private_bytes(self, *_: object) -> NoReturn:
        """Raise KeyFileError: the private half stays in the token."""
        raise KeyFileError(f"{self._key}: the key does not leave its token")

    private_bytes_raw = private_bytes

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class TokenSigningKey(_StaysInToken[Ed25519PublicKey], Ed25519PrivateKey):
    """A private key that signs in its token (CKM_EDDSA); raises LogUnavailable if the token does not sign."""

    def __init__(self, key: TokenKey, pair: TokenPair) -> None:
        super().__init__(key, pair, Ed25519PublicKey.from_public_bytes(pair.point))

    def sign(self, data: bytes) -> bytes:  # type: ignore[override]  # any buffer, there
        """Return the signature: 64 bytes (RFC 8032)."""

        def sign_inside(private: pkcs11.Object) -> bytes:
            return cast(pkcs11.SignMixin, private).sign(bytes(data), mechanism=Mechanism.EDDSA)

        return self._held.use(sign_inside)


class TokenOpeningKey(_StaysInToken[X25519PublicKey], X25519PrivateKey):
    """A private key that agrees on a secret in its token (CKM_ECDH1_DERIVE); HPKE makes the rest of it outside."""

    def __init__(self, key: TokenKey, pair: TokenPair) -> None:
        super().__init__(key, pair, X25519PublicKey.from_public_bytes(pair.point))

    def exchange(self, peer_public_key: X25519PublicKey) -> bytes:
        """Return the shared secret of one envelope (RFC 7748, 6.1), which reveals nothing of the key."""
        # Raises ValueError for a key of low order.
        X25519PrivateKey.generate().exchange(peer_public_key)

        def derive_inside(private: pkcs11.Object) -> bytes:
            secret = cast(pkcs11.DeriveMixin, private).derive_key(
                KeyType.GENERIC_SECRET,
                _SECRET_BITS,
                mechanism=Mechanism.ECDH1_DERIVE,
                mechanism_param=(pkcs11.KDF.NULL, None, peer_public_key.public_bytes_raw()),
                template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
            )
            try:
                return bytes(secret[Attribute.VALUE])
            finally:
                secret.destroy()

        return self._held.use(derive_inside)


def generate_token_key(key: TokenKey, curve: bytes) -> None:
    """Make a pair in the token, under the key's label; raises KeyFileError, also when the token cannot."""
    with _errors_told(key):
        session = _open_session(key)
        if _find_all_private(session, key.label):
            raise KeyFileError(f"{key}: exists already")
        parameters = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: curve}, local=True
        )
        parameters.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=key.label,
            id=os.urandom(_ID_SIZE_BYTES),
            capabilities=_USES[curve],
        )


def fetch_token_pair(key: TokenKey, curve: bytes) -> TokenPair:
    """Find the pair of this label; raises KeyFileError."""
    with _errors_told(key):
        session = _open_session(key)
        public = _find_public(session, _find_private(session, key))
        key_id = bytes(public[Attribute.ID])
        if public[Attribute.EC_PARAMS] != curve:
            raise KeyFileError(f"{key}: is a key of another curve; name the right object")
        point = bytes(public[Attribute.EC_POINT])
    if not key_id:
        raise KeyFileError(f"{key}: the pair has no id (CKA_ID) in the token; give it one")
    # Raw, or a DER OCTET STRING.
    if len(point) not in (_POINT_SIZE_BYTES, _POINT_SIZE_BYTES + 2):
        raise KeyFileError(f"{key}: the token gives its public key in no known form")
    return TokenPair(key_id, point[-_POINT_SIZE_BYTES:])


def is_in_token(key: TokenKey) -> bool:
    """Return whether the token has a private key of this label; raises KeyFileError."""
    with _errors_told(key):
        return bool(_find_all_private(_open_session(key), key.label))


def fetch_token_labels(key: TokenKey) -> list[str]:
    """Return the labels of the token's private keys; raises KeyFileError."""
    with _errors_told(key):
        found = _open_session(key).get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        return sorted(str(each[Attribute.LABEL]) for each in found)


def rename_token_key(source: TokenKey, target: TokenKey) -> None:
    """Give a key another label, destroying the one that has it; raises KeyFileError.

    Killed in between, the target may be gone, and the source is there under its own label.
    """
    with _errors_told(source):
        session = _open_session(source)
        private = _find_private(session, source)
        public = _find_public(session, private)
        remove_token_key(target)
        # The private key alone says where the pair is: from here on it has gone over.
        private[Attribute.LABEL] = target.label
        public[Attribute.LABEL] = target.label


def remove_token_key(key: TokenKey) -> None:
    """Destroy a pair, if it is there; raises KeyFileError."""
    with _errors_told(key):
        session = _open_session(key)
        for private in _find_all_private(session, key.label):
            public = _find_public(session, private)
            private.destroy()
            # Killed here: a public key is left over, which nobody looks for.
            public.destroy()


def _open_session(key: TokenKey) -> pkcs11.Session:
    session = _sessions.get(_place(key))
    if session is None or not _is_alive(session):
        session = _sessions[_place(key)] = _log_in(key)
    return session


def _log_in(key: TokenKey) -> pkcs11.Session:
    if not key.module.exists():
        raise KeyFileError(
            f"{key}: there is no {key.module}; install the token's module, or correct module-path="
        )
    pin = None if key.pin_file is None else read_key_file(key.pin_file).decode().removesuffix("\n")
    by_label = key.token is not None
    wanted = {"token_label": key.token} if by_label else {"token_serial": (key.serial or "").encode()}
    token = pkcs11.lib(str(key.module)).get_token(**wanted)
    try:
        return token.open(rw=True, user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        # The process is logged in, not the session.
        return token.open(rw=True)


def _is_alive(session: pkcs11.Session) -> bool:
    """Return whether the session is still usable; a search in a dead one complains on stderr."""
    try:
        session.generate_random(64)
    except pkcs11.PKCS11Error:
        return False
    return True


def _place(key: TokenKey) -> tuple[str, str | None, str | None]:
    return str(key.module), key.token, key.serial


def _find_private(session: pkcs11.Session, key: TokenKey) -> pkcs11.Object:
    return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=key.label)


def _find_public(session: pkcs11.Session, private: pkcs11.Object) -> pkcs11.Object:
    """Find the other half of a pair by its id, since a label changes in two steps."""
    return session.get_key(object_class=ObjectClass.PUBLIC_KEY, id=private[Attribute.ID])


def _find_all_private(session: pkcs11.Session, label: str) -> list[pkcs11.Object]:
    return list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}))


_ADVICE: dict[type[pkcs11.PKCS11Error], str] = {
    pkcs11.NoSuchToken: "there is no such token; plug it in, or correct token= and module-path=",
    pkcs11.NoSuchKey: "the token has no such key; correct object=, or make the key with `steelyard keys make`",
    pkcs11.MultipleObjectsReturned: "the token has more than one key of this label; rename the other",
    pkcs11.PinIncorrect: "the token refuses the PIN in the file that pin-source names",
    pkcs11.PinLocked: "the token has locked the PIN after too many wrong ones; unlock it with its own tool",
    pkcs11.UserNotLoggedIn: "the token wants a PIN; write pin-source=file:FILE",
    pkcs11.MechanismInvalid: "the token cannot make Ed25519 or X25519 keys; keep this key in a file",
}


@contextmanager
def _errors_told(key: TokenKey) -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None)
        raise KeyFileError(f"{key}: {advice or f'the token refuses ({type(error).__name__})'}") from error
    except UnicodeDecodeError:
        raise KeyFileError(f"{key}: the PIN's file is no text") from None
