"""A demonstration's transfer component: its settings, and its address in the directory."""

FILES = "files.steelyard.example"

# A name that every client on this machine finds, without DNS; the certificate is for it.
_HOST = "localhost"


def add_file_service(directory_toml: str) -> str:
    """Add the transfer component to the text of the example's directory."""
    first, *others = directory_toml.split("\n\n# --- ", 1)
    text = f'{first}\ntransfer = "{FILES}"   # takes the files that people send, and hands them out'
    return text + "".join(f"\n\n# --- {other}" for other in others)


def transfer_table(port: int) -> str:
    """Write the `[transfer]` table of a demonstration's site.toml."""
    return (
        "\n[transfer]                             # files: pictures, documents, voice notes\n"
        f'jid = "{FILES}"\n'
        'secret_file = "keys/transfer.secret"\n'
        f"port = {port}\n"
        f'host = "{_HOST}"                     # what links name; everybody of a demonstration is on this machine\n'
        f'certificate = "certs/{_HOST}.crt"\n'
        'files = "files"                        # sealed\n'
        'state_file = "run/transfer.db"\n'
        'status_file = "run/transfer.status.json"\n'
        'link_key_file = "keys/link.key"\n'
        'address_key_file = "keys/address.key"\n'
        'delivery_key_file = "keys/delivery.key"\n'
        'log = "archive/transfer.db"\n'
        'log_origin = "steelyard.example/transfer"\n'
        'log_key_file = "keys/log-transfer.key"\n'
    )
