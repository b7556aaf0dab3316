"""What is exported stands in any log: also in that of made-up talk, whose places come before all others."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from components.audit.export.collect import spans_of
from components.audit.export.spool import Spool
from components.audit.index.logs import IndexedLog

PLACES = st.lists(st.tuples(st.sampled_from(IndexedLog), st.integers(0, 300)), unique=True).map(
    lambda found: sorted(log.place(number) for log, number in found)
)


@given(PLACES)
def test_spans_have_each_record_once(places: list[int]) -> None:
    spanned = [log.place(number) for log, first, end in spans_of(places) for number in range(first, end)]
    assert set(places) <= set(spanned)
    assert spanned == sorted(set(spanned))


def test_the_first_to_collect_is_the_first_record_of_the_first_log(tmp_path: Path) -> None:
    places = [log.place(number) for log in sorted(IndexedLog) for number in (0, 7)]
    with Spool(tmp_path / "spool") as spool:
        with spool.change():
            spool.add_matched(places)
        assert spool.places_after(spool.last_collected(), 100) == places
