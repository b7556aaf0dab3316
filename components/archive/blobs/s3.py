"""Objects in an S3 bucket (ObjectStore). Needs the extra `steelyard[s3]`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from components.archive.blobs.errors import BlobMissing, BlobUnavailable, VersionConflict
from components.archive.blobs.objects import StoredObject, VersionedContent

# S3 takes 10,000 parts of an object, so 8 MiB let it have 78 GiB. Two are in memory at a time.
PART_SIZE_BYTES = 8 << 20
_PARTS_AT_ONCE = 2
_MAX_RETRIES = 3
_LIST_SIZE = 1000


@dataclass(frozen=True, slots=True)
class S3Settings:
    """A bucket: `endpoint` is empty for Amazon's own; without `access_key_id` the environment's credentials count."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = ""
    timeout_s: float = 30.0


class S3Objects:
    """Keeps each object under its name behind the bucket's prefix.

    The server must know conditional writes (`If-Match`, `If-None-Match`), as Amazon's and most others do by now. An
    upload that is cut off leaves parts that no listing shows: let a rule of the bucket remove those.
    """

    def __init__(self, store: S3Store) -> None:
        self._store = store

    @classmethod
    def open(cls, settings: S3Settings) -> "S3Objects":
        """Connect, when it is first used."""
        options: dict[str, str] = {}
        if settings.endpoint:
            options["endpoint"] = settings.endpoint
        if settings.access_key_id:
            options["access_key_id"] = settings.access_key_id
            options["secret_access_key"] = settings.secret_access_key
        return cls(
            S3Store(
                settings.bucket,
                prefix=settings.prefix or None,
                region=settings.region,
                virtual_hosted_style_request=False,
                client_options={
                    "allow_http": settings.endpoint.startswith("http://"),
                    "timeout": timedelta(seconds=settings.timeout_s),
                },
                retry_config={
                    "max_retries": _MAX_RETRIES,
                    "retry_timeout": timedelta(seconds=settings.timeout_s),
                },
                **options,  # type: ignore[arg-type]
            )
        )

    async def write(self, name: str, pieces: AsyncIterator[bytes | bytearray]) -> None:
        """See ObjectStore: parts are sent as they come, and become the object with the last request."""
        with _errors_named(name):
            await obstore.put_async(
                self._store,
                name,
                pieces,
                chunk_size=PART_SIZE_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )

    async def read(self, name: str) -> VersionedContent | None:
        """See ObjectStore."""
        with suppress(FileNotFoundError), _errors_named(name):
            found = await obstore.get_async(self._store, name)
            content = bytes(await found.bytes_async())
            return VersionedContent(content, found.meta["e_tag"] or "")
        return None

    async def read_range(self, name: str, start: int, end: int) -> bytes:
        """See ObjectStore."""
        try:
            with _errors_named(name):
                return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))
        except FileNotFoundError:
            raise BlobMissing(f"{name} is gone") from None

    async def size(self, name: str) -> int | None:
        """See ObjectStore."""
        with suppress(FileNotFoundError), _errors_named(name):
            return (await obstore.head_async(self._store, name))["size"]
        return None

    async def swap(self, name: str, content: bytes, version: str | None) -> None:
        """See ObjectStore."""
        try:
            with _errors_named(name):
                await obstore.put_async(
                    self._store,
                    name,
                    content,
                    mode="create" if version is None else {"e_tag": version},
                )
        except FileNotFoundError:  # what was to be replaced is gone
            raise VersionConflict(f"{name} was deleted by somebody else") from None

    async def delete(self, name: str) -> None:
        """See ObjectStore."""
        with suppress(FileNotFoundError), _errors_named(name):
            await obstore.delete_async(self._store, name)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See ObjectStore."""
        with _errors_named(prefix):
            async for page in obstore.list(self._store, prefix, chunk_size=_LIST_SIZE):
                for each in page:
                    yield StoredObject(each["path"], each["size"], each["last_modified"].timestamp())

    async def close(self) -> None:
        """See ObjectStore."""


@contextmanager
def _errors_named(name: str) -> Iterator[None]:
    """Turn obstore's errors, which quote whole answers of the server, into ours."""
    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise VersionConflict(f"{name} was changed by somebody else") from None
    except BaseError as error:
        raise BlobUnavailable(f"{name}: the S3 server failed ({type(error).__name__})") from error
