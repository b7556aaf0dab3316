"""Makes rows of records for another process, which opens them: `python -m components.audit.index.row_worker`.

It reads pickles from its standard input and answers each with one: first which log it is and its links to files, which
has no answer, and then some records each time. When the other process is gone, its input ends, and so does it.
"""

import os
import pickle
import sys
from contextlib import suppress

from components.audit.index.rows import Rows
from components.process.pipe import write_output

_NICENESS = 10


def main() -> None:
    """Answer until the input ends."""
    # The line comes first, also where it is a search that catches up.
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    with suppress(EOFError):
        log, links = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own parent
        while True:
            records = pickle.load(sys.stdin.buffer)  # noqa: S301 - likewise
            write_output(pickle.dumps(Rows.read_all(log, links, records), pickle.HIGHEST_PROTOCOL))


if __name__ == "__main__":
    main()
