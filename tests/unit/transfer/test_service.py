"""Slots over the link: for people who are admitted, until when, and what a crash cut off."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from components.link.entity import Request, XmppError
from components.rules.file_links import FileLinks
from components.settings.transfer import TransferSettings
from components.transfer.service import SlotService
from components.transfer.slots import NS, NS_PURPOSE
from components.transfer.state import UploadStore
from policy.directory.directory import parse_directory
from tests.support.archive import START_S

DIRECTORY = parse_directory("""
gate = "gate.x"
transfer = "files.x"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
person = [{ jid = "anna@metals.example", name = "Anna", roles = ["trader"] }]
""")
TABLE = {
    "jid": "files.x", "secret_file": "s", "port": 5443, "files": "f", "state_file": "d", "status_file": "t",
    "link_key_file": "l", "address_key_file": "a", "delivery_key_file": "e", "log": "l.db", "log_origin": "x/t",
    "log_key_file": "k",
}  # fmt: skip


def settings(**changes: Any) -> TransferSettings:
    return TransferSettings.model_validate(TABLE | changes, context={"folder": Path()})


@pytest.fixture
async def slots(tmp_path: Path) -> AsyncIterator[SlotService]:
    uploads = await UploadStore.open(tmp_path / "state.db")
    links = FileLinks(settings().base_url, b"k" * 64)
    yield SlotService(settings(), links, uploads, DIRECTORY, lambda: START_S)
    await uploads.close()


def ask(sender: str, inside: str = "", size: int = 1000) -> Request:
    xml = f"<request xmlns='{NS}' filename='a.pdf' size='{size}' content-type='application/pdf'>{inside}</request>"
    return Request(sender, "files.x", "1", "get", ET.fromstring(xml))


def until_s(slots: SlotService, slot: ET.Element) -> int:
    url = str(slot[1].get("url"))
    link = slots._links.open(url.split("/")[-2])
    assert link is not None
    assert link.owner == "anna@metals.example"
    return link.until_s


@pytest.mark.parametrize(
    ("inside", "available_s"),
    [
        ("", 30 * 86_400),
        (f"<ephemeral xmlns='{NS_PURPOSE}' expire-before='2026-11-23T20:04:15Z'/>", 10),
        (f"<ephemeral xmlns='{NS_PURPOSE}' expire-before='2030-01-01T00:00:00Z'/>", 30 * 86_400),
    ],
)
async def test_until_when_a_link_opens(slots: SlotService, inside: str, available_s: int) -> None:
    slot = await slots.give(ask("anna@metals.example/desk", inside))
    assert until_s(slots, slot) == START_S + available_s
    assert slot[0].get("url") == slot[1].get("url")
    assert str(slot[1].get("url")).startswith("https://files.x:5443/f/")


@pytest.mark.parametrize(
    "sender", ["ben@metals.example/desk", "metals.example", "anna@grain.example/x", "mallory@evil.example/x"]
)
async def test_nobody_else_gets_a_slot(slots: SlotService, sender: str) -> None:
    with pytest.raises(XmppError) as caught:
        await slots.give(ask(sender))
    assert caught.value.condition == "forbidden"


async def test_what_was_given_counts(slots: SlotService) -> None:
    for _ in range(10):
        await slots.give(ask("anna@metals.example/desk", size=100 << 20))
    with pytest.raises(XmppError) as caught:
        await slots.give(ask("anna@metals.example/desk", size=100 << 20))
    assert caught.value.condition == "resource-constraint"
    assert caught.value.more is not None
    # A slot that nobody uses counts until it lapses.
    assert caught.value.more.get("stamp") == "2026-11-23T20:09:05Z"
    assert (slots.counters.slots, slots.counters.refused_slots) == (10, 1)


async def test_requests_at_the_same_time_get_no_more_than_one_after_another(slots: SlotService) -> None:
    asked = [slots.give(ask("anna@metals.example/desk", size=100 << 20)) for _ in range(20)]
    given = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(each, XmppError) for each in given) == 10


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"address": "10.0.0.1"}, "certificate is missing"),
        ({"networks": ["10.0.0.0/8"]}, "belong together"),
        ({"download_from": "networks"}, "networks and download_from"),
        ({"download_from": "sessions"}, "sessions_file and download_from"),
        ({"sessions_file": "run/sessions.db"}, "sessions_file and download_from"),
    ],
)
def test_settings_that_need_one_another(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        settings(**changes)


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://files.x:5443/f/"),
        ({"public_port": 443}, "https://files.x/f/"),
        ({"host": "dl.metals.example", "public_port": 8443}, "https://dl.metals.example:8443/f/"),
    ],
)
def test_what_links_begin_with(changes: dict[str, Any], url: str) -> None:
    assert settings(**changes).base_url == url
