"""Speech: heard by a real model, in all forms in which clients send it; hostile sound; other models."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.audit.reading import speech_model, workers
from components.audit.reading.content import ContentState, ReadContent
from components.audit.reading.limits import OF_FILES, OF_SOUND
from components.audit.reading.speech_model import SpeechModel, find_speech_model
from components.audit.reading.workers import FileReaders
from components.audit.show import show
from components.cli.output.record import describe_detail, print_detail
from components.cli.output.search import describe_search, print_search
from components.process.errors import SiteError
from tests.support.documents import make_mail, make_zip
from tests.support.filed_site import FiledSite, find, look, make_filed_site, read_again
from tests.support.process import PATIENCE_S
from tests.support.speech import (
    FORMS,
    MINUTE,
    SENTENCES,
    count_wrong_words,
    encode,
    make_silent_video,
    make_wav,
    speak,
)

pytestmark = pytest.mark.programs

DEAL = "do not tell anyone about this deal"


async def hear(data: bytes, name: str = "note", readers: FileReaders | None = None) -> ReadContent:
    async def whole() -> AsyncIterator[bytes]:
        yield data

    return await (readers or FileReaders.find(Path(tempfile.gettempdir()))).read(name, "", len(data), whole())


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def test_what_hears_it_notes_nothing_for_its_maker(tmp_path: Path) -> None:
    """A number of this machine, and what was done here, in the user's home, to be told by the network."""
    code = "from faster_whisper.vad import get_vad_model; get_vad_model()"
    environment = {**workers._environment(), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=PATIENCE_S)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("voice", ["en-us", "en-gb", "en-us+f3"])
async def test_at_most_one_word_in_four_is_wrong(voice: str) -> None:
    said = words_of(" ".join(MINUTE))
    heard = words_of((await hear(encode(speak(". ".join(MINUTE), voice), "ogg"))).text)
    assert count_wrong_words(said, heard) <= len(said) / 4


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_is_heard(form: str) -> None:
    found = await hear(encode(speak(DEAL), form))
    assert found.state is ContentState.READ
    assert {"tell", "anyone", "deal"} <= set(words_of(found.text))
    assert found.heard_characters == len(found.text)
    assert found.has_sound


async def test_sound_in_other_files_is_heard_and_told_from_what_they_say() -> None:
    note = encode(speak(DEAL), "ogg")
    for name, data in (
        ("a.zip", make_zip({"a.ogg": note, "b.txt": b"copper"})),
        ("a.eml", make_mail("copper", "hello", {"a.ogg": note})),
    ):
        found = await hear(data, name)
        assert found.state is ContentState.READ
        assert "anyone" in words_of(found.text[-found.heard_characters :])
        assert "copper" in words_of(found.text[: -found.heard_characters])
        assert "anyone" in found.words[0]


