"""Programs, scripts, installers and shortcuts, by content and by name."""

import re
from collections.abc import Collection

from components.transfer.inspect import signature
from components.transfer.inspect.ending import PROGRAM_ENDINGS, ending_of
from components.transfer.inspect.item import Data

_BY_TYPE = frozenset(
    {
        signature.ELF,
        signature.PE,
        signature.DOS,
        signature.MACH_O,
        signature.CLASS,
        signature.SHORTCUT,
        "application/vnd.android.dex",
        "application/wasm",
        "application/x-rpm",
        "application/vnd.debian.binary-package",
        "application/x-shockwave-flash",
        "application/vnd.ms-htmlhelp",
        "application/java-archive",
        "application/vnd.android.package-archive",
        "application/x-msi",
        "application/x-sharedlib",
        "application/x-pie-executable",
        "application/x-object",
        "application/x-bytecode.python",
        "text/x-msdos-batch",
        "text/x-shellscript",
    }
)
_SCRIPT = re.compile(
    rb"""^(?:\xef\xbb\xbf)?[\s\0]*(?:
        \#![ \t]*/
      | @echo[ \t]+off\b
      | \[Desktop[ ]Entry\]
      | \[InternetShortcut\]
      | REGEDIT4\b
      | Windows[ ]Registry[ ]Editor[ ]Version
      | <\?php\b
      | <job\b | <package\b[^>]{0,200}>\s*<job\b
      | <(?:hta:application|scriptlet)\b
      | Set-ExecutionPolicy\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_LOOKED_AT_BYTES = 4096
_PHAR = b"__HALT_COMPILER();"
_INSIDE_MARKUP = re.compile(rb"<hta:application\b|<scriptlet\b", re.IGNORECASE)


def is_program(data: Data, name: str, found_types: Collection[str]) -> bool:
    """Return whether a file is one that can be run, whatever it is called; or is called as one that runs."""
    return has_program_content(data, found_types) or ending_of(name) in PROGRAM_ENDINGS


def has_program_content(data: Data, found_types: Collection[str]) -> bool:
    """Return whether the content alone is that of a file that can be run."""
    if not _BY_TYPE.isdisjoint(found_types):
        return True
    head = _as_single_bytes(data[:_LOOKED_AT_BYTES])
    return bool(_SCRIPT.match(head) or _INSIDE_MARKUP.search(head) or _PHAR in head)


def _as_single_bytes(head: bytes) -> bytes:
    """Return the start of a text that comes in UTF-16, as PowerShell and REG files do, without its zero bytes."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[2:].replace(b"\0", b"")
    return head
