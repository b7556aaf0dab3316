"""Keys made, rotated and split by a process that is killed before any of its lines: the old key or the new, never none.

After each kill the operator does the same thing again, and it must be as if nothing had happened.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from components.archive import durable
from components.archive.keys import (
    KeyFileError,
    create_log_key,
    create_recipient_key,
    load_log_key,
    load_recipient,
    load_recipient_key,
    log_key,
    private,
    recipient,
    rotation,
    token,
)
from components.archive.keys import files as key_files
from components.archive.keys.log_key import load_verifier_keys
from components.archive.keys.private import is_kept
from components.archive.keys.reference import KeyReference, next_key, parse_key_reference, public_file
from components.archive.keys.ring import load_key_ring
from components.archive.keys.rotation import open_log_writer, prepare_log_key, rotate_recipient_key
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.seal import new_segment_keys, open_segment_keys, seal_segment_keys
from components.archive.store import sqlite_connection
from components.archive.store.sqlite import SqliteStore
from components.site import escrow
from components.site.init import init_site
from components.site.validate import load_site
from tests.support.archive import AUDITOR, ORIGIN, RECIPIENTS, entries
from tests.support.killed import run_killed
from tests.support.log_keys import follow_log_keys
from tests.support.rounds import STRIDE
from tests.support.token import make_token, token_uri, use_token

pytestmark = pytest.mark.slow

LINES_OF = {
    str(module.__file__)
    for module in (
        durable,
        key_files,
        log_key,
        private,
        recipient,
        rotation,
        token,
        sqlite_connection,
        escrow,
    )
}
READING = {
    "_errors_told",
    "_find_all_private",
    "_find_private",
    "_find_public",
    "_is_alive",
    "_log_in",
    "_open_session",
    "_place",
    "_token_key",
    "_token_signer",
    "fetch_token_pair",
    "is_in_token",
    "is_kept",
    "key_file",
    "load_log_key",
    "load_recipient",
    "load_recipient_key",
    "load_verifier_key",
    "load_verifier_keys",
    "read_key_file",
    "read_private",
    "read_public_file",
    "sqlite_errors_named",
    "use",
}
PLACES = ("file", "token")


@pytest.fixture
def pristine(tmp_path: Path) -> Path:
    """The folder that each life begins with a copy of."""
    folder = tmp_path / "pristine"
    (folder / "keys").mkdir(parents=True)
    return folder


def lives(pristine: Path, folder: Path) -> Iterator[int]:
    """Give the lines to be killed at, each with a fresh copy of the folder."""
    at = 0
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pristine, folder)
        yield at
        at += STRIDE


class Site:
    """A folder with keys in one kind of place; a token is seen as a process sees it that has just started."""

    def __init__(self, kind: str, pristine: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        self.is_token = kind == "token"
        if self.is_token:
            make_token(folder)
            shutil.rmtree(pristine)
            shutil.copytree(folder, pristine)

    def key(self, name: str) -> KeyReference:
        return parse_key_reference(token_uri(name) if self.is_token else f"keys/{name}.key", self.folder)

    def start(self) -> None:
        if self.is_token:
            use_token(self.folder / "softhsm2.conf", self.monkeypatch)

    def started(self, act: Callable[[], object]) -> Callable[[], object]:
        def act_anew() -> object:
            self.start()
            return act()

        return act_anew


@pytest.fixture(params=PLACES)
def site(
    request: pytest.FixtureRequest, pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    folder = tmp_path / "site"
    (folder / "keys").mkdir(parents=True)
    return Site(request.param, pristine, folder, monkeypatch)


async def write(folder: Path, key: KeyReference, count: int) -> None:
    writer = await open_log_writer(await SqliteStore.open(folder / "gate.db"), key, ORIGIN, RECIPIENTS)
    await writer.append(entries(0, count))
    await writer.close()


async def stanzas(log: Path) -> int:
    reader = await LogReader.open(log)
    opened = await RecordOpener(reader, ORIGIN, [AUDITOR]).fetch(0, await reader.size())
    await reader.close()
    return sum(each.leaf.kind == RecordKind.STANZA and each.payload is not None for each in opened)


async def no_wait(_source: object, _now_ns: int) -> None:
    """Let the second of the handover go on, or every life would spend it waiting."""


def test_a_log_key_is_rotated(site: Site, pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, key, log = site.folder, site.key("log-gate"), site.folder / "gate.db"
    site.start()
    first = create_log_key(key, ORIGIN).verifier_key
    asyncio.run(write(folder, key, 3))
    shutil.rmtree(pristine)
    shutil.copytree(folder, pristine)
    monkeypatch.setattr(rotation, "_outlast_checkpoint", no_wait)

    def rotate() -> None:
        prepare_log_key(key)
        asyncio.run(write(folder, key, 2))

    before = after = 0
    for at in lives(pristine, folder):
        ended = run_killed(site.started(rotate), LINES_OF, at, READING)
        site.start()
        waited = is_kept(next_key(key))
        asyncio.run(write(folder, key, 1))  # the gate starts again: with the old key, or over to the new one
        current = load_log_key(key)
        followed = [each.key_id for each in asyncio.run(follow_log_keys(log, first, both=False))]
        assert followed == [each.key_id for each in load_verifier_keys(public_file(key))]
        assert followed[0] == first.key_id
        assert followed[-1] == current.key_id
        assert len(followed) <= 2
        assert not is_kept(next_key(key))
        assert asyncio.run(stanzas(log)) in (4, 6)
        before += len(followed) == 1
        after += len(followed) == 2 and waited
        if ended:
            break
    assert at > 50
    assert before > 1
    assert after > 1


def test_a_recipients_key_is_rotated(site: Site, pristine: Path) -> None:
    key = site.key("auditor")
    site.start()
    old = create_recipient_key(key, "auditor")
    shutil.rmtree(pristine)
    shutil.copytree(site.folder, pristine)
    keys = new_segment_keys()
    to_old = seal_segment_keys(keys, ORIGIN, 1, [old.recipient])
    for at in lives(pristine, site.folder):
        ended = run_killed(site.started(lambda: rotate_recipient_key(key)), LINES_OF, at, READING)
        site.start()
        # Whatever the public half is by now, what is sealed to it opens, and what was sealed before.
        published = seal_segment_keys(keys, ORIGIN, 2, [load_recipient(public_file(key))])
        ring = load_key_ring([key])
        assert open_segment_keys(to_old, ORIGIN, 1, ring) == keys
        assert open_segment_keys(published, ORIGIN, 2, ring) == keys
        new = rotate_recipient_key(key)
        assert (
            new.key_id
            == load_recipient(public_file(key)).key_id
            == load_recipient_key(key).key_id
            != old.key_id
        )
        ring = load_key_ring([key])
        assert open_segment_keys(to_old, ORIGIN, 1, ring) == keys
        assert open_segment_keys(published, ORIGIN, 2, ring) == keys
        assert not is_kept(next_key(key))
        if ended:
            break
    assert at > 20


@pytest.mark.parametrize("create", [create_log_key, create_recipient_key])
def test_a_key_is_made(create: Callable[[KeyReference, str], object], site: Site, pristine: Path) -> None:
    key = site.key("one")
    for at in lives(pristine, site.folder):
        ended = run_killed(site.started(lambda: create(key, "one")), LINES_OF, at, READING)
        site.start()
        if not (public_file(key).exists() and is_kept(key)):
            create(key, "one")
        if create is create_log_key:
            loaded = load_log_key(key).key_id
            assert [each.key_id for each in load_verifier_keys(public_file(key))] == [loaded]
        else:
            assert load_recipient_key(key).key_id == load_recipient(public_file(key)).key_id
        if ended:
            break
    assert at > 10


def test_a_key_is_split(pristine: Path, tmp_path: Path) -> None:
    folder, shares = tmp_path / "site", tmp_path / "shares"
    init_site(pristine / "site.toml", demo=True)
    public = load_recipient(pristine / "keys/escrow.pub")
    for at in lives(pristine, folder):
        shutil.rmtree(shares, ignore_errors=True)
        settings = load_site(folder / "site.toml")
        act = partial(escrow.split_recipient_key, settings, "escrow", 3, 2, shares)
        ended = run_killed(act, LINES_OF, at)
        whole = folder / "keys/escrow.key"
        try:
            kept = load_recipient_key(whole).key_id == public.key_id
        except KeyFileError:
            kept = False
        if not kept:  # then the shares are all there
            whole.unlink(missing_ok=True)
            files = sorted(shares.iterdir())
            assert len(files) == 3
            for pair in (files[:2], files[1:], files[::2]):
                whole.unlink(missing_ok=True)
                escrow.join_recipient_key(settings, "escrow", pair)
                assert load_recipient_key(whole).key_id == public.key_id
        if ended:
            assert not kept
            break
    assert at > 50
