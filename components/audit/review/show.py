"""Shows an item of a review: without names where a rule wants a reason first (docs/review.md, section 8)."""

from dataclasses import dataclass

from components.audit.auditor import find_auditor
from components.audit.author import Author
from components.audit.review.desk import open_desk
from components.audit.review.names import HiddenNames, queue_of
from components.audit.review.rules import load_directory
from components.audit.show import RecordDetail, show
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Nameless:
    """What an item says, without the names of people."""

    item: str
    at_ns: int
    sender: str
    to: str
    rules: tuple[str, ...]
    text: str
    access_id: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with its proof; `nameless` is all of it that may be shown, None if it has no names to hide."""

    detail: RecordDetail
    nameless: Nameless | None = None


async def show_item(settings: SiteFile, record_id: str, reason: str, progress: Progress) -> Shown:
    """Show a record to a reviewer; the look is recorded, with the reason, before this returns.

    Raises SiteError, also to an auditor of some enterprises for a record of others, and LogError.
    """
    auditor = find_auditor(settings)
    desk = await open_desk(settings, Author(auditor), progress)
    item = desk.items.get(record_id)
    if item is None and auditor.enterprises is not None:
        raise SiteError(f"there is no item {record_id} that {auditor.id} may see")
    if item is not None:
        await desk.look("review-show", record_id, [record_id], " ".join(reason.split()))
    detail = await show(settings, record_id, progress, auditor)
    if item is None or not item.hides_names or reason.strip():
        return Shown(detail)
    names, flagged = HiddenNames(settings, load_directory(settings)), item.flagged
    queue = queue_of(flagged.rules)
    text = names.hide(queue, (flagged.sender, flagged.to), detail.view.reading.text)
    sender, to = names.show(queue, flagged.sender), names.show(queue, flagged.to)
    nameless = Nameless(record_id, flagged.at_ns, sender, to, flagged.rules, text, detail.access_id)
    return Shown(detail, nameless)
