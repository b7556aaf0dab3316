"""Which entries of a directory.toml that is in use are left out, so that the rest of it can be used."""

from typing import Any

from policy.address import AddressError, parse_bare_jid
from policy.directory.rows import rows_of
from policy.toml_problem import TomlError, read_toml


def leave_out_bad_addresses(text: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the raw tables without the people and rooms whose address no server would take, and a line for each."""
    try:
        raw = read_toml(text)
    except TomlError:
        return {}, ()
    left_out: list[str] = []
    firms = raw.get("enterprise")
    for id_, firm in firms.items() if isinstance(firms, dict) else ():
        for key in ("person", "room") if isinstance(firm, dict) else ():
            bad = dict(_find_bad(firm, key))
            if bad:
                firm[key] = [row for index, row in enumerate(firm[key]) if index not in bad]
            left_out += [f"enterprise.{id_}.{key}[{index}].jid: {reason}" for index, reason in bad.items()]
    return raw, tuple(left_out)


def _find_bad(firm: dict[str, Any], key: str) -> list[tuple[int, str]]:
    bad = []
    for index, row in rows_of(firm, key):
        try:
            parse_bare_jid(row["jid"]) if isinstance(row.get("jid"), str) else None
        except AddressError as error:
            bad.append((index, f"{error}; this entry is left out"))
    return bad
