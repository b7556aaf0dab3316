"""One reader: reads the file that is its standard input, says what is in it as JSON, and ends.

`python -m components.audit.files.worker NAME TYPE LANGUAGES`
"""

import json
import sys

from components.audit.files.limits import limit_this_process


def main() -> int:
    """Read one file."""
    limit_this_process()
    # What reads files of strangers is loaded behind the limits.
    from components.audit.files.read import read_file

    name, media_type, languages = sys.argv[1:4]
    read = read_file(
        name, media_type, sys.stdin.buffer.read(), [each for each in languages.split("+") if each]
    )
    answer = {
        "state": read.state,
        "text": read.text,
        "words": read.words,
        "picture": read.picture.hex() if read.picture else None,
    }
    sys.stdout.buffer.write(json.dumps(answer).encode("utf-8", "surrogatepass"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
