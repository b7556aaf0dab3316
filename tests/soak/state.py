"""Which seeds were run, with which commit, and what came of them: a file with a line for each."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Done:
    """One run that ended; `commit` ends with `+` where files differed from it."""

    seed: int
    sites: int
    commit: str
    violations: int
    messages: int
    took_s: float


class State:
    """The runs of all times, below `folder`; a line that a crash has cut off is not there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "done.jsonl"

    def add(self, done: Done) -> None:
        """Add a run, at once."""
        whole = not self._file.exists() or self._file.read_bytes().endswith(b"\n")
        with self._file.open("a") as file:
            file.write(("" if whole else "\n") + json.dumps(asdict(done)) + "\n")

    def runs(self) -> Iterator[Done]:
        """Return all runs, the oldest first."""
        for line in self._file.read_text().splitlines() if self._file.exists() else ():
            try:
                yield Done(**json.loads(line))
            except (ValueError, TypeError):
                continue

    def left(self, first: int, count: int, commit: str) -> list[int]:
        """Return which of so many seeds, from the first on, have not been run with this commit without a violation."""
        good = {each.seed for each in self.runs() if each.commit == commit and not each.violations}
        return [seed for seed in range(first, first + count) if seed not in good]


def commit_here() -> str:
    """Return the commit whose files these are, with `+` if they differ from it; `unknown` without git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    here = Path(__file__).resolve().parent
    done = subprocess.run(["git", "-C", here, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
