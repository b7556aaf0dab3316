"""Which export is made: of this site, or of all that site.toml names; begun, or gone on with."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.audit.export.export import Wanted
from components.audit.sites import handed_over
from components.audit.sites.export import BEGUN, Asking
from components.audit.sites.handed_over import HandOver, hand_over
from components.process.progress import ignore_progress

WANTED = Wanted("copper", "jsonl")
ASKING = Asking(ignore_progress, who="anna", is_partial=True)
AUDITOR = object()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was asked for, each with all that it was given."""
    found: list[tuple[object, ...]] = []

    def note(name: str) -> Callable[..., Coroutine[Any, Any, str]]:
        async def noted(*given: object) -> str:
            found.append((name, *given[1:]))
            return name

        return noted

    for name in ("export", "resume", "export_sites", "resume_sites"):
        monkeypatch.setattr(handed_over, name, note(name))
    monkeypatch.setattr(
        handed_over, "find_auditor", lambda _settings, who: AUDITOR if who == "anna" else None
    )
    return found


@pytest.mark.parametrize("folder", ["new", "of one site", "of several sites"])
@pytest.mark.parametrize("sites", [(), ("london",)], ids=["one site", "several sites"])
@pytest.mark.parametrize("is_of_all", [True, False])
@pytest.mark.parametrize("wanted", [WANTED, None], ids=["begun", "gone on with"])
async def test_the_export_that_is_made(
    asked: list[tuple[object, ...]],
    tmp_path: Path,
    folder: str,
    sites: tuple[str, ...],
    is_of_all: bool,
    wanted: Wanted | None,
) -> None:
    out = tmp_path / "out"
    if folder != "new":
        out.mkdir()
        (out / (BEGUN if folder == "of several sites" else "manifest.json")).touch()
    settings: Any = SimpleNamespace(audit=SimpleNamespace(sites=sites))
    made = await hand_over(settings, HandOver(out, wanted, is_of_all=is_of_all), ASKING)
    may_be_of_sites = is_of_all and bool(sites)
    # What goes on is what was begun.
    is_of_sites = may_be_of_sites and (wanted is not None or folder == "of several sites")
    name = ("export" if wanted else "resume") + ("_sites" if is_of_sites else "")
    query = (wanted,) if wanted else ()
    assert asked == [(name, *query, out, *((ASKING,) if is_of_sites else (ignore_progress, AUDITOR)))]
    assert made == asked[0][0]
