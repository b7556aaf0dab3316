"""Makes rows of records for another process, which opens them: `python -m components.audit.index.row_worker`.

It reads pickles from its standard input and answers each with one: first which log it is and its links to files, which
has no answer, and then some records each time. When the other process is gone, its input ends, and so does it.
"""

import pickle
import sys
from contextlib import suppress

from components.audit.index.rows import Rows


def main() -> None:
    """Answer until the input ends."""
    with suppress(EOFError):
        log, links = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own parent
        while True:
            records = pickle.load(sys.stdin.buffer)  # noqa: S301 - likewise
            pickle.dump(Rows.read_all(log, links, records), sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
