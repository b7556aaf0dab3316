"""What can go wrong with blobs. No message holds anything of a blob's content."""


class BlobError(Exception):
    """A blob could not be stored, read or destroyed."""


class BlobUnavailable(BlobError):  # noqa: N818 - the condition is the name
    """The store cannot do it now (disk full, input/output error, server not reached); it may later."""


class BlobMissing(BlobError):  # noqa: N818
    """There is no such blob, or its data are gone although no order destroyed them."""


class BlobDestroyed(BlobError):  # noqa: N818
    """The blob was destroyed, as its tombstone says."""


class BlobDamaged(BlobError):  # noqa: N818
    """What is stored is not what was put there."""


class BlobRenewed(BlobError):  # noqa: N818
    """The blob was put again since, so the caller must decide again whether to destroy it."""


class VersionConflict(BlobError):  # noqa: N818
    """An object does not have, or no longer has, the version that was to be replaced."""
