"""On which line of a TOML file something is said: the parser tells that for its syntax only."""

import re
from collections.abc import Iterable, Iterator, Mapping

# A key or a table's name: bare, or quoted, each part; what a path of ours writes of it has no quotes.
_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
# What a value is made of, as far as it may hide the end of its line: strings, comments, brackets.
_TOKEN = re.compile(
    r'"{3}(?:[^\\]|\\.)*?"{3,5}|\'{3}.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n',
    re.DOTALL,
)
_LAST_STEP = re.compile(r"(\.[^.\[\]]*|\[\d+\])$|^[^.\[\]]+$")


def find_line(text: str, path: str) -> int | None:
    """Return the line, from 1, of `enterprise.metals.person[2].jid`, or of the innermost that is there of it.

    None if the text has nothing of it. The text is TOML, of whatever version, that a parser has taken.
    """
    return _look_up(_find_lines(text), path)


def _find_lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    for place, line in _places(text):
        lines.setdefault(place, line)
    return lines


def _look_up(lines: Mapping[str, int], path: str) -> int | None:
    while path and path not in lines:
        path, cut = _LAST_STEP.subn("", path)
        if not cut:
            return None
    return lines.get(path)


def add_line(problem: str, text: str, name: str) -> str:
    """Return a problem, which begins with its path and a colon, with the line of the file `name` that it is about.

    One that has its line already stays as it is.
    """
    return add_lines([problem], text, name)[0]


def add_lines(problems: Iterable[str], text: str, name: str) -> list[str]:
    """Return problems as `add_line` does, and go through the text once for all of them."""
    found = list(problems)
    # Mostly there are none.
    lines = _find_lines(text) if found else {}
    return [_add_line(problem, lines, name) for problem in found]


def _add_line(problem: str, lines: Mapping[str, int], name: str) -> str:
    line = _look_up(lines, problem.partition(": ")[0])
    has_it = re.search(r" \(line \d+ of [^()]+\)$", problem)
    return problem if line is None or has_it else f"{problem} (line {line} of {name})"


def _places(text: str) -> Iterator[tuple[str, int]]:
    """Yield the path of each table and key with its line."""
    counts: dict[str, int] = {}
    table, offset, line = "", 0, 1
    while offset < len(text):
        start = re.compile(r"[ \t]*(\[\[|\[)?").match(text, offset)
        opening = start[1] if start else None
        names, end = _read_names(text, start.end() if start else offset)
        if names and opening:
            for table in _resolve(names, counts, begins=opening == "[["):
                yield table, line
        elif names and text[end : end + 1] == "=":
            for length in range(1, len(names) + 1):
                yield _join(table, names[:length]), line
            end += 1
        offset, passed = _skip_value(text, end)
        line += passed


def _read_names(text: str, offset: int) -> tuple[list[str], int]:
    """Read the parts of a key, with dots between them; returns them, and where they end."""
    names: list[str] = []
    while part := _PART.match(text, offset):
        if "\n" in part[0]:
            break
        names.append(next(group for group in part.groups() if group is not None))
        offset = part.end()
        if text[offset : offset + 1] != ".":
            break
        offset += 1
    return names, offset


def _resolve(names: list[str], counts: dict[str, int], *, begins: bool) -> Iterator[str]:
    """Yield the paths of what a table's header lies in, and its own: where there are several, it means the last."""
    path = ""
    for place, name in enumerate(names):
        path = _join(path, [name])
        yield path
        if begins and place == len(names) - 1:
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = f"{path}[{counts[path] - 1}]"
            yield path


def _join(path: str, names: list[str]) -> str:
    return ".".join([path, *names] if path else names)


def _skip_value(text: str, offset: int) -> tuple[int, int]:
    """Return where the next line of the document begins behind what begins here, and how many lines that passes."""
    depth, begin = 0, offset
    for token in _TOKEN.finditer(text, offset):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth = max(0, depth - 1)
        elif token[0] == "\n" and not depth:
            return token.end(), text.count("\n", begin, token.end())
    return len(text), text.count("\n", begin)
