"""A plugin of Gajim's that clicks for a person: logs in, sends a file, and fetches what comes as a preview would.

It runs inside Gajim, with what Gajim has. What it does is in the JSON of STEELYARD_GAJIM: `jid`, `password`, `address`,
`out` (a folder), and, if it sends, `to` and `path`. What comes is written to `out`.
"""

import json
import os
from pathlib import Path
from typing import Any

import gajim
from gajim.common import app
from gajim.common.const import FTState
from gajim.common.util.http import create_http_request
from gajim.plugins import GajimPlugin
from gi.repository import GLib
from nbxmpp.const import ConnectionProtocol, ConnectionType
from nbxmpp.protocol import JID

TOLD = json.loads(os.environ["STEELYARD_GAJIM"])
OUT = Path(TOLD["out"])
ACCOUNT = "line"
# Gajim 1 of Debian 12; what a plugin gets is something else from version 2 on.
IS_FIRST = gajim.__version__.startswith("1.")


def write(name: str, content: bytes) -> None:
    draft = OUT / f".{name}"
    draft.write_bytes(content)
    draft.rename(OUT / name)


class SteelyardTests(GajimPlugin):
    def init(self) -> None:
        self.description = "tests"
        self.config_dialog = None
        self.events_handlers = {
            "signed-in": (50, self._signed_in),
            "message-received": (50, self._received),
            "http-upload-started": (50, self._uploading),
            "http-upload-error": (50, self._failed),
        }

    def activate(self) -> None:
        GLib.timeout_add(500, self._begin)

    def _begin(self) -> bool:
        address = JID.from_string(TOLD["jid"])
        host = (TOLD["address"], ConnectionProtocol.TCP, ConnectionType.START_TLS)
        app.settings.set("use_keyring", False)
        named = (address.localpart, address.domain) if IS_FIRST else (address,)
        app.app.create_account(ACCOUNT, *named, TOLD["password"], None, host)
        app.app.enable_account(ACCOUNT)
        return False

    def _signed_in(self, _event: object) -> None:
        write("signed-in", b"")
        if "to" in TOLD:
            GLib.timeout_add(200, self._send)

    def _send(self) -> bool:
        upload = app.get_client(ACCOUNT).get_module("HTTPUpload")
        if not upload.available:
            return True
        contact = app.get_client(ACCOUNT).get_module("Contacts").get_contact(JID.from_string(TOLD["to"]))
        upload.send_file(contact, Path(TOLD["path"]))
        return False

    def _failed(self, event: Any) -> None:
        write("error", str(event.error_msg).encode())

    def _uploading(self, event: Any) -> None:
        event.transfer.connect("state-changed", self._changed)

    def _changed(self, transfer: Any, _signal: object, state: object) -> None:
        if state == FTState.ERROR:
            write("error", f"{transfer.error_domain}: {transfer.error_text}".encode())

    def _received(self, event: Any) -> None:
        if IS_FIRST:
            body, found = event.msgtxt, [event.properties.oob]
        else:
            body, found = event.message.text, event.message.oob
        (oob,) = found or [None]
        told = {"body": body, "url": oob.url if oob else ""}
        write("message", json.dumps(told).encode())
        if oob:
            request = create_http_request(ACCOUNT)
            request.send("GET", oob.url, callback=self._fetched)

    def _fetched(self, request: Any) -> None:
        if request.is_complete():
            write("file", request.get_data())
        else:
            write("error", request.get_error_string().encode())
