"""What the chat page's answers say to the browser, and which requests it does not take."""

from collections.abc import Mapping

from components.audit.console import headers as console

NAMES = ("chat.localhost", "127.0.0.1")
"""What browsers may call it: a name of its own, and the address for browsers that do not know such names."""

COMMON: Mapping[str, str] = {
    name: value for name, value in console.COMMON.items() if name != "Strict-Transport-Security"
} | {"Permissions-Policy": "camera=(), geolocation=(), microphone=(), publickey-credentials-get=()"}


def content_security_policy(host: str, files: str) -> str:
    """Return the policy for pages at `host` (with its port): own scripts alone, and nothing from elsewhere.

    `files` is what links to the site's files begin with; empty where none can be sent. Two things
    are there for Converse.js (docs/decisions/0232): pictures as `data:` and `blob:`, and styles inside the page.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self'",
            f"connect-src 'self' ws://{host} {files}".rstrip(),
            f"img-src 'self' data: blob: {files}".rstrip(),
            f"media-src 'self' blob: {files}".rstrip(),
            "form-action 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )
