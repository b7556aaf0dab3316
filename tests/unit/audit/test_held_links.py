"""Which held files a held message names, on a machine that has the key of links and on one that has not."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from components.archive.record import RecordKind, Submission
from components.audit.review.held_files import _find_named
from components.process.errors import SiteError
from components.rules.file_links import FileLink, FileLinks, load_link_key
from components.settings.site import SiteFile
from policy.address import BareJid

BASE_URL = "https://files.example/f/"
ID = bytes(range(16))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "link.key"
    file.write_bytes(b"k" * 40)
    file.chmod(0o600)
    return file


@pytest.fixture
def link(key: Path) -> str:
    links = FileLinks(BASE_URL, load_link_key(key))
    return links.make(FileLink(ID, BareJid("alice@metals.example"), 2**31), "assay.pdf")


def site(key: Path | None) -> SiteFile:
    transfer = SimpleNamespace(base_url=BASE_URL, link_key_file=key) if key else None
    return cast(SiteFile, SimpleNamespace(transfer=transfer))


def say(text: str) -> Submission:
    body = (
        "<message xmlns='jabber:client' from='alice@metals.example/d' to='bob@metals.example'>"
        f"<body>{text}</body></message>"
    )
    return Submission(RecordKind.STANZA, "e1", 1, "c2s", "s", 0, "hold", (), None, body.encode())


def test_who_has_the_key_finds_the_file(key: Path, link: str) -> None:
    assert _find_named(site(key), say(f"see {link}")) == {ID.hex()}
    assert _find_named(site(key), say("see nothing")) == set()


@pytest.mark.parametrize(
    "text", ["keep this between us", "https://example.com/news/today", "a/b \\ %2F", "x" * 5000]
)
def test_without_the_key_a_message_that_names_no_file_can_be_decided_on(key: Path, text: str) -> None:
    key.unlink()
    assert _find_named(site(key), say(text)) == set()


@pytest.mark.parametrize("form", ["{}", "HTTPS{}", "see\n{}", "(%2F%2F{})"])
def test_without_the_key_a_message_that_may_name_one_is_refused_with_what_to_do(
    key: Path, link: str, form: str
) -> None:
    key.unlink()
    with pytest.raises(SiteError, match="bring that key here, or release the message on the site's server"):
        _find_named(site(key), say(form.format(link)))


def test_a_site_without_files_has_none(link: str) -> None:
    assert _find_named(site(None), say(link)) == set()
