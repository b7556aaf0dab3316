"""What is said of a file that is fetched, so that no browser runs it in the site's name; pure."""

from urllib.parse import quote

from policy.files.media_type import UNTYPED

INLINE_KINDS = ("image/", "audio/", "video/")
INLINE_TYPES = frozenset({"text/plain"})
# An SVG is a document that can hold scripts.
_NEVER_INLINE = frozenset({"image/svg+xml"})
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&^_.+-/")

COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # What is revoked or destroyed must not be shown from a cache.
    "Cache-Control": "private, no-store",
}
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "OPTIONS, HEAD, GET, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range",
    "Access-Control-Expose-Headers": "Content-Range, Content-Length, ETag, Content-Disposition",
    "Access-Control-Max-Age": "7200",
}


def safe_type(media_type: str) -> str:
    """Return a media type that can stand in a header, without parameters; an octet stream for what is none."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind.count("/") != 1 or kind.startswith("/") or kind.endswith("/") or not _TOKEN.issuperset(kind):
        return UNTYPED
    return kind


def content_headers(name: str, media_type: str, sha256: bytes) -> dict[str, str]:
    """Return the headers of a file: its type, its name in any script (RFC 6266, RFC 8187), its ETag.

    Only what a browser shows without running it is inline.
    """
    kind = safe_type(media_type)
    shown = kind in INLINE_TYPES or (kind.startswith(INLINE_KINDS) and kind not in _NEVER_INLINE)
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name
    )
    disposition = "inline" if shown else "attachment"
    return {
        "Content-Type": "text/plain; charset=utf-8" if kind == "text/plain" else kind,
        "Content-Disposition": f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "ETag": f'"{sha256.hex()}"',
        "Accept-Ranges": "bytes",
    }
