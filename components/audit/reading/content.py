"""What was read of a file: values, which a reader loads quickly."""

from dataclasses import dataclass
from enum import StrEnum


class ContentState(StrEnum):
    """What became of reading a content.

    `silent`: there is no text in it that can be read; `cut`: not all was read; `unheard`: it is sound, and there is
    nothing here that hears speech.
    """

    WAITING = "waiting"
    READ = "read"
    CUT = "cut"
    SILENT = "silent"
    UNHEARD = "unheard"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReadContent:
    """What was read of a content: its text as written, its folded words (`index_words`), a picture's hash (8 bytes).

    So many characters at the end of the text are what a machine heard. `has_sound`: there is sound in it, heard or not.
    """

    state: ContentState
    text: str = ""
    words: tuple[str, str] = ("", "")
    picture: bytes | None = None
    heard_characters: int = 0
    has_sound: bool = False
