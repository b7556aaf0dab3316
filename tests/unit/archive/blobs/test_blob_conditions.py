"""A store that ignores the condition of a write is told from one that keeps it, and the component does without it."""

from pathlib import Path

import pytest

from components.archive.blobs.conditions import TRIALS, find_condition_fault
from components.archive.blobs.directory import DirectoryObjects
from components.archive.blobs.errors import BlobUnavailable, VersionConflict
from components.archive.blobs.objects import ObjectStore
from components.transfer.conditions import BucketError, require_conditions
from tests.support.blobs import names


class Careless(DirectoryObjects):
    """Takes a write in spite of `ignores`: a new object where there is one, another version, or both."""

    def __init__(self, root: Path, ignores: tuple[str, ...]) -> None:
        super().__init__(root)
        self._ignores = ignores

    async def swap(self, name: str, content: bytes, version: str | None) -> None:
        there = await self.read(name)
        if there and ("create" if version is None else "replace") in self._ignores:
            version = there.version
        await super().swap(name, content, version)


class Strict(DirectoryObjects):
    """Refuses each condition, right or wrong."""

    async def swap(self, name: str, content: bytes, version: str | None) -> None:
        if version is not None:
            raise VersionConflict(name)
        await super().swap(name, content, version)


class Late(DirectoryObjects):
    """Cannot be reached at first."""

    tries = 0

    async def swap(self, name: str, content: bytes, version: str | None) -> None:
        self.tries += 1
        if self.tries < 3:
            raise BlobUnavailable(name)
        raise VersionConflict(name)


async def test_a_store_that_keeps_conditions_has_no_fault_and_keeps_nothing(objects: ObjectStore) -> None:
    """Of both kinds; moto's server is one that knows them."""
    assert await find_condition_fault(objects) == ""
    assert [each.name async for each in objects.list(TRIALS)] == []
    assert await names(objects) == []


@pytest.mark.parametrize(
    ("ignores", "told"),
    [
        (("create",), "If-None-Match"),
        (("replace",), "If-Match"),
        (("create", "replace"), "If-None-Match"),
    ],
)
async def test_one_that_ignores_a_condition_ends_the_component(
    tmp_path: Path, ignores: tuple[str, ...], told: str
) -> None:
    careless = Careless(tmp_path, ignores)
    with pytest.raises(BucketError, match=rf"^transfer\.s3: the server ignores {told}, so .*docs/blobs\.md"):
        await require_conditions(careless)
    assert [each.name async for each in careless.list(TRIALS)] == []


async def test_so_does_one_that_refuses_what_is_right(tmp_path: Path) -> None:
    with pytest.raises(BucketError, match="takes for wrong where it is right"):
        await require_conditions(Strict(tmp_path))


async def test_one_that_is_away_is_asked_again(tmp_path: Path) -> None:
    late = Late(tmp_path)
    with pytest.raises(BucketError):
        await require_conditions(late, again_s=0.0)
    assert late.tries == 3
