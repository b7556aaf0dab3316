"""Ad-hoc commands (XEP-0050) with which approvers request, decide and list from any client."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from xml.etree import ElementTree as ET

from components.access.adhoc import NODE, encode_answer
from components.access.form import Field, encode_form, encode_table, parse_values
from components.link.entity import Request, XmppError
from components.rules.access.accept import (
    accept_note,
    can_decide,
    enterprise_of_approver,
    make_decision,
    make_request,
)
from components.rules.access.folder import GrantsError
from components.rules.access.note import encode_note
from components.rules.access.register import AccessRegister
from policy.access.admission import Admission, AdmissionState
from policy.access.statement import AccessAct, Statement, StatementError, encode_statement
from policy.address import BareJid, bare, fold_address
from policy.directory.directory import Directory
from policy.directory.enterprise import EnterpriseId
from policy.utc import format_utc

_SESSION_S = 900.0
_MAX_SESSIONS = 1000


class AccessCommand(StrEnum):
    """What an approver can do; the values are the last part of the nodes."""

    LIST = "list"
    REQUEST = "request"
    APPROVE = "approve"
    DENY = "deny"
    CERTIFY = "certify"
    REVOKE = "revoke"


NAMES = {
    AccessCommand.LIST: "Access: who is admitted",
    AccessCommand.REQUEST: "Access: ask for somebody",
    AccessCommand.APPROVE: "Access: approve a request",
    AccessCommand.DENY: "Access: deny a request",
    AccessCommand.CERTIFY: "Access: certify that somebody still needs the line",
    AccessCommand.REVOKE: "Access: put somebody out",
}


@dataclass(frozen=True, slots=True)
class _Session:
    """A command under way: the approver, and the statement that waits for its signature."""

    owner: str
    command: AccessCommand
    began_s: float
    statement: Statement | None = None


class AccessCommands:
    """Serves the commands; `find_directory` gives the unrestricted directory; a new statement calls `on_stored`."""

    def __init__(
        self,
        register: AccessRegister,
        find_directory: Callable[[], Directory],
        on_stored: Callable[[], None],
    ) -> None:
        self._register = register
        self._find_directory = find_directory
        self._on_stored = on_stored
        self._sessions: dict[str, _Session] = {}

    def offers(self, jid: str) -> dict[str, str]:
        """Return the nodes and names of the commands that a person may use: all, or none."""
        if self._enterprise_of(jid) is None:
            return {}
        return {f"{NODE}{command}": name for command, name in NAMES.items()}

    async def handle(self, request: Request) -> ET.Element:
        """Return the answer to a step of a command; raises XmppError (`forbidden`) unless an approver asks."""
        if self._enterprise_of(request.sender) is None:
            raise XmppError("forbidden", "This is for the approvers of your firm.", "auth")
        payload = request.payload
        try:
            command = AccessCommand(payload.get("node", "").removeprefix(NODE))
        except ValueError:
            raise XmppError("item-not-found", "There is no such command.") from None
        if not payload.get("sessionid"):
            session = _Session(request.sender, command, time.monotonic())
            return self._begin(session)
        session_id, session = self._resume(request, command)
        if payload.get("action") == "cancel":
            del self._sessions[session_id]
            return encode_answer(session_id, command, "canceled")
        if payload.get("action") == "prev" and session.statement:
            session = replace(session, statement=None)
            self._sessions[session_id] = session
            return self._ask(session_id, session)
        values = {name: lines[0].strip() for name, lines in parse_values(payload).items() if lines}
        try:
            return self._go_on(session_id, session, values)
        except (GrantsError, StatementError) as error:
            del self._sessions[session_id]
            return encode_answer(session_id, command, "completed", note=("error", str(error)))

    def _begin(self, session: _Session) -> ET.Element:
        if session.command is AccessCommand.LIST:
            return encode_answer(
                secrets.token_hex(8), session.command, "completed", self._list(session.owner)
            )
        now_s = time.monotonic()
        for key, each in list(self._sessions.items()):
            if now_s - each.began_s > _SESSION_S:
                del self._sessions[key]
        if len(self._sessions) >= _MAX_SESSIONS:
            raise XmppError(
                "resource-constraint", "Too many commands are under way. Try again later.", "wait"
            )
        session_id = secrets.token_hex(16)
        self._sessions[session_id] = session
        return self._ask(session_id, session)

    def _resume(self, request: Request, command: AccessCommand) -> tuple[str, _Session]:
        session_id = request.payload.get("sessionid", "")
        session = self._sessions.get(session_id)
        if session is None or session.owner != request.sender or session.command is not command:
            raise XmppError("bad-request", "This command is over. Begin it again.", "modify")
        return session_id, session

    def _ask(self, session_id: str, session: _Session) -> ET.Element:
        """Return the first form, which asks whom the command is about."""
        command = session.command
        reason = Field("reason", "Why (optional)")
        if command is AccessCommand.REQUEST:
            person = Field("person", "Their address", "jid-single", required=True)
            days = Field("days", "For how many days (empty: as long as the rules allow)")
            form = encode_form(NAMES[command], "Two approvers must approve.", [person, days, reason])
            return encode_answer(session_id, command, "executing", form, actions=("complete",))
        options = self._options(session)
        if not options:
            del self._sessions[session_id]
            return encode_answer(
                session_id, command, "completed", note=("info", "There is nothing to decide on.")
            )
        about = Field("about", "Whom", "list-single", options[0][0], options, required=True)
        form = encode_form(NAMES[command], "Choose; you sign it in the next step.", [about, reason])
        return encode_answer(session_id, command, "executing", form, actions=("next",))

    def _go_on(self, session_id: str, session: _Session, values: dict[str, str]) -> ET.Element:
        now_s, directory = int(time.time()), self._find_directory()
        by = bare(session.owner)
        if session.command is AccessCommand.REQUEST:
            return self._request(session_id, values, by, now_s)
        if session.statement is None:
            act = AccessAct(session.command.value)
            named, reason = values.get("about", ""), values.get("reason", "")
            self._require_own(named, by)
            statement = make_decision(self._register, directory, act, named, by, now_s, reason=reason)
            self._sessions[session_id] = replace(session, statement=statement)
            return encode_answer(
                session_id,
                session.command,
                "executing",
                _signing_form(statement),
                actions=("prev", "complete"),
            )
        note = encode_note(session.statement, values.get("signature", ""))
        accept_note(self._register, directory, note, now_s)
        del self._sessions[session_id]
        self._on_stored()
        done = f"Done: {session.command} {session.statement.person}."
        return encode_answer(session_id, session.command, "completed", note=("info", done))

    def _request(self, session_id: str, values: dict[str, str], by: BareJid, now_s: int) -> ET.Element:
        directory = self._find_directory()
        person = bare(fold_address(values.get("person", "")))
        # An approver may learn nothing about another firm's people, not even whether they exist.
        is_own = directory.find_enterprise(person) == self._enterprise_of(by)
        if not is_own or person not in directory.people:
            raise GrantsError(f"{person} is not in your firm's directory")
        days = values.get("days", "")
        if days and not days.isdecimal():
            raise GrantsError("write the days as a number")
        statement = make_request(
            self._register,
            directory,
            person,
            by,
            now_s,
            secrets.token_hex(8),
            days=int(days) if days else None,
            reason=values.get("reason", ""),
        )
        accept_note(self._register, directory, encode_note(statement), now_s)
        del self._sessions[session_id]
        self._on_stored()
        done = f"Asked for {person}. Two approvers must approve."
        return encode_answer(session_id, AccessCommand.REQUEST, "completed", note=("info", done))

    def _options(self, session: _Session) -> tuple[tuple[str, str], ...]:
        """Return the choices: requests by their digests, or people by their JIDs."""
        directory, by, now_s = self._find_directory(), bare(session.owner), int(time.time())
        if session.command is AccessCommand.REVOKE:
            own = self._own_admissions(session.owner)
            return tuple((each.person, each.person) for each in own if each.state is AdmissionState.ADMITTED)
        act = AccessAct(session.command.value)
        return tuple(
            (each.digest, _label(each))
            for each in self._register.requests(directory, now_s)
            if can_decide(self._register, directory, act, each, by)
        )

    def _list(self, owner: str) -> ET.Element:
        columns = {"person": "Who", "state": "State", "until": "Until", "approved": "Approved by"}
        rows = [
            {
                "person": each.person,
                "state": each.state,
                "until": format_utc(each.ends_s) if each.ends_s else "",
                "approved": ", ".join(each.approved_by),
            }
            for each in self._own_admissions(owner)
        ]
        return encode_table(NAMES[AccessCommand.LIST], columns, rows)

    def _own_admissions(self, owner: str) -> list[Admission]:
        directory, enterprise = self._find_directory(), self._enterprise_of(owner)
        found = self._register.judge(directory, int(time.time())).admissions.values()
        return [each for each in found if directory.find_enterprise(each.person) == enterprise]

    def _require_own(self, named: str, by: BareJid) -> None:
        enterprise = self._enterprise_of(by)
        requests = self._register.requests(self._find_directory(), int(time.time()))
        own = (each for each in requests if each.request and each.request.enterprise == enterprise)
        if not any(named in (each.person, each.digest) for each in own):
            raise GrantsError("choose one of those that the form lists")

    def _enterprise_of(self, jid: str) -> EnterpriseId | None:
        return enterprise_of_approver(self._register, self._find_directory(), bare(jid))


def _label(admission: Admission) -> str:
    request = admission.request
    assert request is not None  # noqa: S101 - of a request
    desk = f", desk {request.desk}" if request.desk else ""
    reason = f": {request.reason}" if request.reason else ""
    return f"{admission.person} ({', '.join(request.roles)}{desk}), asked for by {request.by}{reason}"


def _signing_form(statement: Statement) -> ET.Element:
    line = encode_statement(statement).rstrip("\n")
    return encode_form(
        "Sign",
        "Your key is not here, so that nobody can decide in your name. Copy the statement; where your key is, run "
        f"steelyard access sign 'STATEMENT' --key KEY; paste the line that it prints. {_SESSION_S / 60:.0f} minutes.",
        [
            Field("statement", "Statement", value=line),
            Field("signature", "The line that begins with —", required=True),
        ],
    )
