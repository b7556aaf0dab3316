"""The text of a document, by the one library that reads them (docs/decisions/0179)."""

import tempfile
from contextlib import suppress
from pathlib import Path

from kreuzberg import ExtractionConfig, KreuzbergError, extract_bytes_sync, render_pdf_page

# No cache: it would keep what traders wrote in a folder of its own.
_CONFIG = ExtractionConfig(use_cache=False, enable_quality_processing=False)

PDF = "application/pdf"
HTML = "text/html"
RTF = "application/rtf"
OF_OPEN_XML = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
OF_OLD_OFFICE = {
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".msg": "application/vnd.ms-outlook",
    ".doc": "application/msword",
}


# What of the library reads PDFs, where it puts that; and a page with nothing on it, which has it put there.
_PDF_PART = "kreuzberg-pdfium/libpdfium.so"
_BLANK = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj
trailer<</Root 1 0 R>>
"""


class DocumentError(Exception):
    """A document that the library does not read: damaged, encrypted, or beyond its limits."""


def unpack_library() -> None:
    """Have the library unpack what reads PDFs into the folder of temporary files, unless it is there."""
    if not (Path(tempfile.gettempdir()) / _PDF_PART).exists():
        with suppress(DocumentError):
            extract_text(_BLANK, PDF)


def extract_text(data: bytes, media_type: str) -> str:
    """Return the text of a document of this type; raises DocumentError."""
    try:
        return extract_bytes_sync(data, media_type, _CONFIG).content
    except (KreuzbergError, RuntimeError, ValueError) as error:
        raise DocumentError(type(error).__name__) from None


def render_page(path: str, page: int, dpi: int) -> bytes | None:
    """Return a page of a PDF, counted from 0, as a PNG; None where there is no such page."""
    try:
        return render_pdf_page(path, page, dpi=dpi)
    except (KreuzbergError, RuntimeError, ValueError, IndexError):
        return None
