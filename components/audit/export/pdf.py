"""PDF to print."""

from collections.abc import Iterator
from itertools import groupby

from components.audit.export.format import About, Format, Holdings, Part, Shelved
from components.audit.export.story import tell


class Pdf(Format):
    """The format `pdf`."""

    name = "pdf"
    most_in_part = 20_000
    across_shelves = True
    cannot_carry = (
        "A character that no font here can print stands as its number, an emoji with its name, such as "
        "[U+1F9FF nazar amulet]: the records have it.",
        "Skin tones and joined emoji are printed as the single signs that they are made of.",
        "The stanza itself is not in it; it is in records/.",
        "Files lie beside it, in files/, and are named in it.",
    )

    def name_part(self, part: Part) -> str:
        """See Format."""
        return f"pages-{part.number + 1:05}.pdf"

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        # Only now: the library takes half a second of processor time to load, and the console knows all formats.
        from components.audit.export.pdf_pages import Pages

        pages = Pages(part, about)
        try:
            for shelf, told in groupby(entries, key=lambda each: each.shelf):
                pages.write_title(shelf)
                for each in told:
                    pages.write_record(tell(each.entry, about.zone))
            yield pages.finish()
        finally:
            pages.close_fonts()
