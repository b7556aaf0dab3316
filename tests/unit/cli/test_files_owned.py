"""Files of another enterprise: an auditor of one is told of them what they are told of files that there are not."""

from pathlib import Path

import pytest

from components.audit.auditor import Auditor, Role
from components.audit.files.export import export_file
from components.audit.files.inside import export_file_inside, list_files_inside, show_file_inside
from components.audit.files.list import FileFilter, list_files
from components.audit.files.show import show_file
from components.process.errors import SiteError
from tests.support.auditors import DIRECTORY
from tests.support.filed_site import FiledSite, make_filed_site

ERIN = Auditor("erin", "Erin", frozenset({Role.AUDITOR}), frozenset({"metals"}))
GRETA = Auditor("greta", "Greta", frozenset({Role.AUDITOR}), frozenset({"grain"}))
NOBODY = Auditor("nobody", "Nobody", frozenset({Role.AUDITOR}), frozenset({"timber"}))
PICTURE = (
    "<data xmlns='urn:xmpp:bob' cid='sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org'"
    " type='image/png'>iVBORw0KGgo=</data>"
)


def quiet(_done: int, _total: int) -> None:
    pass


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    filed = await make_filed_site(tmp_path)
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    return filed


async def test_lists_have_ones_own_files(filed: FiledSite) -> None:
    own = await filed.send("price.txt", b"9,100")
    other = await filed.send("wheat.txt", b"210", owner="gus@grain.example")
    settings = filed.site.settings
    for auditor, ids in (
        (None, [own.record, other.record]),
        (ERIN, [own.record]),
        (GRETA, [other.record]),
        (NOBODY, []),
    ):
        found = await list_files(settings, FileFilter(), 50, quiet, auditor)
        assert ([each.id for each in found.files], found.matched) == (ids, len(ids))


async def test_files_of_others_are_neither_shown_nor_written(filed: FiledSite, tmp_path: Path) -> None:
    own = await filed.send("price.txt", b"9,100")
    settings = filed.site.settings
    (tmp_path / "out").mkdir()
    with pytest.raises(SiteError, match="there is no record"):
        await show_file(settings, own.record, quiet, GRETA)
    with pytest.raises(SiteError, match="there is no record"):
        await export_file(settings, own.record, tmp_path / "out", quiet, GRETA)
    assert list((tmp_path / "out").iterdir()) == []
    assert (await show_file(settings, own.record, quiet, ERIN)).file.id == own.record
    written = await export_file(settings, own.record, tmp_path / "out", quiet, ERIN)
    assert (written.path.read_bytes(), (await filed.site.accesses())[-1].actor) == (b"9,100", "erin")


async def test_files_inside_stanzas_too(filed: FiledSite, tmp_path: Path) -> None:
    body = (
        "<message xmlns='jabber:client' from='alice@metals.example/desk' to='bob@metals.example'>"
        f"<body>see</body>{PICTURE}</message>"
    )
    await filed.site.record(filed.site.submit(body.encode()))
    settings, file_id = filed.site.settings, f"{filed.site.id_of(-1)}.1"
    assert (await list_files_inside(settings, FileFilter(), 50, quiet, GRETA)).matched == 0
    assert (await list_files_inside(settings, FileFilter(), 50, quiet, ERIN)).matched == 1
    with pytest.raises(SiteError):
        await show_file_inside(settings, file_id, quiet, GRETA)
    with pytest.raises(SiteError):
        await export_file_inside(settings, file_id, tmp_path, quiet, GRETA)
    assert (await show_file_inside(settings, file_id, quiet, ERIN)).id == file_id
