"""A demonstration's way in for browsers: the server's WebSocket, which the chat page goes on to."""


def web_table(port: int, *, bosh: bool = True) -> str:
    """Write the `[prosody.web]` table of a demonstration's site.toml."""
    table = (
        "\n[prosody.web]                          # clients in browsers, by HTTPS; the chat page too (docs/chat.md)\n"
        f"port = {port}\n"
    )
    return table if bosh else f'{table}bosh_path = ""\n'
