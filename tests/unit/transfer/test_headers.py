"""What is said of a file: a browser shows it or saves it, and never runs it."""

from urllib.parse import unquote

import pytest

from components.transfer.headers import content_headers, safe_type

SHA256 = bytes(range(32))


@pytest.mark.parametrize(
    ("media_type", "disposition"),
    [
        ("image/png", "inline"),
        ("audio/ogg; codecs=opus", "inline"),
        ("video/mp4", "inline"),
        ("text/plain", "inline"),
        ("image/svg+xml", "attachment"),
        ("IMAGE/SVG+XML", "attachment"),
        ("text/html", "attachment"),
        ("application/pdf", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("", "attachment"),
    ],
)
def test_what_is_shown_and_what_is_saved(media_type: str, disposition: str) -> None:
    headers = content_headers("a", media_type, SHA256)
    assert headers["Content-Disposition"].startswith(f"{disposition};")
    assert headers["Content-Type"].partition(";")[0] == safe_type(media_type)


@pytest.mark.parametrize(
    "media_type", ["", "png", "image/", "/png", "image/p ng", "image/png\r\nSet-Cookie: a=b", "a/b/c", "ä/b"]
)
def test_what_is_no_media_type_is_an_octet_stream(media_type: str) -> None:
    assert safe_type(media_type) == "application/octet-stream"


@pytest.mark.parametrize(
    "name", ["报价单.pdf", "견적 ‘a’.pdf", 'a";x=".html', "a\\b%41.txt", "Preis 5€.png", "a;b=c,d.txt"]
)
def test_names_survive_in_any_script(name: str) -> None:
    disposition = content_headers(name, "image/png", SHA256)["Content-Disposition"]
    assert disposition.isascii()
    plain, _, extended = disposition.partition("; filename*=UTF-8''")
    assert unquote(extended) == name
    assert plain.count('"') == 2
