"""Charts, drawn here as SVG: no program of others, and nothing that the page's policy would not let in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from components.audit.facets import DayCount

_MOST_BARS = 90
_WIDTH, _HEIGHT, _TOP, _BOTTOM = 1000, 84, 6, 16
_VERDICTS = ("hold", "refuse")

# With %, which takes a third of the time that `format` does; both escape what they put in.
_BAR = Markup(
    '<a href="%s" data-from="%s" data-to="%s" aria-label="%s"><title>%s</title>'
    '<rect class="area-of" x="%.1f" y="0" width="%.1f" height="%d"/>%s</a>'
)
_PART = Markup('<rect class="bar-of %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>')
_TEXT = Markup('<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>')


@dataclass(frozen=True, slots=True)
class Bar:
    """Some days together, from `first` to `last`, and how many records they have, by verdict."""

    first: date
    last: date
    records: int
    verdicts: tuple[int, ...]


def gather_bars(days: Sequence[DayCount]) -> tuple[Bar, ...]:
    """Gather days into bars of equally many days each, with days without records between them."""
    if not days:
        return ()
    first, last = days[0].day, days[-1].day
    width = -(-((last - first).days + 1) // _MOST_BARS)
    number = -(-((last - first).days + 1) // width)
    totals = [[0] * (1 + len(_VERDICTS)) for _ in range(number)]
    for each in days:
        bar = totals[(each.day - first).days // width]
        bar[0] += each.records
        for place, verdict in enumerate(_VERDICTS, 1):
            bar[place] += each.count(verdict)
    step = timedelta(days=width)
    return tuple(
        Bar(first + step * at, first + step * (at + 1) - timedelta(days=1), total, tuple(verdicts))
        for at, (total, *verdicts) in enumerate(totals)
    )


def draw_timeline(
    days: Sequence[DayCount], title: str, link: Callable[[date, date], str], label: Callable[[str, int], str]
) -> Markup:
    """Draw a bar for each day, or for some days together; each leads to a search within them. Empty without days."""
    bars = gather_bars(days)
    if not bars:
        return Markup()
    # Few days make no thick bars.
    step = min(_WIDTH / len(bars), 60.0)
    most = max(bar.records for bar in bars)
    drawn = Markup().join(_draw_bar(bar, at * step, step, most, link, label) for at, bar in enumerate(bars))
    base = _HEIGHT - _BOTTOM
    texts = _TEXT.format(x=0, y=_HEIGHT - 3, anchor="start", text=bars[0].first.isoformat())
    if len(bars) * step > 200:
        texts += _TEXT.format(x=len(bars) * step, y=_HEIGHT - 3, anchor="end", text=bars[-1].last.isoformat())
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="group" aria-label="{title}">'
        '<line class="axis" x1="0" x2="{width}" y1="{base}" y2="{base}"/>{drawn}{texts}</svg>'
    ).format(width=_WIDTH, height=_HEIGHT, base=base, title=title, drawn=drawn, texts=texts)


def _draw_bar(
    bar: Bar,
    x: float,
    step: float,
    most: int,
    link: Callable[[date, date], str],
    label: Callable[[str, int], str],
) -> Markup:
    room, y = _HEIGHT - _BOTTOM - _TOP, float(_HEIGHT - _BOTTOM)
    others = bar.records - sum(bar.verdicts)
    parts = Markup()
    for kind, number in zip(("", *_VERDICTS), (others, *bar.verdicts), strict=True):
        # What there is can be seen, however little it is.
        height = max(room * number / most, 1.5) if number else 0.0
        y -= height
        if number:
            parts += _PART % (kind, x + step * 0.1, y, step * 0.8, height)
    first, last = bar.first.isoformat(), bar.last.isoformat()
    told = label(first if first == last else f"{first} – {last}", bar.records)
    return _BAR % (link(bar.first, bar.last), first, last, told, told, x, step, _HEIGHT - _BOTTOM, parts)
