"""One reader: reads the file that is its standard input, says what is in it as JSON, and ends.

`python -m components.audit.reading.worker NAME TYPE LANGUAGES LIMITS MODEL`: the fields of `ReaderLimits` as JSON, and
the folder of a model that hears speech, or nothing.
"""

import json
import sys
from pathlib import Path

from components.audit.reading.limits import HEARD_WITHIN, ReaderLimits, limit_this_process


def main() -> int:
    """Read one file."""
    name, media_type, languages, said_limits, model = sys.argv[1:6]
    limits = ReaderLimits(**json.loads(said_limits))
    limit_this_process(limits)
    # What reads files of strangers is loaded behind the limits.
    from components.audit.reading.read import read_file

    listener = None
    if model:
        from components.audit.reading.speech import Listener

        listener = Listener(Path(model), HEARD_WITHIN * limits.cpu_s, HEARD_WITHIN * limits.wall_clock_s)
    spoken = [each for each in languages.split("+") if each]
    read = read_file(name, media_type, sys.stdin.buffer.read(), spoken, listener)
    answer = {
        "state": read.state,
        "text": read.text,
        "words": read.words,
        "picture": read.picture.hex() if read.picture else None,
        "heard_characters": read.heard_characters,
        "has_sound": read.has_sound,
    }
    sys.stdout.buffer.write(json.dumps(answer).encode("utf-8", "surrogatepass"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
