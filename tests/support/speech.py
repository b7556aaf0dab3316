"""Speech that a machine speaks (espeak-ng), and sound in the forms in which clients send it (PyAV).

PyAV comes with the extra [speech], which is not there for `make quick`: what uses it imports it.
"""

import io
import subprocess
from typing import Any

import numpy as np

SENTENCES = (
    "please confirm the price before noon",
    "do not tell anyone about this deal",
    "the contract comes tomorrow",
    "our client is worried about the sanctions on the bank",
    "delete this message after you have read it",
    "call me on my private phone this evening",
)
MINUTE = (
    *SENTENCES,
    "we can offer five lots of aluminium from the warehouse in singapore",
    "the vessel is late because of a storm in the north sea",
    "nobody else in the office knows the real reason",
    "she bought the shares two days before the announcement",
    "ask your brother to open the account in his own name",
    "the auditors are coming next week so tidy up your desk",
    "i heard from a friend that the mine will close in spring",
    "move the money to the other bank as soon as you can",
    "he said the price will fall after the meeting on monday",
    "thank you for the invoice i will pay it at the end of the month",
    "let us talk about the weather and not about business",
    "the quality of the last delivery was very poor",
)
"""About a minute, without a sentence that comes twice, as a model stumbles over those."""
FORMS = {
    "ogg": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "aac": ("adts", "aac", 44_100),
    "flac": ("flac", "flac", 22_050),
    "aiff": ("aiff", "pcm_s16be", 22_050),
}


def speak(text: str, voice: str = "en-us") -> bytes:
    """Return a text, spoken, as WAV."""
    command = ("espeak-ng", "-v", voice, "-s", "140", "--stdout", text)
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def encode(wav: bytes, form: str) -> bytes:
    """Return sound in one of the `FORMS`."""
    import av

    name, codec, rate_hz = FORMS[form]
    file = io.BytesIO()
    source: Any = av.open(io.BytesIO(wav), format="wav")
    target: Any = av.open(file, "w", format=name)
    with source, target:
        stream = target.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def make_wav(samples: "np.ndarray[tuple[int], np.dtype[np.int16]]", rate_hz: int = 16_000) -> bytes:
    """Return samples as WAV."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="wav") as target:
        stream = target.add_stream("pcm_s16le", rate=rate_hz)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.rate = rate_hz
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def make_silent_video() -> bytes:
    """Return a video without sound, as MP4."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as target:
        stream = target.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for shade in range(5):
            picture = np.full((64, 64, 3), shade * 40, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))
    return file.getvalue()


def count_wrong_words(said: list[str], heard: list[str]) -> int:
    """Return how many words have to be put in, taken out or changed to make one of the other."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, 1):
        diagonal, row[0] = row[0], count
        for place, other in enumerate(heard, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other)),
            )
    return row[-1]
