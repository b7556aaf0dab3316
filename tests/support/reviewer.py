"""A reviewer of a gate under test: the auditors' key, and a log of looks of its own."""

import asyncio
import sys
from pathlib import Path

from components.archive.keys import create_log_key
from components.audit.auditor import find_auditor
from components.audit.author import Author
from components.audit.review.held import HeldList, decide_held, list_held
from components.settings.site import SiteFile
from tests.support.gate_process import GateProcess
from tests.support.process import PATIENCE_S

ROOT = Path(__file__).parents[2]


def write_auditor_site(gate: GateProcess, folder: Path, name: str = "metals") -> Path:
    """Write a site.toml into `folder` that has the gate's tables, a name, and an auditors' log and index of its own."""
    create_log_key(folder / "log-audit.key", f"{name}.example/audit")
    audit = f"""[audit]
key_files = ["{gate.auditor_key_file}"]
log = "audit.db"
log_origin = "{name}.example/audit"
log_key_file = "log-audit.key"
index = "index.db"
"""
    path = folder / "site.toml"
    tables = gate.site_toml.read_text("utf-8")
    site = "" if "[site]" in tables else f'[site]\nname = "{name}"\nlogs = "logs"\n'
    path.write_text(tables + site + audit, "utf-8")
    return path


class Reviewer:
    """Reviews what a gate holds, as `steelyard review` does; its files are in `folder`."""

    def __init__(self, gate: GateProcess, folder: Path, name: str = "metals") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._site = write_auditor_site(gate, folder, name)
        self.settings = SiteFile(self._site)

    def look_also_at(self, name: str, other: "Reviewer") -> None:
        """Have the machine of this one ask the site of another, too, whose accounts are at `<name>.example`."""
        other._add(f'[prosody]\ndomains = ["{name}.example"]\nfolder = "prosody"\ncertificates = "certs"\n')
        self._add(f'[[audit.sites]]\nname = "{name}"\nsite = "{other._site}"\n')

    def _add(self, table: str) -> None:
        self._site.write_text(f"{self._site.read_text('utf-8')}\n{table}", "utf-8")
        self.settings = SiteFile(self._site)

    def set(self, table: str, name: str, value: str) -> None:
        """Set a text in a table of the auditor's own settings."""
        text = self._site.read_text("utf-8")
        assert f"\n[{table}]\n" in text
        self._site.write_text(text.replace(f"\n[{table}]\n", f'\n[{table}]\n{name} = "{value}"\n'), "utf-8")

    async def run(self, *arguments: str, group: str = "review") -> str:
        """Run `steelyard review ...`, or commands of another group, and give what it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "components.cli.main", group, *arguments),
            cwd=ROOT,
            env={"STEELYARD_SITE": str(self._site)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode()

    async def held(self) -> HeldList:
        """Give what is held."""
        return await list_held(self.settings, PATIENCE_S)

    async def waiting(self) -> list[str]:
        """Give the ids of the records of messages that wait."""
        return [f"gate/{each.record}" for each in (await self.held()).held if each.stage == "waiting"]

    async def wait_for_one(self) -> str:
        """Wait until a message waits for review, and give the id of its record; fails where there are several."""
        async with asyncio.timeout(PATIENCE_S):
            while not (records := await self.waiting()):
                pass
        (record,) = records
        return record

    async def decide(self, act: str, record: str, reason: str = "read it", by: str = "") -> bool:
        """Release or refuse, as this person; give whether that waits for another one."""
        author = Author(find_auditor(self.settings, by)) if by else None
        return (await decide_held(self.settings, record, act, reason, PATIENCE_S, author)).waits
