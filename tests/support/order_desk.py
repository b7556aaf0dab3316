"""The retention commands as processes of their own, on the log of a gate under test."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from components.archive.keys import create_log_key
from tests.support.gate_process import GateProcess
from tests.support.retention_site import RETENTION
from tests.support.reviewer import write_auditor_site

ROOT = Path(__file__).parents[2]


class OrderDesk:
    """An auditor and two approvers, Anna and Ben, of a gate that has not started yet; all files are in `folder`."""

    def __init__(self, gate: GateProcess, folder: Path) -> None:
        self._folder = folder
        (folder / "retention.toml").write_text(RETENTION)
        for name in ("anna", "ben"):
            create_log_key(folder / f"approver-{name}.key", f"approver/{name}")
        public = [str(folder / f"approver-{name}.pub") for name in ("anna", "ben")]
        archive = (
            f"retention = {json.dumps(str(folder / 'retention.toml'))}\napprovers = {json.dumps(public)}\n"
        )
        gate.add_archive_settings(archive)
        self.site = write_auditor_site(gate, folder)
        self.approver_vkeys = [Path(path).read_text() for path in public]

    async def run(self, *arguments: str) -> dict[str, Any]:
        """Run `steelyard ...` and give what it prints as JSON."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "components.cli.main", *arguments, "--json"),
            cwd=ROOT,
            env={"STEELYARD_SITE": str(self.site)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert output, errors.decode()
        found: dict[str, Any] = json.loads(output)
        return found

    async def propose(self, *arguments: str) -> Path:
        """Have an order proposed, and approved by both; gives its file."""
        file = self._folder / f"{len(list(self._folder.glob('*.order')))}.order"
        await self.run("archive", *arguments, "--out", str(file))
        for name in ("anna", "ben"):
            await self.run(
                "archive", "approve", str(file), "--key", str(self._folder / f"approver-{name}.key")
            )
        return file

    async def carry_out(self, file: Path) -> dict[str, Any]:
        return await self.run("archive", "carry-out", str(file))

    async def search(self, query: str) -> list[str]:
        return [record["text"] for record in (await self.run("audit", "search", query))["records"]]
