"""Acts that the console of one auditor's own machine signs: with the key that lies there, for that auditor alone."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from components.archive.keys import create_log_key, load_log_key
from components.audit.auditor import find_auditor
from components.audit.author import Author
from components.audit.console.signing import find_signing
from components.audit.matter.looks import look_at_matter
from components.audit.review import held as held_messages
from components.audit.review.acts import ReviewReader
from components.audit.review.held import decide_held
from components.link.review_request import LIST, ReviewAnswer, ReviewRequest
from components.process.errors import SiteError
from components.rules.reviewers import load_reviewers
from components.settings.console import ConsoleSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from policy.supervision.item import Entry
from policy.supervision.reviewer import Parties
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, another, make_console_site, open_console
from tests.support.held_gate import HoldingGate, hold

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
SIGNER = {"signer": "anna", "signer_key": "keys/auditor-anna.key"}
BERTA = """
[[audit.auditors]]
id = "berta"
name = "Berta"
roles = ["reviewer", "lead"]
key = "keys/auditor-berta.pub"
"""


class VerifyingGate(HoldingGate):
    """Takes decisions as the real one does: signed by a listed reviewer, about this record, just now."""

    async def answer(self, settings: SiteFile, request: ReviewRequest, timeout_s: float) -> ReviewAnswer:
        if request.act != LIST:
            parties = Parties(frozenset({ALICE.partition("/")[0], BOB}), frozenset({"metals"}))
            item, origin = f"gate/{request.record}", settings.gate_log.origin
            who = load_reviewers(settings).authorize(request, item, origin, parties, int(time.time()))
            if who.problem:
                return ReviewAnswer(problem=who.problem)
        return await super().answer(settings, request, timeout_s)


async def make_own_site(folder: Path) -> Site:
    """Make a site as on Anna's own machine: her key is there, and nothing that only the server has."""
    site = await make_console_site(folder)
    text = site.path.read_text().replace(
        'roles = ["auditor", "reviewer", "lead"]',
        'roles = ["auditor", "reviewer", "lead"]\nkey = "keys/auditor-anna.pub"',
    )
    signer = "\n".join(f'{name} = "{value}"' for name, value in SIGNER.items())
    site.path.write_text(text.replace("[console]", f"[console]\n{signer}") + BERTA)
    for auditor in ("anna", "berta"):
        create_log_key(folder / "keys" / f"auditor-{auditor}.key", f"auditor/{auditor}")
    await site.record(
        site.say(ALICE, BOB, "a tip", action="hold", rules=("tips",)),
        site.say(ALICE, BOB, "copper", rules=("off-channel",), at_s=1),
    )
    site.settings = SiteFile(site.path)
    key_file(site.settings).unlink()
    return site


def key_file(settings: SiteFile) -> Path:
    found = settings.gate_log.key_file
    assert isinstance(found, Path)
    return found


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_own_site(tmp_path)


async def entries(site: Site) -> list[Entry]:
    return (await ReviewReader(site.settings, load_reviewers(site.settings)).read()).entries


async def act(visitor: Visitor, item: str, kind: str, **fields: str) -> int:
    return (await visitor.post("/review", {"record": item, "act": kind, **fields})).status


@pytest.mark.slow
async def test_each_act_from_the_page_is_signed_with_its_authors_key(site: Site) -> None:
    item = site.id_of(1)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, page = await visitor.get("/review")
        assert 'id="marked"' in page and "signed with your key" in page
        assert await act(visitor, item, "claim") == 303
        assert await act(visitor, item, "note", note="about metal") == 303
        assert await act(visitor, item, "close", disposition="no-issue") == 303
        assert await act(visitor, item, "reopen", note="looked again") == 303
        assert await act(visitor, item, "escalate", note="too much") == 303
    found = await entries(site)
    assert [(each.act.kind.value, each.act.by, each.problem) for each in found] == [
        (kind, "anna", "") for kind in ("claim", "note", "close", "reopen", "escalate")
    ]
    # They are Anna's, and whoever changes who made one has no signature for it.
    site.path.write_text(site.path.read_text().replace("auditor-anna.pub", "auditor-berta.pub"))
    site.settings = SiteFile(site.path)
    (problem,) = {each.problem for each in await entries(site)}
    assert problem.endswith("which is not listed as one of anna")


