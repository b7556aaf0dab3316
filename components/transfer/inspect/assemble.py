"""Makes an inspector from its settings."""

from components.settings.transfer import MIB, InspectTable
from components.transfer.inspect.inspector import Inspector
from components.transfer.inspect.limits import InspectLimits


def open_inspector(settings: InspectTable) -> Inspector:
    """Return an inspector with the limits of `[transfer.inspect]`; its worker starts with the first file."""
    limits = InspectLimits(
        time_s=settings.time_s,
        memory_bytes=settings.memory_mib * MIB,
        unpacked_bytes=settings.unpacked_mib * MIB,
        members=settings.members,
        depth=settings.depth,
        ratio=settings.ratio,
        pixels=settings.megapixels * 1_000_000,
    )
    return Inspector(limits, at_once=settings.at_once)
