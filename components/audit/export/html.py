"""An HTML transcript: one file that needs no network, runs nothing and shows what was said as text."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from urllib.parse import quote

from components.audit.export.format import About, Format, Holdings, Part, Shelf, Shelved
from components.audit.export.message import Entry, ExportFile
from components.audit.export.story import MOST_LISTED, count_records, list_people, tell, times_of
from components.audit.export.text import escape_attribute, escape_xml, write_time_for_people

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { border-top: 2px solid; font-size: 1.1rem; margin-top: 2.5rem; padding-top: .5rem; }
dl { display: grid; gap: 0 1rem; grid-template-columns: max-content 1fr; } dd { margin: 0; overflow-wrap: anywhere; }
article { border-top: 1px solid #8886; padding: .4rem 0; break-inside: avoid; }
header { display: flex; flex-wrap: wrap; font-size: .85rem; gap: 0 1rem; opacity: .8; }
.text { margin: .2rem 0; overflow-wrap: anywhere; unicode-bidi: plaintext; white-space: pre-wrap; }
ul { font-size: .85rem; margin: .2rem 0; padding-left: 1.2rem; }
li { overflow-wrap: anywhere; unicode-bidi: plaintext; }
article:target { outline: 2px solid; }
table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { border-top: 1px solid #8886; padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; } td.number, th.number { text-align: right; } td.time { white-space: nowrap; }
h2, h2 + p { break-after: avoid; }
@page { margin: 18mm; @bottom-center { content: counter(page) " / " counter(pages); font: 9pt sans-serif; } }
"""
_STYLE_SHA256 = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; base-uri 'none'; form-action 'none'"


class Html(Format):
    """The format `html`."""

    name = "html"
    one_file = "transcript.html"
    cannot_carry = (
        "The stanza itself is not in it; it is in records/.",
        "Characters that HTML cannot hold are replaced by U+FFFD.",
        "Files lie beside it, in files/, and are linked.",
    )

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        yield write_head(f"Transcript {about.id}", _describe(about))
        yield from _write_contents(holdings.shelves(), about)
        for shelf, told in groupby(entries, key=lambda each: each.shelf):
            yield f'<h2 id="{_anchor(shelf)}">{shelf.number}. {_name_parties(shelf)}</h2>\n'.encode()
            yield f"<p>{_span_of(shelf, about)}{_people_of(shelf)}</p>\n".encode()
            for each in told:
                yield write_article(each.entry, about)
        yield b"</body></html>\n"


def write_head(title: str, fields: dict[str, str]) -> bytes:
    """Return the beginning of a page, with its policy that nothing runs and nothing is fetched."""
    rows = "".join(f"<dt>{escape_xml(name)}</dt><dd>{_isolate(value)}</dd>" for name, value in fields.items())
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width">'
        f"<title>{escape_xml(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape_xml(title)}</h1>\n<dl>{rows}</dl>\n"
    ).encode()


def write_article(entry: Entry, about: About) -> bytes:
    """Return one record as an element, whose id is the record's."""
    told = tell(entry, about.zone)
    anchor = escape_attribute(told.record.replace("/", "-"))
    notes = [f"<li>{escape_xml(note)}</li>" for note in told.notes]
    notes += [f"<li>{_link(file)}</li>" for file in told.files]
    listed = f"<ul>{''.join(notes)}</ul>" if notes else ""
    return (
        f'<article id={anchor}><header><time>{told.time}</time><bdi dir="ltr">{escape_xml(told.who)}</bdi>'
        f'<span>{escape_xml(told.record)}</span></header><p class="text" dir="auto">{escape_xml(told.text)}</p>'
        f"{listed}</article>\n"
    ).encode()


def _describe(about: About) -> dict[str, str]:
    return {
        "Site": about.site,
        "Query": about.query,
        "Matter": about.matter or "none",
        "Records that matched": f"{about.matched:,}",
        "Left out": "as exceptions.jsonl says, and why",
        "Exported": f"{write_time_for_people(about.started_at_ns, about.zone)}, by {about.auditor}",
        "Times are in": about.zone_name,
        "Made by": f"Steelyard {about.version}; manifest.json says what proves it",
    }


def _write_contents(shelves: Iterator[Shelf], about: About) -> Iterator[bytes]:
    yield (
        b'<nav><h2 id="contents">Contents</h2><table><thead><tr><th class="number">No.</th><th>Conversation</th>'
        b'<th>From, to</th><th class="number">Records</th></tr></thead><tbody>\n'
    )
    for shelf in shelves:
        link = f'<a href="#{_anchor(shelf)}">{_name_parties(shelf)}</a>'
        yield (
            f'<tr><td class="number">{shelf.number}</td><td>{link}{_people_of(shelf, MOST_LISTED)}</td>'
            f'<td class="time">{"<br>".join(times_of(shelf, about))}</td><td class="number">{shelf.count:,}</td></tr>\n'
        ).encode()
    yield b"</tbody></table></nav>\n"


def _anchor(shelf: Shelf) -> str:
    return f"conversation-{shelf.number}"


def _name_parties(shelf: Shelf) -> str:
    return " and ".join(_name(shelf, jid) for jid in shelf.parties) or escape_xml(shelf.title)


def _name(shelf: Shelf, jid: str) -> str:
    """Name somebody so that neither the name nor the JID turns the direction of what stands beside it."""
    name = shelf.names.get(jid, "")
    return f"{_isolate(name)} &lt;{_isolate(jid)}&gt;" if name else _isolate(jid)


def _span_of(shelf: Shelf, about: About) -> str:
    return f"{' to '.join(times_of(shelf, about))}, {count_records(shelf.count)}."


def _people_of(shelf: Shelf, most: int | None = None) -> str:
    people = list_people(shelf, lambda jid: _name(shelf, jid), most)
    return f"<br>{people}" if people else ""


def _isolate(text: str) -> str:
    return f"<bdi>{escape_xml(text)}</bdi>"


def _link(file: ExportFile) -> str:
    about = f"{file.size_bytes:,} bytes, SHA-256 {file.sha256 or 'not known'}"
    shown = f"<bdi>{escape_xml(file.name)}</bdi> ({escape_xml(about)})"
    if not file.path:
        return f"File {shown}: {escape_xml(file.fault)}"
    return f"File <a href={escape_attribute(quote(file.path))}>{shown}</a>"
