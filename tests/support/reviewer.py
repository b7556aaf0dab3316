"""A reviewer of a gate under test: the auditors' key, and a log of looks of its own."""

from pathlib import Path

from components.archive.keys import create_log_key
from components.archive.keys.reference import parse_key_reference
from components.audit.review import HeldList, decide_held, list_held
from components.audit.settings import AuditSettings, LogSettings
from tests.support.gate_process import GateProcess

_TIMEOUT_S = 10.0


class Reviewer:
    """Reviews what a gate holds, as `steelyard review` does; its files are in `folder`."""

    def __init__(self, gate: GateProcess, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        create_log_key(folder / "log-audit.key", "metals.example/audit")

        def log(path: Path, origin: str, key_file: Path) -> LogSettings:
            return LogSettings(path, origin, parse_key_reference(str(key_file), folder))

        self.settings = AuditSettings(
            log(gate.log_file, gate.log_origin, gate.log_key_file),
            log(folder / "audit.db", "metals.example/audit", folder / "log-audit.key"),
            folder / "index.db",
            (gate.auditor_key_file.with_suffix(".pub"),),
            (parse_key_reference(str(gate.auditor_key_file), folder),),
        )

    async def held(self) -> HeldList:
        """Give what is held."""
        return await list_held(self.settings, _TIMEOUT_S)

    async def waiting(self) -> list[str]:
        """Give the ids of the records of messages that wait."""
        return [f"gate/{each.record}" for each in (await self.held()).held if each.stage == "waiting"]

    async def decide(self, act: str, record: str, reason: str = "read it") -> None:
        """Release or refuse."""
        await decide_held(self.settings, record, act, reason, _TIMEOUT_S)
