"""Attaching as files: what is written, what is kept, and that undoing leaves every byte as it was."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site.attach import apply
from components.site.attach.apply import apply_attach, is_attached, plan_attach, undo_attach
from components.site.attach.kinds import KINDS, ServerKind
from components.site.attach.lines import INCLUDED
from components.site.attach.survey import ServerHost, Survey
from tests.support.attached import CONFIGS, EJABBERD_SURVEY, SECRET, SURVEY, attached_site

CONFIG = b"-- \xff of somebody who saved it as Latin-1\r\nVirtualHost 'metals.example'\n"
GATE = "gate.metals.example"
SURVEYS = {"prosody": SURVEY, "ejabberd": EJABBERD_SURVEY}


class Server:
    """A server's configuration, as files, whose loader finds what the test says; `breaks` is what it says instead."""

    def __init__(self, folder: Path, kind: ServerKind) -> None:
        self.settings = attached_site(folder, server=kind.name)
        self.kind = kind.name
        self.found = SURVEYS[kind.name]
        self.config = folder / CONFIGS[kind.name]
        self.config.write_bytes(CONFIG)
        self.config.chmod(0o644)
        self.included = folder / INCLUDED[kind.name]
        self.copy = folder / f"{self.config.name}.before-steelyard"
        self.adapter = folder / "adapter"
        self.breaks = ""

    def survey(self, config: Path) -> Survey:
        assert config == self.config
        if not self.included.exists() or not is_attached(config, self.kind):
            return self.found
        if self.breaks:
            raise SiteError(self.breaks)
        assert self.adapter.exists()
        hosts = (*self.found.hosts, ServerHost(GATE, "component", {}))
        return Survey(self.found.version, {**self.found.options, "stanza_gate": GATE}, hosts)

    def place(self, config: Path) -> None:
        assert config == self.config
        self.adapter.write_text("the adapter")

    def remove(self, config: Path) -> None:
        assert config == self.config
        self.adapter.unlink(missing_ok=True)

    def attach(self) -> Path:
        return apply_attach(plan_attach(self.settings, self.config), GATE)

    def undo(self, config: Path | None = None) -> bool:
        return undo_attach(config or self.config, self.kind)

    def files(self) -> dict[str, bytes]:
        found = (self.config, self.included, self.copy, self.adapter)
        return {file.name: file.read_bytes() for file in found if file.exists()}


@pytest.fixture(params=KINDS.values(), ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(tmp_path, request.param)
    own = replace(request.param, survey_settings=server.survey, place=server.place, remove=server.remove)
    monkeypatch.setattr(apply, "KINDS", {server.kind: own})
    return server


def test_a_plan_changes_nothing_and_shows_no_secret(server: Server) -> None:
    before = server.files()
    plan = plan_attach(server.settings, server.config)
    assert server.files() == before
    assert SECRET in plan.content
    assert SECRET not in f"{plan.shown}{plan.added}{plan.notes}"
    assert plan.shown.count("\n") == plan.content.count("\n")
    assert (plan.is_attached, plan.is_old, plan.problems) == (False, False, ())


def test_what_is_applied_is_what_the_plan_says_and_a_copy_is_kept(server: Server) -> None:
    plan = plan_attach(server.settings, server.config)
    assert apply_attach(plan, GATE) == server.copy
    assert server.copy.read_bytes() == CONFIG
    assert server.config.read_bytes() == CONFIG + "".join(f"{line}\n" for line in plan.added).encode()
    assert server.included.read_text() == plan.content


def test_the_secret_is_for_the_servers_group_and_not_for_everybody(server: Server) -> None:
    server.attach()
    assert server.config.stat().st_mode & 0o777 == 0o644
    assert server.included.stat().st_mode & 0o777 == 0o640
    assert server.included.stat().st_gid == server.config.stat().st_gid


def test_applying_again_changes_nothing_and_keeps_the_first_copy(server: Server) -> None:
    server.attach()
    before = server.files()
    server.attach()
    assert server.files() == before


def test_undoing_leaves_every_byte_as_it_was(server: Server) -> None:
    before = server.files()
    server.attach()
    assert server.undo() is True
    assert server.files() == before


@pytest.mark.parametrize("content", [b"", b"VirtualHost 'metals.example'", b"\n\n"])
def test_also_of_a_file_that_ends_without_a_line_end(server: Server, content: bytes) -> None:
    server.config.write_bytes(content)
    server.attach()
    assert server.undo() is True
    assert server.files() == {server.config.name: content}


def test_undoing_keeps_what_somebody_has_changed_since(server: Server) -> None:
    server.attach()
    server.config.write_bytes(b"admins = {}\n" + server.config.read_bytes() + b"VirtualHost 'new.example'\n")
    assert server.undo() is False
    assert server.config.read_bytes() == b"admins = {}\n" + CONFIG + b"VirtualHost 'new.example'\n"
    assert not server.included.exists()
    assert server.copy.read_bytes() == CONFIG  # what it was is not thrown away while it differs


def test_undoing_needs_no_copy(server: Server) -> None:
    server.attach()
    server.copy.unlink()
    assert server.undo() is False
    assert server.files() == {server.config.name: CONFIG}


def test_what_is_not_attached_is_not_undone(server: Server) -> None:
    with pytest.raises(SiteError, match="there is nothing to undo"):
        server.undo()
    assert server.files() == {server.config.name: CONFIG}


@pytest.mark.parametrize("is_again", [False, True])
def test_a_result_that_the_server_cannot_read_is_taken_back(server: Server, is_again: bool) -> None:
    if is_again:
        server.attach()
    before = server.files()
    plan = replace(plan_attach(server.settings, server.config), content="-- other\n")
    server.breaks = "line 7: unexpected symbol"
    with pytest.raises(
        SiteError, match="nothing was changed, as the server could not read the result: line 7"
    ):
        apply_attach(plan, GATE)
    assert server.files() == before


def test_nothing_is_written_while_there_is_a_problem(server: Server) -> None:
    server.included.write_text("-- somebody else's\n")
    plan = plan_attach(server.settings, server.config)
    (problem,) = plan.problems
    assert "does not include it" in problem
    with pytest.raises(SiteError, match="nothing was changed"):
        apply_attach(plan, GATE)
    assert server.files() == {server.config.name: CONFIG, server.included.name: b"-- somebody else's\n"}


def test_a_file_that_is_older_than_the_settings_is_told(server: Server) -> None:
    server.attach()
    assert not plan_attach(server.settings, server.config).is_old
    (server.config.parent / "keys" / "gate.secret").write_text(SECRET[::-1])
    assert plan_attach(server.settings, server.config).is_old
    server.included.unlink()
    assert replace(plan_attach(server.settings, server.config), is_attached=True).is_old


def test_a_configuration_behind_a_link_is_changed_where_it_is(server: Server, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / server.config.name
    link.parent.mkdir()
    link.symlink_to(server.config)
    apply_attach(plan_attach(server.settings, link), GATE)
    assert link.is_symlink()
    assert is_attached(link, server.kind)
    assert list(link.parent.iterdir()) == [link]
    server.undo(link)
    assert server.config.read_bytes() == CONFIG


def test_what_cannot_be_read_is_told(server: Server) -> None:
    with pytest.raises(SiteError, match=r"missing\.lua cannot be read"):
        is_attached(server.config.with_name("missing.lua"), server.kind)
