"""A gate's log of a site, as its process would have begun it."""

from components.archive.keys import load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.record import Access, RecordKind, encode_access
from components.archive.store.open import open_store
from components.archive.writer import Entry
from components.settings.site import SiteFile
from tests.support.typed import file_of


async def record(settings: SiteFile, count: int = 3) -> None:
    """Append so many records to the gate's log, and close it."""
    log = settings.gate
    file_of(log.log).parent.mkdir(exist_ok=True)
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    writer = await open_log_writer(await open_store(log.log), log.log_key_file, log.log_origin, recipients)
    payload = encode_access(Access("someone", "search", "x", 1, 0, 0))
    await writer.append([Entry(RecordKind.ACCESS, payload)] * count)
    await writer.close()
