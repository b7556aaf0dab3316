"""One reader: reads the file that is its standard input, says what is in it as JSON, and ends.

`python -m components.audit.reading.worker NAME TYPE LANGUAGES LIMITS MODEL`: the fields of `ReaderLimits` as JSON, and
the folder of a model that hears speech, or nothing.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.audit.reading.document import unpack_library
from components.audit.reading.limits import HEARD_WITHIN, ReaderLimits, limit_this_process
from components.process.pipe import write_output

if TYPE_CHECKING:
    from components.audit.reading.speech import Listener


def main() -> int:
    """Read one file."""
    name, media_type, languages, said_limits, model = sys.argv[1:6]
    limits = ReaderLimits(**json.loads(said_limits))
    # Within the limits nothing writes a file.
    unpack_library()
    limit_this_process(limits)
    # What else reads files of strangers is loaded behind the limits.
    from components.audit.reading.read import read_file

    def make_listener() -> "Listener":
        from components.audit.reading.speech import Listener

        until_cpu_s, until_s = HEARD_WITHIN * limits.cpu_s, HEARD_WITHIN * limits.wall_clock_s
        return Listener(Path(model), until_cpu_s, until_s)

    spoken = [each for each in languages.split("+") if each]
    data = sys.stdin.buffer.read()
    read = read_file(name, media_type, data, spoken, make_listener if model else None)
    answer = {
        "state": read.state,
        "text": read.text,
        "words": read.words,
        "picture": read.picture.hex() if read.picture else None,
        "heard_characters": read.heard_characters,
        "has_sound": read.has_sound,
    }
    write_output(json.dumps(answer).encode("utf-8", "surrogatepass"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
