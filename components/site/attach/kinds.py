"""The servers that Steelyard can be attached to, as data: how each is looked at, checked, and given its lines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.attach.check import Note, check_server
from components.site.attach.ejabberd.adapter import place_adapter, remove_adapter
from components.site.attach.ejabberd.check import check_ejabberd
from components.site.attach.ejabberd.lines import render_ejabberd
from components.site.attach.ejabberd.survey import survey_people as people_of_ejabberd
from components.site.attach.ejabberd.survey import survey_settings as settings_of_ejabberd
from components.site.attach.lines import render_included
from components.site.attach.survey import Stored, Survey, survey_people, survey_settings


@dataclass(frozen=True, slots=True)
class ServerKind:
    """A kind of server; `place` and `remove` are for what it needs besides the two files, by its configuration.

    All but `render` and `check` raise SiteError.
    """

    name: ServerName
    survey_settings: Callable[[Path], Survey]
    survey_people: Callable[[Path], Stored]
    check: Callable[[Survey, SiteFile], tuple[Note, ...]]
    render: Callable[[SiteFile, Survey, str], str]
    place: Callable[[Path], None]
    remove: Callable[[Path], None]


def _nothing(_config: Path) -> None:
    """Prosody finds its adapter where Steelyard is installed."""


KINDS: Mapping[ServerName, ServerKind] = {
    kind.name: kind
    for kind in (
        ServerKind(
            "prosody", survey_settings, survey_people, check_server, render_included, _nothing, _nothing
        ),
        ServerKind(
            "ejabberd",
            settings_of_ejabberd,
            people_of_ejabberd,
            check_ejabberd,
            render_ejabberd,
            place_adapter,
            remove_adapter,
        ),
    )
}
