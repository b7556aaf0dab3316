"""What every answer of the console says to the browser, and which requests it does not take."""

from collections.abc import Mapping

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

COMMON: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), publickey-credentials-get=(self)",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}

UNCHANGING = "public, max-age=31536000, immutable"
"""For files whose address changes with what is in them."""


def is_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Return whether another site's page made the browser ask (Fetch Metadata); old browsers do not say."""
    return headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def is_own_form(headers: Mapping[str, str], origin: str) -> bool:
    """Return whether a form was sent by a page of this origin: its browser says so, in one of two ways or both.

    Where pages send no referrer, browsers send forms with the origin `null` (Fetch, 3.2): then Fetch Metadata decide.
    """
    sent_from, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    if site is None:
        return sent_from == origin
    return site == "same-origin" and sent_from in (origin, "null")
