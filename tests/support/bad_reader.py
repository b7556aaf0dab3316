"""A reader of files that goes wrong, in the way that the file's name says."""

import os
import sys
import time


def main() -> None:
    how = sys.argv[1]
    match how:
        case "crash":
            os.abort()
        case "stall":
            time.sleep(3600)
        case "flood":
            while True:
                sys.stdout.buffer.write(b"x" * (1 << 20))
        case "left behind":
            # Out of the group that is killed, and with the pipe in its hands.
            if os.fork() == 0:
                os.setsid()
                time.sleep(4)
            os.abort()
        case "status":
            sys.exit(1)
        case _:
            sys.stdout.write(how)


if __name__ == "__main__":
    main()
