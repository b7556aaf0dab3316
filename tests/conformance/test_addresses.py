"""Addresses are prepared as the server that is installed prepares them: every character, alone and inside a word."""

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