@pytest.mark.parametrize("form", ["wav", "ogg", "mp3", "m4a"])
async def test_of_sound_that_breaks_off_its_beginning_is_heard(form: str) -> None:
    wav = speak(". ".join(SENTENCES))
    data = wav if form == "wav" else encode(wav, form)
    found = await hear(data[: len(data) // 2])
    if form == "m4a":  # what tells where its sound is, is at its end
        assert found.state is ContentState.FAILED
        return
    assert found.state in (ContentState.READ, ContentState.CUT)
    assert "price" in words_of(found.text)
    assert "evening" not in words_of(found.text)


HOSTILE = {
    "ogg": b"OggS" + bytes(300),
    "wav": b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff" + b"\xff" * 300,
    "mov": b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\1moov" + b"\xff" * 300,
    "matroska": b"\x1a\x45\xdf\xa3" + b"\xff" * 300,
    "flac": b"fLaC" + b"\xff" * 300,
    "mp3": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + b"\0" * 300,
    "caf": b"caff\0\1" + b"\xff" * 300,
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_only_called_sound_is_not_read(kind: str) -> None:
    found = await hear(HOSTILE[kind])
    assert found.state in (ContentState.FAILED, ContentState.SILENT)
    assert found.text == ""


async def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(speak(DEAL))
    playlists = (
        f"#EXTM3U\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {other}\n",
    )
    for playlist in playlists:
        for front in ("", "ID3\3", "OggS", "#!AMR\n"):
            found = await hear((front + playlist).encode())
            assert "anyone" not in words_of(found.text.replace(playlist.strip(), ""))
            assert found.heard_characters == 0


async def test_where_nobody_speaks_nothing_is_made_up() -> None:
    second = np.arange(16_000 * 5)
    silence = np.zeros(16_000 * 5, np.int16)
    tone = (8000 * np.sin(second * 2 * np.pi * 440 / 16_000)).astype(np.int16)
    noise = np.random.default_rng(1).integers(-2000, 2000, 16_000 * 5, np.int16)
    for samples in (silence, tone, noise):
        assert (await hear(make_wav(samples))).state is ContentState.SILENT
    assert (await hear(make_silent_video())).state is ContentState.SILENT


def test_what_takes_too_long_is_cut_off() -> None:
    from components.audit.reading.speech import Listener

    sound = speak(". ".join(SENTENCES * 3))
    folder = packaged().folder
    whole = Listener(folder, until_cpu_s=1e9, until_s=1e9).hear(sound, "wav")
    for late in (
        Listener(folder, until_cpu_s=0, until_s=1e9),
        Listener(folder, until_cpu_s=1e9, until_s=0),
    ):
        heard = late.hear(sound, "wav")
        assert heard.is_cut
        assert 0 < len(heard.text) < len(whole.text)
    assert not whole.is_cut


async def test_a_reader_of_sound_is_ended_at_its_own_limit() -> None:
    readers = replace(
        FileReaders.find(Path(tempfile.gettempdir())), sound_limits=replace(OF_SOUND, wall_clock_s=0.2)
    )
    assert (await hear(speak(DEAL), readers=readers)).state is ContentState.FAILED
    assert (await hear(b"copper", "a.txt", readers)).text == "copper"


def test_a_model_has_room_beside_what_a_reader_needs() -> None:
    model = find_speech_model(None)
    assert model is not None
    readers = FileReaders(model=model)
    assert readers._limits_for(b"OggS") == replace(
        OF_SOUND, memory_bytes=OF_SOUND.memory_bytes + 3 * model.size_bytes
    )
    assert readers._limits_for(b"%PDF").cpu_s == OF_FILES.cpu_s
    assert FileReaders()._limits_for(b"OggS") == OF_FILES


async def test_without_a_model_sound_is_not_heard_and_says_so() -> None:
    note = encode(speak(DEAL), "ogg")
    readers = FileReaders()
    assert (await hear(note, readers=readers)).state is ContentState.UNHEARD
    found = await hear(make_zip({"deal.ogg": note}), "a.zip", readers)
    assert (found.state, found.text, found.has_sound) == (ContentState.CUT, "deal.ogg", True)


def packaged() -> SpeechModel:
    model = find_speech_model(None)
    assert model is not None
    return model


async def test_a_model_by_its_path_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "model of ours"
    shutil.copytree(packaged().folder, folder)
    same = find_speech_model(folder)
    assert same is not None
    assert (same.folder, same.digest) == (folder, packaged().digest)
    readers = FileReaders(model=same)
    assert "anyone" in words_of((await hear(speak(DEAL), readers=readers)).text)
    with (folder / "model.bin").open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"other")
    other = find_speech_model(folder)
    assert other is not None
    assert other.digest != same.digest


async def test_a_damaged_model_costs_the_sound_and_not_the_documents(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(packaged().folder, folder)
    (folder / "model.bin").write_bytes(b"no model")
    readers = FileReaders(model=find_speech_model(folder))
    assert (await hear(speak(DEAL), readers=readers)).state is ContentState.FAILED
    assert (await hear(b"copper", "a.txt", readers)).text == "copper"


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"audit\.speech_model: .* has no config\.json, model\.bin"):
        find_speech_model(tmp_path)


def test_a_model_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_model, "_ENGINE", "no_such_engine")
    with pytest.raises(SiteError, match=r"steelyard\[speech\]"):
        find_speech_model(tmp_path)
    assert find_speech_model(None) is None
    assert FileReaders.find(Path(tempfile.gettempdir())).model is None


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    return await make_filed_site(tmp_path)


async def test_a_voice_note_is_found_by_what_is_said_in_it(
    filed: FiledSite, capsys: pytest.CaptureFixture[str]
) -> None:
    note = await filed.send("note.ogg", encode(speak(DEAL), "ogg"), "audio/ogg")
    message = await filed.say(note.link, at_s=1)
    packed = make_zip({"anyone.txt": b"anyone", "note.ogg": encode(speak(DEAL), "ogg")})
    archive = await filed.send("a.zip", packed, at_s=2)
    assert await find(filed, '"tell anyone"') == [note.record, message, archive.record]
    found = await look(filed, "anyone")
    print_search(found, "gate")
    shown = capsys.readouterr().out
    assert shown.count("(in the file, machine transcript)") == 2
    assert shown.count("(in the file)") == 1  # what is written there comes first
    files = [file for record in describe_search(found)["records"] for file in record["kept_files"]]
    assert all(file["in_the_file"] for file in files)
    assert all("anyone" in file["machine_transcript"] for file in files)
    assert found.files_unheard == 0
    detail = await show(filed.site.settings, message, lambda done, total: None)
    print_detail(detail)
    assert "(in the file, machine transcript) Do not tell anyone" in capsys.readouterr().out
    assert "anyone" in describe_detail(detail)["kept_files"][0]["machine_transcript"]


async def test_a_new_model_reads_sound_again_and_nothing_else(
    filed: FiledSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = await filed.send("note.ogg", encode(speak(DEAL), "ogg"), "audio/ogg")
    await filed.send("a.txt", b"copper", at_s=1)
    with monkeypatch.context() as patch:
        patch.setattr(speech_model, "_ENGINE", "no_such_engine")
        found = await look(filed, "anyone")
        assert (found.matched, found.files_unheard, found.files_unread) == (0, 1, 0)
        print_search(found, "gate")
        assert "1 recording was not heard" in capsys.readouterr().out
        assert await find(filed, "file:note") == [note.record]
    read: list[str] = []
    read_one = FileReaders.read

    async def note_name(self: FileReaders, name: str, *more: Any) -> ReadContent:
        read.append(name)
        return await read_one(self, name, *more)

    monkeypatch.setattr(FileReaders, "read", note_name)
    assert await find(filed, "anyone") == []  # no look waits for what was read before
    await read_again(filed)
    await read_again(filed)
    assert await find(filed, "anyone") == [note.record]
    assert read == ["note.ogg"]
