"""Acts in matters as events of the audit log (docs/archive-format.md, 1.1, kind 13), there and back."""

from components.archive.record import Event, RecordKind
from components.audit.matter.values import Deed, MatterAct

_OWN = ("matter", "by")


def make_event(deed: Deed) -> Event:
    """Return the event that records an act."""
    details = {"matter": deed.matter, "by": deed.by} | dict(deed.details)
    return Event(RecordKind.MATTER, deed.act, tuple(sorted(details.items())), deed.at_ns)


def read_deed(event: Event, record_id: str) -> Deed | None:
    """Return the act that an event records; None for another event, such as a grant's."""
    if event.name not in set(MatterAct):
        return None
    details = dict(event.details)
    matter, by = (str(details.get(name, "")) for name in _OWN)
    rest = {name: value for name, value in details.items() if name not in _OWN}
    return Deed(MatterAct(event.name), matter, by, event.at_ns, rest, record_id)
