"""Rows for several tables, a list for each, are put behind those of earlier records."""


def extend_lists(rows: object, further: object) -> None:
    """Add each list of `further` to the one of the same name: a list for another table needs no line here."""
    for name, more in vars(further).items():
        if isinstance(more, list):
            getattr(rows, name).extend(more)
