"""What is said in sound, as a machine hears it: decoded by PyAV, heard by faster-whisper (docs/decisions/0191).

Both come with the extra [speech]; a reader loads this module only where there is a model.
"""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from faster_whisper import WhisperModel
from numpy.typing import NDArray

RATE_HZ = 16_000
PIECE_S = 240
"""So much is decoded and heard at once: a word that lies across the end of a piece may be lost."""

_PIECE_BYTES = PIECE_S * RATE_HZ * 2
_Samples = NDArray[np.float32]


class SoundError(Exception):
    """Sound that cannot be decoded."""


class Heard(NamedTuple):
    """What was heard; `is_cut`: there was more."""

    text: str
    is_cut: bool


class Listener:
    """Hears what is said, until this process has used so much time; loads its model when it is first needed."""

    def __init__(self, folder: Path, until_cpu_s: float, until_s: float) -> None:
        self._folder = folder
        self._until_cpu_s = until_cpu_s
        self._until_s = time.monotonic() + until_s
        self._model: WhisperModel | None = None

    def hear(self, data: bytes, kind: str) -> Heard:
        """Return what is said in a file of this kind (`find_sound`); raises SoundError if nothing of it is sound."""
        said: list[str] = []
        is_sound = False
        try:
            for piece in _decode(data, kind):
                is_sound = True
                for text in self._transcribe(piece):
                    said.append(text)
                    if self._is_late():
                        break
                if self._is_late():
                    return Heard(" ".join(said), is_cut=True)
        except SoundError:
            if not is_sound:
                raise
            return Heard(" ".join(said), is_cut=True)
        return Heard(" ".join(said), is_cut=False)

    def _is_late(self) -> bool:
        return time.process_time() > self._until_cpu_s or time.monotonic() > self._until_s

    def _transcribe(self, samples: _Samples) -> Iterator[str]:
        """Yield what is said, as it is heard. Where nobody speaks, nothing is: a model would make something up."""
        if self._model is None:
            self._model = WhisperModel(
                str(self._folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
            )
        segments, _ = self._model.transcribe(
            samples,
            beam_size=5,
            temperature=0.0,
            vad_filter=True,
            condition_on_previous_text=False,
            # What is loud enough for the filter before is heard: a search finds too much rather than too little.
            no_speech_threshold=None,
        )
        yield from (segment.text.strip() for segment in segments)


def _decode(data: bytes, kind: str) -> Iterator[_Samples]:
    """Yield sound piece by piece, at `RATE_HZ`, mono; raises SoundError, behind what comes before the damage."""
    fault = ""
    waiting = bytearray()
    try:
        # The kind is named, so that no file passes for a playlist, which would have other files opened.
        with av.open(io.BytesIO(data), "r", format=kind) as container:
            for sound in _decode_frames(container):
                waiting += sound
                while len(waiting) >= _PIECE_BYTES:
                    yield _as_floats(waiting[:_PIECE_BYTES])
                    del waiting[:_PIECE_BYTES]
    except (av.FFmpegError, ValueError, OSError, ArithmeticError) as error:
        fault = type(error).__name__
    if waiting:
        yield _as_floats(waiting)
    if fault:
        raise SoundError(fault)


def _decode_frames(container: InputContainer) -> Iterator[bytes]:
    if not container.streams.audio:
        return
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    for frame in container.decode(audio=0):
        for resampled in resampler.resample(frame):
            yield bytes(resampled.planes[0])[: resampled.samples * 2]
    for resampled in resampler.resample(None):
        yield bytes(resampled.planes[0])[: resampled.samples * 2]


def _as_floats(samples: bytearray) -> _Samples:
    return np.frombuffer(bytes(samples), "<i2").astype(np.float32) / np.float32(32768)
