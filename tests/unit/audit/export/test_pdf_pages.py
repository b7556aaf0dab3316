"""The pages of a PDF: each has its number among all, whatever is written on it, and the same bytes each time."""

import os
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import kreuzberg
import pytest

from components.audit.export.fonts import find_covered
from components.audit.export.format import About, Part, Shelf, Shelved
from components.audit.export.html import Html
from components.audit.export.pdf import Pdf
from components.audit.export.pdf_pages import Pages, printable
from components.audit.export.story import Told

ABOUT = About("audit/7", "Metals", "copper", "", "Etc/UTC", UTC, 1_795_500_000 * 10**9, 200, "0.1.0", "erin")
TALK = Shelf(1, "alice bob", ("alice", "bob"), 0, 60 * 10**9, 200)


def make_pages(records: int, about: About = ABOUT) -> bytes:
    """Print so many records, some of which say what looks like a number of pages."""
    pages = Pages(Part(0, None), about)
    pages.write_title(TALK)
    for number in range(records):
        said = f"copper {number}, page {{nb}} of {{nb}}\n铜 {number}\nمرحبا {number}"
        pages.write_record(Told(f"gate/{number}", "10:00", "alice", said, (), ()))
    return pages.finish()


def open_fonts() -> list[str]:
    """Return the files of fonts that this process has open."""
    opened = (os.path.realpath(entry.path) for entry in os.scandir("/proc/self/fd"))
    return [file for file in opened if "/fonts/" in file]


class Nothing:
    """Nothing was attached, and nothing said."""

    def read(self, path: str) -> bytes:
        raise FileNotFoundError(path)

    def shelves(self) -> Iterator[Shelf]:
        return iter(())


def stop_early() -> Iterator[Shelved]:
    raise OSError("the archive is away")
    yield


def read(pdf: bytes, folder: Path) -> str:
    (folder / "pages.pdf").write_bytes(pdf)
    return kreuzberg.extract_file_sync(folder / "pages.pdf").content


@pytest.mark.programs
@pytest.mark.parametrize("records", [0, 1, 10, 200])
def test_each_page_has_its_number_among_all(tmp_path: Path, records: int) -> None:
    pdf = make_pages(records)
    count = len(re.findall(rb"/Type /Page\b", pdf))
    assert count == (2 if records < 20 else count) and (records < 200 or count > 5)
    printed = read(pdf, tmp_path)
    numbers = re.findall(r"Page (\d+) of (\d+); times are in Etc/UTC", printed)
    assert numbers == [(str(number), str(count)) for number in range(1, count + 1)]
    # What people write is no place for a number of ours.
    assert printed.count("page {nb} of {nb}") == records


def test_the_same_records_are_the_same_bytes() -> None:
    assert make_pages(30) == make_pages(30)


def test_no_file_of_a_font_stays_open_when_an_export_stops_early() -> None:
    before = open_fonts()
    # Who keeps the error keeps all that was there when it came.
    with pytest.raises(OSError, match="away") as caught:
        list(Pdf().encode(Part(0, None), stop_early(), ABOUT, Nothing()))
    assert caught.tb is not None and open_fonts() == before


@pytest.mark.programs
def test_no_head_of_a_record_and_no_title_is_alone_at_the_end_of_a_page(tmp_path: Path) -> None:
    pages = Pages(Part(0, None), ABOUT)
    for number in range(120):
        if number % 7 == 0:
            pages.write_title(Shelf(number, f"talk-{number}", (), 0, 0, 7))
        pages.write_record(
            Told(f"gate/{number}", "10:00", "alice", f"said-{number}", ("noted",) * (number % 5), ())
        )
    for page in re.split(r"Page \d+ of \d+", read(pages.finish(), tmp_path)):
        heads, texts = re.findall(r"gate/(\d+)", page), re.findall(r"said-(\d+)", page)
        assert heads == texts
        assert not re.search(r"talk-\d+\s*$", page)


@pytest.mark.programs
@pytest.mark.parametrize("talks", [1, 150])
def test_contents_name_the_page_on_which_each_conversation_begins(tmp_path: Path, talks: int) -> None:
    pages = Pages(Part(0, None), ABOUT)
    names = {"alice": "أليس", "bob": "陈伟"}
    for number in range(1, talks + 1):
        pages.write_title(Shelf(number, "alice bob", ("alice", "bob"), 0, 60 * 10**9, 2, names))
        pages.write_record(Told(f"gate/{number}", "10:00", "alice", "said\n" * (number % 9 + 1), (), ()))
    pdf = pages.finish()
    printed, begin, listed = read(pdf, tmp_path), list[int](), list[int]()
    for number, page in enumerate(re.split(r"Page \d+ of \d+.*", printed), 1):
        if titles := re.findall(r"^Conversation \d+: .* 陈伟 <bob>", page, re.MULTILINE):
            # In the contents, the numbers of pages are written behind all else.
            numbers = [int(line) for line in re.findall(r"^\d+(?=\s*$)", page, re.MULTILINE)]
            listed += numbers
            begin += [number] * (0 if numbers else len(titles))
    assert len(listed) == talks and listed == begin
    # The rest of each conversation is in another file.
    assert printed.count("1 of its 2 records") == talks
    # What one clicks on leads to the same pages as the bookmarks.
    kids = re.search(rb"/Kids \[([^]]*)\]", pdf)
    assert kids
    numbered = {id_: number for number, id_ in enumerate(re.findall(rb"(\d+) 0 R", kids[1]), 1)}
    led = [numbered[id_] for id_ in re.findall(rb"/Dest \[(\d+) 0 R", pdf)]
    assert sorted(led) == sorted(begin * 2)


def test_an_emoji_that_no_font_has_is_named_and_letters_are_not() -> None:
    missing = [char for char in "👍🧿ก" if ord(char) not in find_covered()]
    named = {"👍": "[U+1F44D thumbs up sign]", "🧿": "[U+1F9FF nazar amulet]", "ก": "[U+0E01]"}
    assert missing, "each of them is in no font that is needed"
    assert [printable(char) for char in missing] == [named[char] for char in missing]


@pytest.mark.programs
def test_a_transcript_says_who_exported_it_and_where_what_is_left_out_is_listed(tmp_path: Path) -> None:
    told = b"".join(Html().encode(Part(0, None), iter(()), ABOUT, Nothing())).decode()
    for text in (" ".join(read(make_pages(0), tmp_path).split()), told):
        assert "by erin" in text and "exceptions.jsonl" in text
