"""Manual pages and shell completion, made of the commands' own help: `python -m components.cli.manual FOLDER`.

The pages are `man(7)` text: `steelyard.1` for all, and one for each command or group, such as `steelyard-audit.1`.
"""

import importlib.metadata
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from cyclopts import App
from cyclopts.argument import Argument

from components.cli.app import app

SHELLS: Mapping[str, str] = {
    "bash": "bash-completion/completions/steelyard",
    "zsh": "zsh/vendor-completions/_steelyard",
    "fish": "fish/vendor_completions.d/steelyard.fish",
}
"""Where Debian's shells look for completion, below /usr/share."""

_NAME = "steelyard"
_NOTHING = "\\&"


def write_manual(folder: Path) -> list[Path]:
    """Write pages and completion below a folder as they lie in /usr/share; returns the files."""
    texts = {f"man/man1/{name}.1": page for name, page in render_pages()}
    texts |= {path: complete(shell) for shell, path in SHELLS.items()}
    files = []
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        files.append(file)
    return files


@cache
def complete(shell: str) -> str:
    """Return the script with which a shell (`bash`, `zsh`, `fish`) completes command lines."""
    return str(app.generate_completion(prog_name=_NAME, shell=shell))  # type: ignore[arg-type]


def render_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each manual page."""
    commands = list(_commands(app))
    title, _ = _split_help(app)
    entries = [_entry(f"\\fB{_page(name)}\\fR(1)", _split_help(command)[0]) for name, command in commands]
    general = [f".B {_NAME}", "\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]", ".SH DESCRIPTION", _prose(title)]
    yield _NAME, "\n".join([*_head(_NAME, title), *general, ".SH COMMANDS", *entries, *_foot()])
    for name, command in commands:
        head = _head(_page(name), _split_help(command)[0])
        see = [".SH SEE ALSO", f".BR {_NAME} (1)"]
        yield _page(name), "\n".join([*head, *_body(name, command), *see, *_foot()])


def _body(name: str, command: App) -> Iterator[str]:
    """Yield the synopsis and the text of a command, or those of all commands of a group."""
    inside = [(path, each, tuple(_shown(each))) for path, each in _all_commands(name, command)]
    yield from (_synopsis(path, shown) for path, _, shown in inside)
    yield ".SH DESCRIPTION"
    yield _prose("\n\n".join(part for part in _split_help(command) if part))
    if command.default_command is None:
        yield ".SH COMMANDS"
    for path, each, shown in inside:
        if each is not command:
            yield f".SS {_escape(path)}"
            yield _prose("\n\n".join(part for part in _split_help(each) if part))
        yield from _arguments(shown, ".SH OPTIONS" if each is command else "")


def _arguments(shown: Iterable[Argument], title: str) -> Iterator[str]:
    entries = [_entry(_names(each), _explain(each)) for each in shown]
    yield from ([title] if title and entries else [])
    yield from entries


def _names(argument: Argument) -> str:
    value = f"\\fI{_escape(argument.names[0].lstrip('-').upper())}\\fR"
    if argument.index is not None or not argument.names[0].startswith("-"):
        return value
    names = ", ".join(f"\\fB{_escape(name)}\\fR" for name in argument.names)
    return names if argument.hint is bool else f"{names} {value}"


def _explain(argument: Argument) -> str:
    notes = []
    if choices := argument.get_choices():
        notes.append(f"One of {', '.join(choices)}.")
    if argument.parameter.env_var:
        notes.append(f"Without it, {', '.join(argument.parameter.env_var)} names it.")
    default = argument.field_info.default
    if isinstance(default, str | int | float | Path) and not isinstance(default, bool) and default != "":
        notes.append(f"Default: {default}.")
    return " ".join([str(argument.parameter.help or "").strip(), *notes]).strip()


def _synopsis(path: str, shown: Iterable[Argument]) -> str:
    words = [f".B {_escape(path)}"]
    for argument in shown:
        word = _names(argument)
        words.append(word if argument.required else f"[{word}]")
    return "\n".join([*words, ".br"])


def _shown(command: App) -> Iterator[Argument]:
    arguments = command.assemble_argument_collection(
        default_parameter=app.default_parameter, parse_docstring=True
    )
    return (each for each in arguments if each.show)


def _all_commands(path: str, command: App) -> Iterator[tuple[str, App]]:
    if command.default_command is not None:
        yield path, command
    for name, each in _commands(command):
        yield from _all_commands(f"{path} {name.rpartition(' ')[2]}", each)


def _commands(parent: App) -> Iterator[tuple[str, App]]:
    beneath = _NAME if parent is app else ""
    for name in parent:
        if not name.startswith("-"):
            yield f"{beneath} {name}".strip(), parent[name]


def _split_help(command: App) -> tuple[str, str]:
    """Return what a command does in one sentence, and what more its help says, without its parameters."""
    text = str(command.help or "")
    about = text.partition("Parameters\n")[0]
    lines = [line.strip() for line in about.strip().splitlines()]
    first, _, more = "\n".join(lines).partition("\n\n")
    return first.replace("\n", " "), more.strip()


def _page(name: str) -> str:
    return name.replace(" ", "-")


def _head(name: str, title: str) -> list[str]:
    version = importlib.metadata.version(_NAME)
    return [
        f'.TH {name.upper()} 1 "" "steelyard {version}" "Steelyard"',
        ".SH NAME",
        f"{_escape(name)} \\- {_escape(title.rstrip('.'))}",
        ".SH SYNOPSIS",
    ]


def _foot() -> list[str]:
    return [
        ".SH ENVIRONMENT",
        _entry("\\fBSTEELYARD_SITE\\fR", "Names the site's file where --site does not."),
        _entry("\\fBSTEELYARD_\\fITABLE\\fB__\\fISETTING\\fR", "Sets a setting in place of site.toml's."),
        ".SH EXIT STATUS",
        "0 if all is well, 1 if what was looked at is not as it should be, 2 for wrong use.",
        "",
    ]


def _entry(name: str, text: str) -> str:
    return f".TP\n{name}\n{_prose(text) if text else _NOTHING}"


def _prose(text: str) -> str:
    return "\n.PP\n".join(_escape(" ".join(part.split())) for part in text.split("\n\n"))


def _escape(text: str) -> str:
    """Return a text as `man(7)` prints it as it is: no escapes, no requests, ASCII's own quotes and hyphens."""
    special = {"\\": "\\e", "-": "\\-", "'": "\\(aq", '"': "\\(dq", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga"}
    escaped = "".join(special.get(character, character) for character in text)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def main() -> int:
    """Write all below the folder that the command line names, and print the files."""
    if len(sys.argv) != 2:
        print("name the folder: python -m components.cli.manual FOLDER", file=sys.stderr)
        return 2
    for file in write_manual(Path(sys.argv[1])):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
