"""`steelyard files` with files inside stanzas: listed, shown and written out of their records, each look a record."""

import asyncio
import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.audit_site import Site, make_site
from tests.support.command import run_command
from tests.support.rounds import mostly_slow

PICTURE, SOUND = b"\x89PNG\r\n\x1a\n a picture", b"OggS a sound"
INSIDE = (
    f"<data xmlns='urn:xmpp:bob' cid='smile.png' type='image/png'>{base64.b64encode(PICTURE).decode()}</data>"
    "<x xmlns='jabber:x:oob'><url>https://elsewhere.example/a.pdf</url></x>"
)
AVATAR = f"<data xmlns='urn:xmpp:avatar:data'>{base64.b64encode(PICTURE).decode()}</data>"
URI = f"<body>data:audio/ogg;base64,{base64.b64encode(SOUND).decode()}</body>"


class Run:
    """Runs `steelyard files` on a site whose records `ids` have files inside."""

    def __init__(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        self._site, self._capsys = site, capsys
        self.ids = [site.id_of(number) for number in (-3, -2, -1)]

    async def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._capsys.readouterr()
        given = ["files", *map(str, arguments), "--site", str(self._site.path)]
        status = await asyncio.to_thread(run_command, *given)
        out, err = self._capsys.readouterr()
        return status, out, err


@pytest.fixture
async def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    site = await make_site(tmp_path)
    for sender, inside in (("alice", INSIDE), ("bob", AVATAR), ("alice", URI)):
        stanza = f"<message from='{sender}@metals.example/x' to='carol@metals.example'>{inside}</message>"
        await site.record(site.submit(stanza.encode()))
    return Run(site, capsys)


@pytest.mark.parametrize(
    ("options", "expected"),
    mostly_slow(
        [
            ((), ["1.1", "2.1", "3.1"]),
            (("--owner", "Bob@metals.example"), ["2.1"]),
            (("--name", "SMILE"), ["1.1"]),
            (("--hash", sha256(PICTURE).hexdigest()[:9].upper()), ["1.1", "2.1"]),
            (("--before", "2020-01-01"), []),
            (("--after", "2020-01-01", "--limit", "1"), ["3.1"]),
        ],
        2,
    ),
)
async def test_files_inside_stanzas_are_listed(
    run: Run, options: tuple[str, ...], expected: list[str]
) -> None:
    status, out, _err = await run("list", "--inside", *options, "--json")
    assert status == 0
    ids = dict(zip("123", run.ids, strict=True))
    told = json.loads(out)
    assert [file["id"] for file in told["files"]] == [f"{ids[each[0]]}{each[1:]}" for each in expected]
    assert told["access"].startswith("audit/")
    assert (await run("list", "--inside", *options))[0] == 0


async def test_a_file_inside_a_stanza_is_shown_with_its_proof(run: Run) -> None:
    file_id = f"{run.ids[0]}.1"
    status, out, _err = await run("show", file_id)
    assert status == 0
    for part in (file_id, "smile.png", "image/png", sha256(PICTURE).hexdigest(), "in the signed tree of"):
        assert part in out
    document = json.loads((await run("show", file_id, "--json"))[1])
    assert document["file"]["carrier"] == "bits-of-binary"
    assert document["record"]["proof"]["proved"] is True
    elsewhere = json.loads((await run("show", f"{run.ids[0]}.2", "--json"))[1])
    assert elsewhere["file"]["url"] == "https://elsewhere.example/a.pdf"


@pytest.mark.parametrize(
    ("number", "name", "content"),
    [(0, "smile.png", PICTURE), (1, "avatar.bin", PICTURE), (2, "data-uri-1", SOUND)],
)
async def test_a_file_inside_a_stanza_is_written_as_it_was_sent(
    run: Run, tmp_path: Path, number: int, name: str, content: bytes
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    file_id = f"{run.ids[number]}.1"
    status, printed, _err = await run("export", file_id, "--out", out, "--json")
    assert status == 0
    path = Path(json.loads(printed)["path"])
    assert (path.stem if "." not in name else path.name) == name
    assert _read(path) == (content, 0o600)
    status, printed, err = await run("export", file_id, "--out", out)
    assert (status, printed) == (2, "")
    assert "nothing is overwritten" in err


@pytest.mark.parametrize(
    ("of", "number", "problem"),
    [
        (0, 2, "lies elsewhere"),
        (0, 3, "has no file 3 inside: it has 2"),
        (0, 0, "has no file 0"),
        (None, 1, "no record"),
    ],
)
async def test_what_is_not_inside_is_not_written(
    run: Run, tmp_path: Path, of: int | None, number: int, problem: str
) -> None:
    record = "gate/99999" if of is None else run.ids[of]
    status, out, err = await run("export", f"{record}.{number}", "--out", tmp_path)
    assert (status, out) == (2, "")
    assert problem in err


def _read(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mode & 0o777
