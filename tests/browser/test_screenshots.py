"""The pictures of README.md: made anew of a site with weeks of talk, with all that they are there to show.

`STEELYARD_KEEP_SCREENSHOTS=1` puts the new ones in the place of the old ones.
"""

import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from components.audit.mark import Mark
from components.site.demo_conversation import ALICE, BOB
from tests.browser.test_chat import demonstrate, visit
from tests.support.certificates import CertificateAuthority
from tests.support.console_browser import show_console
from tests.support.console_site import make_console_site
from tests.support.history import ROOMS, make_history

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
_LARGEST_BYTES = 150_000


@pytest.fixture(scope="module")
def picture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


async def test_the_pictures_show_what_is_there(picture_folder: Path, authority: CertificateAuthority) -> None:
    folder = picture_folder / "site"
    folder.mkdir()
    site = await make_console_site(folder)
    told = [each for each in make_history(1200) if each.record is not None]
    await site.record(*(each.record for each in told))
    edited = next(
        each for each in told if each.mark is Mark.CORRECTION and each.is_valid and each.to in ROOMS
    )
    hit = told[edited.target]
    async with show_console(picture_folder, authority, site) as shown:
        await shown.browser.command(
            "Emulation.setDeviceMetricsOverride", width=1200, height=860, deviceScaleFactor=1, mobile=False
        )
        await shown.log_in()
        shots = {
            "search": ("/search?q=copper", ".timeline .bar-of"),
            "conversation": (f"/conversation/{site.id_of(hit.number)}?q=copper", ".is-hit .versions"),
            "record": (f"/record/{site.id_of(hit.number)}", ".proved .steps li.holds"),
        }
        for name, (path, wanted) in shots.items():
            await shown.open(path)
            await shown.browser.wait_until(
                wanted, "return document.querySelector(arguments[0]) !== null", wanted
            )
            await shown.browser.run(
                "document.querySelector('#hit')?.scrollIntoView({block: 'center', behavior: 'instant'})"
            )
            compare(name, await shown.browser.screenshot())


async def test_the_picture_of_the_chat_page_shows_what_a_newcomer_sees(picture_folder: Path) -> None:
    folder = picture_folder / "chat"
    async with demonstrate(folder) as shown, visit(shown, folder) as somebody:
        browser = somebody.browser
        await browser.command(
            "Emulation.setDeviceMetricsOverride", width=1200, height=860, deviceScaleFactor=1, mobile=False
        )
        await somebody.be(ALICE)
        await somebody.turn_to(BOB)
        await somebody.write("Do you have 25 t of zinc for January?")
        await browser.wait_for(".chat-msg__text", "25 t of zinc")
        pictures = "[...document.querySelectorAll('.chat-msg img')]"
        await browser.wait_until("the picture", f"return {pictures}.some(each => each.naturalWidth > 100)")
        compare("chat", await browser.screenshot())


def compare(name: str, taken: bytes) -> None:
    """Compare a picture with the kept one: roughly, because letters differ from machine to machine."""
    picture = Image.open(BytesIO(taken)).convert("RGB")
    file = IMAGES / f"{name}.png"
    if os.environ.get("STEELYARD_KEEP_SCREENSHOTS"):
        picture.quantize(64, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size <= _LARGEST_BYTES
    kept = Image.open(file).convert("RGB")
    assert kept.size == picture.size
    pairs = zip(*(each.convert("L").resize((40, 30)).tobytes() for each in (kept, picture)), strict=True)
    difference = sum(abs(left - right) for left, right in pairs) / 1200
    assert difference < 10, f"docs/images/{name}.png is not what the console shows any more: make it anew"
