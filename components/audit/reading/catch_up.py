"""Brings what files say into the index."""

import asyncio
import os

from components.archive.blobs.errors import BlobUnavailable
from components.audit.index.contents import WaitingContent, find_waiting, note_read
from components.audit.index.index import Index
from components.audit.reading.content import ContentState, ReadContent
from components.audit.reading.places import ContentDamaged, ContentPlaces
from components.audit.reading.turn import take_turn
from components.audit.reading.workers import FileReaders
from components.process.progress import Progress


async def read_new_files(
    index: Index, places: ContentPlaces, readers: FileReaders, progress: Progress
) -> None:
    """Read all files that were not read yet, and index what they say; call `progress(files done, files in all)`.

    What another process is just reading is waited for. What cannot be opened now waits for the next call. A crash
    leaves whole files.
    """
    async with take_turn(readers.folder):
        with index.look() as db:
            waiting = find_waiting(db, (readers.name, readers.sound_name))
        await _read_all(waiting, index, places, readers, progress)


async def _read_all(
    waiting: list[WaitingContent],
    index: Index,
    places: ContentPlaces,
    readers: FileReaders,
    progress: Progress,
) -> None:
    turn = asyncio.Semaphore(os.cpu_count() or 1)
    done = 0
    is_available = True

    async def read(content: WaitingContent) -> None:
        nonlocal done, is_available
        found = None
        async with turn:
            # A store that is not reached is not asked for each file.
            if is_available or not content.blob:
                try:
                    found = await _read(content, places, readers)
                except BlobUnavailable:
                    is_available = False
        if found is not None:
            with index.change() as db:
                note_read(db, content.id, found, readers.name_for(found))
        done += 1
        progress(done, len(waiting))

    async with asyncio.TaskGroup() as tasks:
        for content in waiting:
            tasks.create_task(read(content))


async def _read(content: WaitingContent, places: ContentPlaces, readers: FileReaders) -> ReadContent | None:
    try:
        opened = await places.open(content)
        if opened is None:
            return None
        return await readers.read(content.name, content.claimed_type, opened.size_bytes, opened.pieces)
    except ContentDamaged:
        return ReadContent(ContentState.FAILED)
