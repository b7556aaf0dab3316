"""Speech: how long it takes until what is said in a recording can be searched."""

import tempfile
import time
import wave
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

from components.audit.reading.content import ContentState
from components.audit.reading.workers import FileReaders
from tests.bench.bench import Bench
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, at_most, median_of
from tests.support.speech import MINUTE, encode, speak


async def measure_speech(bench: Bench) -> Figure:
    """Return how long a minute of speech takes, spoken by espeak-ng and sent as Ogg with Opus."""
    spoken = speak(". ".join(MINUTE))
    length_s = _length_s(spoken)
    note = encode(spoken, "ogg")

    async def pieces() -> AsyncIterator[bytes]:
        yield note

    taken_s = []
    for number in range(bench.rounds):
        bench.announce(f"round {number + 1} of {bench.rounds}: a minute of speech")
        began_s = time.perf_counter()
        found = await FileReaders.find(Path(tempfile.gettempdir())).read(
            "note.ogg", "audio/ogg", len(note), pieces()
        )
        taken_s.append((time.perf_counter() - began_s) * 60 / length_s)
        if found.state is not ContentState.READ or "confirm" not in found.words[0]:
            raise BenchError("nobody heard what was said: is the extra [speech] installed?")
    return median_of("a minute of speech heard", taken_s, "s", at_most(20))


def _length_s(spoken: bytes) -> float:
    with wave.open(BytesIO(spoken)) as sound:
        # The length in its header is not right: espeak-ng writes it before it speaks.
        return float(len(sound.readframes(1 << 30)) / sound.getsampwidth() / sound.getframerate())
