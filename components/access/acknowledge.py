"""Takes acknowledgements of the recording: by a word, or by a command of the client (XEP-0050)."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import structlog

from components.access.adhoc import encode_answer
from components.access.form import Field, encode_form, parse_values
from components.access.notice import ASK, KNOWN, THANKS, YES, is_agreement, make_message
from components.link.entity import Request, XmppError
from components.rules.access.accept import accept_note
from components.rules.access.folder import GrantsError
from components.rules.access.note import encode_note
from components.rules.access.register import AccessRegister, AccessState
from policy.access.statement import AccessAct, Statement, notice_digest
from policy.address import bare
from policy.directory.directory import Directory

COMMAND = "acknowledge"
NAME = "Confirm that this line is recorded"

_AGREE = "agree"
_TOLD_AFTER_S = 1.0
"""How long to wait until the gate has taken an acknowledgement, so that a person who is thanked can write."""
_FAILED = "This could not be noted. Please try again later, or tell your support desk."

log = structlog.get_logger("access")


@dataclass(frozen=True, slots=True)
class Standing:
    """The state as read last: who is listed, and who is admitted."""

    directory: Directory
    access: AccessState


class Acknowledging:
    """Takes answers to the notice; `find_standing` gives the present state, `send` sends a message."""

    def __init__(
        self,
        register: AccessRegister,
        notice: str,
        find_standing: Callable[[], Standing],
        send: Callable[[ET.Element], object],
    ) -> None:
        self._register = register
        self._notice = notice
        self._find_standing = find_standing
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()

    def is_asked(self, jid: str) -> bool:
        """Return whether a person is admitted and has not acknowledged the notice."""
        access, person = self._find_standing().access, bare(jid)
        return person in access.admitted and person not in access.acknowledged

    def ask(self, sender: str, to: str) -> None:
        """Send the notice, with what to do."""
        text = f"{self._notice}\n{ASK}"
        self._send(make_message(sender, to, text, answers={YES: "Yes"}))

    def take_answer(self, sender: str, to: str, body: str, record: str) -> None:
        """Take a message to our address `to`, and answer from there. `record` is the message's record."""
        if self.is_asked(sender) and is_agreement(body):
            task = asyncio.get_running_loop().create_task(self._answer(sender, to, record))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif self.is_asked(sender):
            self.ask(to, sender)
        elif bare(sender) in self._find_standing().access.admitted:
            self._send(make_message(to, sender, KNOWN))

    async def handle(self, request: Request) -> ET.Element:
        """Return the answer to a step of the command; raises XmppError (`forbidden`) if the person is not admitted.

        A step has all that it needs, so nothing is kept between the steps.
        """
        if bare(request.sender) not in self._find_standing().access.admitted:
            raise XmppError("forbidden", "This is for those who have been admitted to the line.", "auth")
        payload = request.payload
        session_id = payload.get("sessionid") or secrets.token_hex(8)
        if payload.get("action") == "cancel":
            return encode_answer(session_id, COMMAND, "canceled")
        if not self.is_asked(request.sender):
            return encode_answer(session_id, COMMAND, "completed", note=("info", KNOWN))
        agreed = parse_values(payload).get(_AGREE, [])
        if not agreed:
            return encode_answer(session_id, COMMAND, "executing", self._form(), actions=("complete",))
        if agreed[0] not in ("1", "true"):
            return encode_answer(session_id, COMMAND, "completed", note=("warn", ASK))
        if not await self._acknowledge(request.sender):
            return encode_answer(session_id, COMMAND, "completed", note=("error", _FAILED))
        return encode_answer(session_id, COMMAND, "completed", note=("info", THANKS))

    def _form(self) -> ET.Element:
        agree = Field(_AGREE, "I have read that this line is recorded", "boolean", "0", required=True)
        return encode_form("This line is recorded", self._notice, [agree])

    async def _answer(self, sender: str, to: str, record: str) -> None:
        done = await self._acknowledge(sender, record)
        self._send(make_message(to, sender, THANKS if done else _FAILED))

    async def _acknowledge(self, sender: str, record: str = "") -> bool:
        """Store an acknowledgement, wait until the gate has taken it, and return whether it is stored."""
        person, directory = bare(sender), self._find_standing().directory
        enterprise = directory.find_enterprise(person)
        if enterprise is None:
            return False
        now_s = int(time.time())
        digest = notice_digest(self._notice)
        statement = Statement(
            AccessAct.ACKNOWLEDGE, person, enterprise, person, now_s, notice=digest, record=record
        )
        try:
            accept_note(self._register, directory, encode_note(statement), now_s)
        except (GrantsError, OSError) as error:
            log.error("not acknowledged", person=person, reason=str(error))
            return False
        await asyncio.sleep(_TOLD_AFTER_S)
        return True
