"""A gate that is put together in part leaves nothing open: whatever is wrong, the next one gets the log."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.gate.assemble import start_gate
from components.process.run import Process
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise


class Site:
    """The files of a gate, which is put together in this process."""

    def __init__(self, root: Path) -> None:
        self.process = GateProcess(root / "gate", gated_plan(root), one_enterprise(["alice@metals.example"]))
        self.root = root / "gate"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[set[str]]:
        """Start the gate, and close it; gives the names of what runs meanwhile."""
        process = Process("gate", self.process.site_toml)
        async with process.stack:
            await start_gate(process, SiteFile(process.site_toml))
            yield {task.get_name() for task in asyncio.all_tasks()}

    def open_files(self) -> list[str]:
        """Return which of the site's files this process has open."""
        targets = []
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                targets.append(str(link.readlink()))
        return [target for target in targets if target.startswith(str(self.root))]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def break_conversation_key(site: Site) -> None:
    (site.root / "conversation.key").write_text("no key")


def break_recipient(site: Site) -> None:
    site.process.auditor_key_file.with_suffix(".pub").write_text("no key")


def break_log_key(site: Site) -> None:
    site.process.log_key_file.write_text("no key")


def break_approver(site: Site) -> None:
    (site.root / "approver.vkey").write_text("no key")
    site.process.add_archive_settings('approvers = ["approver.vkey"]\n')


def break_retention(site: Site) -> None:
    (site.root / "retention.toml").write_text("no policy")
    site.process.add_archive_settings('retention = "retention.toml"\n')


def lose_secret(site: Site) -> None:
    (site.root / "gate.secret").unlink()


def break_review_file(site: Site) -> None:
    (site.root / "review.db").write_bytes(b"no database" * 1000)


BROKEN: dict[Callable[[Site], None], type[Exception]] = {
    break_conversation_key: KeyFileError,
    break_recipient: KeyFileError,
    break_log_key: KeyFileError,
    break_approver: KeyFileError,
    break_retention: SettingsError,
    lose_secret: SettingsError,
    break_review_file: LogError,
}


@pytest.mark.parametrize("wrong", BROKEN, ids=lambda wrong: wrong.__name__)
async def test_what_is_wrong_leaves_nothing_open(site: Site, wrong: Callable[[Site], None]) -> None:
    wrong(site)
    with pytest.raises(BROKEN[wrong]):
        async with site.open():
            pytest.fail("it was opened")
    assert site.open_files() == []


async def test_a_port_that_is_in_use_leaves_nothing_open(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.process.replace_setting("canary_interval_s = 0", f"metrics_port = {taken.getsockname()[1]}")
        with pytest.raises(OSError, match="in use"):
            async with site.open():
                pytest.fail("it was opened")
    assert site.open_files() == []


@pytest.mark.parametrize("canaries", [True, False])
async def test_it_does_all_that_belongs_to_a_gate(site: Site, canaries: bool) -> None:
    if canaries:
        site.process.replace_setting("canary_interval_s = 0", "canary_interval_s = 5")
    always = {"gate", "maintenance", "orders", "rules", "review", "alarms", "patrol", "watch", "status"}
    async with site.open() as running:
        assert running >= always and ("canary" in running) is canaries
        assert site.open_files() != []
    assert site.open_files() == []
