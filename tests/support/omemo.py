"""A trader's client that encrypts (XEP-0384): slixmpp with its OMEMO plugin, over a stream without TLS."""

import asyncio
from typing import Any, ClassVar

from omemo.storage import Just, Maybe, Nothing, Storage
from omemo.types import DeviceInformation, JSONType
from slixmpp import JID, ClientXMPP
from slixmpp.plugins import register_plugin
from slixmpp.stanza import Message
from slixmpp_omemo import XEP_0384

from tests.support.process import PATIENCE_S
from tests.support.prosody import PASSWORD


class Keys(Storage):
    """The private keys of one device, in memory: they outlast its connections."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, JSONType] = {}

    async def _load(self, key: str) -> Maybe[JSONType]:
        return Just(self._values[key]) if key in self._values else Nothing()

    async def _store(self, key: str, value: JSONType) -> None:
        self._values[key] = value

    async def _delete(self, key: str) -> None:
        self._values.pop(key, None)


class Plugin(XEP_0384):
    """The plugin with the keys that its configuration names; it trusts whatever device it sees."""

    default_config: ClassVar = {**XEP_0384.default_config, "keys": None}

    def session_bind(self, jid: JID) -> None:
        """Publish nothing yet: the client's `publish_keys` does, and tells what became of it."""

    @property
    def storage(self) -> Storage:
        keys: Storage = self.keys
        return keys

    @property
    def _btbv_enabled(self) -> bool:
        return True

    async def _prompt_manual_trust(
        self, manually_trusted: frozenset[DeviceInformation], identifier: str | None
    ) -> None:
        raise AssertionError("nothing is left to trust by hand")


register_plugin(Plugin)


class OmemoClient:
    """One device of a person; `messages` has every message that came, errors among them."""

    def __init__(self, jid: str, keys: Keys) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        unencrypted = {"feature_mechanisms": {"unencrypted_plain": True}}
        self._xmpp: Any = ClientXMPP(jid, PASSWORD, plugin_config=unencrypted)
        self._xmpp.enable_direct_tls = self._xmpp.enable_starttls = False
        self._xmpp.enable_plaintext = True
        for plugin in ("xep_0030", "xep_0060", "xep_0163", "xep_0280", "xep_0334", "xep_0380"):
            self._xmpp.register_plugin(plugin)
        self._xmpp.register_plugin("xep_0384", {"keys": keys}, module=Plugin)
        for event in ("message", "message_error"):
            self._xmpp.add_event_handler(event, self.messages.put_nowait)

    async def log_in(self, address: tuple[str, int]) -> None:
        began: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._xmpp.add_event_handler(
            "session_start", lambda event: None if began.done() else began.set_result(event)
        )
        self._xmpp.connect(*address)
        await asyncio.wait_for(began, PATIENCE_S)
        await self._xmpp.get_roster()
        self._xmpp.send_presence()

    async def publish_keys(self) -> None:
        """Publish device list and bundle, as a client does when it starts; raises as the plugin does."""
        await self._xmpp.plugin["xep_0384"].get_session_manager()

    async def name_device(self, label: str) -> None:
        """Publish the device list again, with a name for this device; raises as the plugin does."""
        manager = await self._xmpp.plugin["xep_0384"].get_session_manager()
        await manager.set_own_label(label)

    async def say(self, to: str, text: str) -> None:
        """Send in the clear."""
        self._xmpp.send_message(mto=to, mbody=text, mtype="chat")

    async def say_encrypted(self, to: str, text: str) -> Message:
        """Send encrypted to all devices of a person; gives what was sent."""
        message = self._xmpp.make_message(mto=to, mbody=text, mtype="chat")
        message["id"] = self._xmpp.new_id()
        plugin = self._xmpp.plugin["xep_0384"]
        await plugin.refresh_device_lists(
            {JID(to)}, force_download=True
        )  # their events may still be on the way
        encrypted, errors = await plugin.encrypt_message(message, JID(to))
        assert encrypted is not None and not errors
        encrypted["eme"]["namespace"] = "eu.siacs.conversations.axolotl"
        encrypted["eme"]["name"] = "OMEMO"
        encrypted.send()
        assert isinstance(encrypted, Message)
        return encrypted

    async def next_message(self) -> Message:
        return await asyncio.wait_for(self.messages.get(), PATIENCE_S)

    async def decrypt(self, message: Message) -> str:
        plain, _ = await self._xmpp.plugin["xep_0384"].decrypt_message(message)
        return str(plain["body"])

    async def log_out(self) -> None:
        await self._xmpp.disconnect(wait=1.0)
