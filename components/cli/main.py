"""The `steelyard` command as a process (docs/commands.md)."""

import gc
import os
import sys

# What a command imports stays: the collector would look through it some hundred times, and find nothing.
_COLLECT_AFTER_OBJECTS = 250_000
INTERRUPTED = 130


def main() -> None:
    """Run this process's command line, and end with its exit status."""
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
    try:
        # Only now, so that this counts for what it imports, too.
        from components.cli.app import run

        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the pipe has seen enough (`steelyard audit search ... | head`): print nothing more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        status = INTERRUPTED  # pressed while it imports: a command itself ends with the same
    finally:
        # The process ends, and with it all that it has: to look through that once more takes a quarter of a search.
        gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
