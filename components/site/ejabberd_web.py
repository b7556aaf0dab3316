"""What a private ejabberd's configuration says of clients that begin with TLS, and of those in browsers."""

from collections.abc import Mapping
from typing import Any

from components.settings.prosody import WebSettings
from components.site.prosody import ProsodyPlan

TLS_OPTIONS = ("no_sslv3", "no_tlsv1", "no_tlsv1_1")

_HOST_META = "/.well-known/host-meta"


def web_listener(web: WebSettings) -> dict[str, Any]:
    """Return the listener for browsers: WebSocket (RFC 7395) and host-meta (XEP-0156)."""
    handlers = {_HOST_META: "mod_host_meta", f"{_HOST_META}.json": "mod_host_meta"}
    if web.websocket_path:
        handlers[web.websocket_path] = "ejabberd_http_ws"
    return {
        "port": web.port,
        "ip": web.address,
        "module": "ejabberd_http",
        "tls": True,
        "protocol_options": list(TLS_OPTIONS),
        "request_handlers": handlers,
    }


def web_modules(web: WebSettings, domain: str) -> Mapping[str, dict[str, Any]]:
    """Return the module that tells a domain's clients where the WebSocket is."""
    socket = web.origin(domain).replace("https", "wss", 1) + web.websocket_path
    urls = {
        "websocket_url": socket if web.websocket_path else "undefined",
        "bosh_service_url": "undefined",
    }
    return {"mod_host_meta": urls}


def direct_tls_listener(plan: ProsodyPlan, clients: Mapping[str, Any]) -> dict[str, Any]:
    """Return the listener for clients that begin with TLS (XEP-0368), which is otherwise as the one for all."""
    left = {name: value for name, value in clients.items() if not name.startswith("starttls")}
    return {**left, "port": plan.direct_tls_port, "tls": True}
