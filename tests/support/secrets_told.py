"""Where a site's secrets could be told to others: files, command lines, environments, logs and figures."""

import base64
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

HOOK = Path(__file__).parent / "opened"
_WORD = re.compile(r"[A-Za-z0-9+/=_-]{16,}")
_OTHERS = stat.S_IRGRP | stat.S_IROTH
_ENTER = stat.S_IXGRP | stat.S_IXOTH


def secret_words(files: Iterable[Path], public: Iterable[Path]) -> dict[str, str]:
    """Return what to look for, each with the name of its file: words of texts; of bytes the usual forms.

    What is in a public file, too, is no secret: a key's id, the label of a PEM.
    """
    known = " ".join(file.read_text() for file in public)
    found: dict[str, str] = {}
    for file in files:
        content = file.read_bytes()
        try:
            words = _WORD.findall(content.decode("ascii"))
        except UnicodeDecodeError:
            words = [content.hex(), base64.b64encode(content).decode()]
        found |= {word: file.name for word in words if word not in known}
    return found


def find_told(words: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Return a line for each place whose text has a secret; the line does not say it."""
    return [
        f"{name} is in {place}"
        for place, text in places.items()
        for word, name in words.items()
        if word in text
    ]


def processes_below(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started, also by others."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def process_texts(processes: Iterable[psutil.Process]) -> Iterator[tuple[str, str]]:
    """Yield what everybody on the machine sees of processes, and their environments."""
    for process in processes:
        try:
            command = " ".join(process.cmdline())
            environment = "\n".join(f"{name}={value}" for name, value in process.environ().items())
        except psutil.NoSuchProcess:
            continue  # a reader of a file, for instance, has just ended
        yield f"the command line of {command[:80]}", command
        yield f"the environment of {command[:80]}", environment


def readable_by_others(folder: Path) -> set[Path]:
    """Return the files below a folder, by their paths in it, that another user gets at and may read."""
    found = set()
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & _ENTER:
            found |= {path.relative_to(folder) / each for each in readable_by_others(path)}
        elif stat.S_ISREG(mode) and mode & _OTHERS:
            found.add(path.relative_to(folder))
    return found


def opened_files(site: Path, folder: Path) -> dict[str, str]:
    """Return the environment in which each Python notes, in `folder`, which files of a site it opens."""
    return {
        "PYTHONPATH": str(HOOK),
        "STEELYARD_OPENED_OF": str(site),
        "STEELYARD_OPENED_TO": str(folder),
    }


def read_opened(site: Path, folder: Path) -> dict[str, set[str]]:
    """Return the files that each command opened, by their paths in the site."""
    return {
        file.name.removeprefix("-m "): {
            str(Path(line).relative_to(site)) for line in file.read_text().splitlines()
        }
        for file in folder.iterdir()
    }
