"""Addresses are prepared as the server that is installed prepares them: every character, alone and inside a word."""

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from policy.stringprep import StringprepError, nameprep, nodeprep
from tests.support.prosody import server_folder

# Reads a text a line, in hex, and writes what the server makes of it as a localpart and as a domain.
SCRIPT = """
local folder = arg[1]
package.path, package.cpath = folder .. "/?.lua;" .. package.path, folder .. "/?.so;" .. package.cpath
local prepare = require "util.encodings".stringprep
local function hex(text)
  return text and (text:gsub(".", function (byte) return ("%02x"):format(byte:byte()) end)) or "-"
end
for line in io.lines() do
  local text = line:gsub("%x%x", function (byte) return string.char(tonumber(byte, 16)) end)
  print(hex(prepare.nodeprep(text, true)) .. " " .. hex(prepare.nameprep(text, true)))
end
"""
# Georgian capitals, a Cyrillic one and the like: their small letters are younger than Stringprep. The server keeps the
# capitals as they are; we refuse them.
REFUSED_BY_US_ALONE = 200


def prepared_by_server(texts: list[str], folder: Path, script: Path) -> Iterator[tuple[str, str]]:
    lua = next(path for name in ("lua5.4", "lua5.3", "lua5.2", "lua") if (path := shutil.which(name)))
    script.write_text(SCRIPT)
    lines = "".join(f"{text.encode().hex()}\n" for text in texts)
    result = subprocess.run(
        [lua, str(script), str(folder)], input=lines, capture_output=True, text=True, check=True
    )
    for line in result.stdout.splitlines():
        node, name = line.split(" ")
        yield node, name


def prepared(by: Callable[[str], str], text: str) -> str:
    try:
        return by(text).encode().hex()
    except StringprepError:
        return "-"


def test_what_we_take_the_server_takes_as_the_same(tmp_path: Path) -> None:
    characters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    texts = [text for each in characters for text in (each, f"a{each}b")]
    servers = list(prepared_by_server(texts, server_folder(), tmp_path / "prepare.lua"))
    assert len(servers) == len(texts)
    refused = 0
    for text, (node, name) in zip(texts, servers, strict=True):
        for ours, theirs in ((prepared(nodeprep, text), node), (prepared(nameprep, text), name)):
            refused += ours == "-" != theirs
            assert ours in (theirs, "-"), (text, ours, theirs)
    assert refused < REFUSED_BY_US_ALONE * 4


# Latin with its marks, scripts from right to left, forms of compatibility, what is mapped to nothing, Hangul in parts.
BLOCKS = (
    (0x20, 0x7F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
    (0x2000, 0x206F), (0x2100, 0x24FF), (0x3000, 0x30FF), (0xAC00, 0xAD00), (0xFB00, 0xFEFF), (0xFF00, 0xFFEF),
    (0x1D400, 0x1D7FF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def test_what_we_take_of_any_text_the_server_takes_as_the_same(tmp_path: Path) -> None:
    chance = random.Random(7622)
    texts = [
        "".join(chr(chance.randint(*chance.choice(BLOCKS))) for _ in range(chance.randint(2, 6)))
        for _ in range(40_000)
    ]
    taken = 0
    for text, (node, name) in zip(
        texts, prepared_by_server(texts, server_folder(), tmp_path / "prepare.lua"), strict=True
    ):
        for prepare, theirs in ((nodeprep, node), (nameprep, name)):
            ours = prepared(prepare, text)
            assert ours in (theirs, "-"), (text, ours, theirs)
            taken += ours != "-"
            if ours != "-":
                assert prepared(prepare, bytes.fromhex(ours).decode()) == ours
    assert taken > 5_000