@pytest.mark.slow
async def test_what_is_done_in_a_matter_is_signed_too(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        opened = await visitor.post("/matters", {"title": "Tin"})
        assert opened.status == 303
        id_ = opened.headers["Location"].rpartition("/")[2]
        assert (await visitor.post(f"/matters/{id_}/note", {"text": "about metal"})).status == 303
    detail = await look_at_matter(site.settings, find_auditor(site.settings, "anna"), id_)
    assert detail.refused == ()
    assert "about metal" in str(detail.matter)
    # Whoever changes who did it has no signature for it: then nobody has opened it.
    site.path.write_text(site.path.read_text().replace("auditor-anna.pub", "auditor-berta.pub"))
    site.settings = SiteFile(site.path)
    with pytest.raises(SiteError):
        await look_at_matter(site.settings, find_auditor(site.settings, "anna"), id_)


@pytest.mark.slow
async def test_a_held_message_goes_out_when_two_people_have_signed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, item = VerifyingGate([hold(site, 0, ALICE, BOB, needed=2)]), site.id_of(0)
    monkeypatch.setattr(held_messages, "_ask", gate.answer)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        assert f'value="{item}"' in (await visitor.get("/held"))[1]
        for _ in range(2):
            sent = await visitor.post("/held", {"record": item, "act": "release", "reason": "it is public"})
            assert sent.status == 303
        # Once more is still one person.
        assert len(gate.held) == 1
        key = load_log_key(site.path.parent / "keys" / "auditor-berta.key")
        unsigned, berta = (Author(find_auditor(site.settings, "berta"), each) for each in (None, key))
        with pytest.raises(SiteError, match="not signed"):
            await decide_held(site.settings, item, "release", "me, too", 5, unsigned)
        await decide_held(site.settings, item, "release", "me, too", 5, berta)
        assert gate.held == {}
    found = [
        (each.act.by, each.act.note, each.problem, bool(each.act.evidence)) for each in await entries(site)
    ]
    assert found == [("anna", "it is public", "", True)] * 2 + [("berta", "me, too", "", True)]


@pytest.mark.slow
async def test_nobody_else_acts_with_that_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, item = VerifyingGate([hold(site, 0, ALICE, BOB)]), site.id_of(0)
    monkeypatch.setattr(held_messages, "_ask", gate.answer)
    async with open_console(site) as anna:
        await anna.log_in("anna")
        berta = another(anna)
        await berta.log_in("berta")
        for path, command in (
            ("/review", "steelyard review close"),
            ("/held", "steelyard review release"),
            ("/held", "steelyard review refuse"),
            ("/matters", "steelyard audit matter open"),
            ("/search?q=copper", "steelyard audit matter add-exhibit"),
            (f"/conversation/{item}", "steelyard audit matter add-exhibit"),
        ):
            _, page = await berta.get(path)
            assert command in page and 'name="reason"' not in page and "signed with your key" not in page
            assert '<form method="post"' not in page.partition("<main")[2], path
            assert 'id="marked" class="picked-bar" method' not in page
        exhibit = {"matter": "M-1", "record": item, "note": ""}
        assert (await berta.post("/matters/exhibits", exhibit)).status == 403
        assert await act(berta, item, "claim") == 403
        assert (await berta.post("/held", {"record": item, "act": "refuse", "reason": "no"})).status == 403
        # Nor with Anna's name in the form.
        assert await act(berta, item, "claim", by="anna", auditor="anna") == 403
    assert gate.asked == []
    assert await entries(site) == []


async def test_a_key_that_is_gone_signs_nothing(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        (site.path.parent / "keys" / "auditor-anna.key").unlink()
        assert await act(visitor, site.id_of(1), "claim") == 400
        assert visitor.console.alarms.present() == []
    assert await entries(site) == []


def put(site: Site, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")


def write(old: str, new: str, site: Site) -> None:
    site.path.write_text(site.path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda site: put(site, key_file(site.settings)),
            "log-gate.key is here, so this machine is the server",
        ),
        (lambda site: put(site, site.settings.gate.secret_file), "is here, so this machine is the server"),
        (partial(write, 'signer = "anna"', 'signer = "berta"'), "not the key of berta"),
        (partial(write, 'signer = "anna"', 'signer = "oscar"'), "not the key of oscar"),
        (partial(write, 'signer = "anna"', 'signer = "mallory"'), "not the key of mallory"),
        (partial(write, "keys/auditor-anna.key", "keys/auditor-berta.key"), "not the key of anna"),
        (partial(write, "keys/auditor-anna.key", "keys/nothing.key"), "console.signer_key: "),
        (partial(write, "keys/auditor-anna.pub", "keys/nothing.pub"), "audit.auditors: "),
    ],
)
async def test_where_it_may_not_sign_it_does_not_start(
    site: Site, change: Callable[[Site], None], said: str
) -> None:
    change(site)
    settings = SiteFile(site.path)
    with pytest.raises(SiteError, match=said):
        find_signing(settings, settings.require(ConsoleSettings))


@pytest.mark.parametrize("left_out", SIGNER)
async def test_whose_and_which_key_belong_together(tmp_path: Path, left_out: str) -> None:
    half = {name: value for name, value in SIGNER.items() if name != left_out}
    site = await make_console_site(tmp_path)
    more = "\n".join(f'{name} = "{value}"' for name, value in half.items())
    write("[console]", f"[console]\n{more}", site)
    with pytest.raises(SettingsError, match="signer and signer_key belong together"):
        SiteFile(site.path).require(ConsoleSettings)


async def test_without_the_setting_it_signs_nothing(tmp_path: Path) -> None:
    site = await make_console_site(tmp_path)
    assert find_signing(site.settings, site.settings.require(ConsoleSettings)) is None


async def test_a_missing_key_is_told_with_how_to_make_it(site: Site) -> None:
    (site.path.parent / "keys" / "auditor-anna.key").unlink()
    told = list(site.settings.require(ConsoleSettings).find_problems())
    assert [each for each in told if "console.signer_key" in each and "keys make anna --auditor" in each]
