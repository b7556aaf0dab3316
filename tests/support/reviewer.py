"""A reviewer of a gate under test: the auditors' key, and a log of looks of its own."""

import asyncio
import sys
from pathlib import Path

from components.archive.keys import create_log_key
from components.audit.review import HeldList, decide_held, list_held
from components.settings.audit import AuditSettings, load_audit_settings
from tests.support.gate_process import GateProcess
from tests.support.process import PATIENCE_S

ROOT = Path(__file__).parents[2]


class Reviewer:
    """Reviews what a gate holds, as `steelyard review` does; its files are in `folder`."""

    def __init__(self, gate: GateProcess, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        create_log_key(folder / "log-audit.key", "metals.example/audit")

        self._site = folder / "site.toml"
        self._site.write_text(
            f"""[gate]
log = "{gate.log_file}"
log_origin = "{gate.log_origin}"
log_key_file = "{gate.log_key_file}"
[archive]
recipients = ["{gate.auditor_key_file.with_suffix(".pub")}"]
[audit]
key_files = ["{gate.auditor_key_file}"]
log = "audit.db"
log_origin = "metals.example/audit"
log_key_file = "log-audit.key"
index = "index.db"
"""
        )
        self.settings: AuditSettings = load_audit_settings(self._site)

    async def run(self, *arguments: str) -> str:
        """Run `steelyard review ...` and give what it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "components.site.cli", "review", *arguments),
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

    async def decide(self, act: str, record: str, reason: str = "read it") -> None:
        """Release or refuse."""
        await decide_held(self.settings, record, act, reason, PATIENCE_S)
