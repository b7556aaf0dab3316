"""When a file is not what it is called: true names in many spellings pass, wrong ones do not."""

import pytest

from components.transfer.inspect.ending import ending_of, is_disguised

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("name", "claimed", "found"),
    [
        ("a.JPG", "image/png", "image/webp"),
        ("note.ogg", "video/ogg", "audio/ogg"),
        ("a.mp3", "audio/mpeg", "application/octet-stream"),
        ("prices.csv", "application/vnd.ms-excel", "text/csv"),
        ("a.txt.gz", "text/plain", "application/gzip"),
        ("a.tar.gz", "application/x-tar", "application/gzip"),
        ("a.docx", "application/zip", DOCX),
        ("a.docx", DOCX, "application/x-ole-storage"),
        ("a.doc", "application/msword", "application/rtf"),
        ("a.html", "text/plain", "text/html"),
        ("README", "", "text/plain"),
        ("a.unheard-of", "application/octet-stream", "application/pdf"),
        ("a.xml", "text/xml", "application/xml"),
    ],
)
def test_what_misleads_nobody(name: str, claimed: str, found: str) -> None:
    assert not is_disguised(name, claimed, found)


@pytest.mark.parametrize(
    ("name", "claimed", "found"),
    [
        ("a.jpg", "image/jpeg", "application/pdf"),
        ("a.pdf", "image/png", "application/pdf"),
        ("a.pdf", "", "application/zip"),
        ("a.pdf", "", "application/octet-stream"),
        ("a.xlsx", "", DOCX),
        ("a.docx", "", "application/vnd.ms-word.document.macroenabled.12"),
        ("a", "image/png", "text/plain"),
        ("a.png", "", "image/svg+xml"),
        ("a.txt", "", "application/zip"),
        ("a.mp3", "", "text/plain"),
        ("a.zip", "", "application/vnd.rar"),
    ],
)
def test_what_misleads(name: str, claimed: str, found: str) -> None:
    assert is_disguised(name, claimed, found)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.EXE", "exe"),
        ("a.exe. .", "exe"),
        ("a.pdf.js", "js"),
        ("exe", ""),
        (".exe", ""),
        ("a.", ""),
        ("b/c.d/e.f", "f"),
    ],
)
def test_the_ending_that_counts(name: str, ending: str) -> None:
    assert ending_of(name) == ending
