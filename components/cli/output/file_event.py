"""What a record of a file says, in a line."""

from components.archive.record import Event

OUTCOMES = {"release": "let through", "hold": "held", "refuse": "refused"}
_FINDINGS = {
    "found_type": "content",
    "marks": "marks",
    "signature": "virus",
    "unscanned": "not scanned",
    "rules": "rules",
}
_LISTS = ("marks", "rules")


def tell_file_event(event: Event) -> str:
    """Return what happened to a file, and what was found in it; its name, size and owner are told elsewhere."""
    details = {name: str(value) for name, value in event.details}
    if event.name == "fetched":
        return f"fetched from {details.get('address', '?')}, {_tell_span(details)}"
    outcome = OUTCOMES.get(details.get("action", ""), "")
    happened = f"{event.name}, {outcome}" if outcome not in ("", event.name) else event.name
    if details.get("found_type", "").lower() == details.get("media_type", "").lower():
        details.pop("found_type", None)
    found = (
        f"{title}: {details[name].replace(' ', ', ') if name in _LISTS else details[name]}"
        for name, title in _FINDINGS.items()
        if details.get(name)
    )
    return "; ".join((happened, *found))


def _tell_span(details: dict[str, str]) -> str:
    first, end = details.get("first_byte", ""), details.get("end_byte", "")
    return f"bytes {int(first):,} to {int(end):,}" if first.isdecimal() and end.isdecimal() else "all of it"
