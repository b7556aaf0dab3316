"""What can go wrong with blobs. No message holds anything of a blob's content."""


class BlobError(Exception):
    """A blob could not be stored, read or destroyed."""


class BlobUnavailable(BlobError):  # noqa: N818 - the condition is the name
    """The store cannot do it now (disk full, input/output error, server not reached); it may later."""


class BlobMissing(BlobError):  # noqa: N818
    """There is no such blob, or its data are gone without having been destroyed."""


class BlobDestroyed(BlobError):  # noqa: N818
    """The blob was destroyed, as its tombstone says."""


class BlobDamaged(BlobError):  # noqa: N818
    """What is stored is not what was put there."""


class BlobRenewed(BlobError):  # noqa: N818
    """The blob was put again since; whoever wanted to destroy it has to think again."""


class VersionConflict(BlobError):  # noqa: N818
    """An object is not, or no longer, of the version that was to be replaced."""
