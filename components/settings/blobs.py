"""Opens the store of files that `[transfer]` names: a folder, or a bucket."""

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.objects import ObjectStore
from components.settings.transfer import TransferSettings


def open_objects(settings: TransferSettings) -> ObjectStore:
    """Open the store of a site's blobs."""
    if settings.s3 is None:
        return DirectoryObjects(settings.files)
    # A site that keeps files in a folder does without this library.
    from components.archive.blobs.s3 import S3Objects, S3Settings

    bucket = settings.s3
    return S3Objects.open(S3Settings(bucket.bucket, bucket.prefix, bucket.endpoint, bucket.region))
