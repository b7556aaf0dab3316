"""A process that puts blobs: `python -m tests.support.blob_writer DIRECTORY|S3 [COUNT]`; S3 is `http://...|PREFIX`.

It prints each address when it was promised, as JSON with the number whose content it is; and without COUNT it goes on
until it is killed. A put that fails is printed with the reason, and tried again once a file `ballast` was removed.
"""

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path

from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobUnavailable
from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.s3 import S3Objects, S3Settings
from tests.support.blobs import content, open_store, pieces
from tests.support.s3_server import BUCKET

SIZES = (0, 700, 70_000, 2_500_000, 20_000)


def data_of(number: int) -> bytes:
    return content(SIZES[number % len(SIZES)], seed=number)


def open_objects(place: str) -> ObjectStore:
    if not place.startswith("http"):
        return DirectoryObjects(Path(place))
    endpoint, prefix = place.split("|")
    return S3Objects.open(
        S3Settings(BUCKET, prefix, endpoint, access_key_id="one", secret_access_key="two", timeout_s=10.0)
    )


async def put_blobs(place: str, count: int | None) -> None:
    store = open_store(open_objects(place), clock_ns=time.time_ns)
    for number in itertools.count() if count is None else range(count):
        while True:
            try:
                blob = await store.put(pieces(data_of(number), 8192), 1)
                break
            except BlobUnavailable as error:
                print(json.dumps({"failed": str(error)}), flush=True)
                (Path(place).parent / "ballast").unlink(missing_ok=True)
        print(json.dumps({"number": number, "address": str(blob.address)}), flush=True)


if __name__ == "__main__":
    asyncio.run(put_blobs(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
