"""Orders about files: what is destroyed leaves the index with its words, and a hold finds messages by files."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.support.documents import make_docx
from tests.support.filed_site import FiledSite, make_filed_site
from tests.support.made_index import find_without_looks, open_raw, read_pages
from tests.support.retention_site import Shell, add_retention

pytestmark = [pytest.mark.usefixtures("readers_here"), pytest.mark.slow]


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Files `transfer/1` (wolframite), `transfer/4` (rotterdam) and the messages with their links."""
    filed = await make_filed_site(tmp_path)
    site = add_retention(filed.site)
    filed = FiledSite(site, filed.blobs)
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(site.path.parent)
    monkeypatch.setattr("components.audit.orders.carry._RETRY_S", 0.01)
    picture = io.BytesIO()
    Image.radial_gradient("L").save(picture, "PNG")
    for name, content in (("gone.docx", make_docx("wolframite")), ("kept.docx", make_docx("rotterdam"))):
        sent = await filed.send(name, content)
        await filed.say(f"see {sent.link}")
    await filed.send("gone.png", picture.getvalue())
    return Shell(site, capsys)


def index_of(shell: Shell) -> bytes:
    return read_pages(shell.site.settings)


@pytest.fixture
def without_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.audit.indexed.find_indexed", find_without_looks)


@pytest.mark.usefixtures("without_looks")
def test_a_destroyed_file_leaves_the_index(shell: Shell) -> None:
    (found,) = (record for record in shell.search("wolframite") if record.startswith("transfer/"))
    (picture,) = shell.search("file:gone type:application/* file:png -wolframite")
    assert len(shell.search("wolframite")) == 2
    assert b"wolframite" in index_of(shell)
    for record in (found, picture):
        answer = shell.order("erase", record, "--matter", "M-1", "--reason", "sent by mistake")
        assert answer["state"] == "carried out"
    for query in ("wolframite", "file:gone", f"similar:{picture}", "file:png"):
        assert shell.search(query) == []
    assert len(shell.search("rotterdam")) == 2
    assert b"wolframite" not in index_of(shell)
    with open_raw(shell.site.settings) as index:
        assert index.execute("SELECT count(*) FROM content").fetchone() == (1,)
        for table in ("word", "content_word"):
            index.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")


def test_a_hold_finds_messages_by_what_a_file_says(shell: Shell) -> None:
    hold = shell.order("hold", "--matter", "M-1", "--query", "wolframite", "--reason", "a claim")
    assert hold["state"] == "carried out"
    plan = shell.document("archive", "expire", "--plan")
    assert [each["holds"] for each in plan["due"]] == [[hold["id"]], []]
