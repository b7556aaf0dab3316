"""The component's own key: files are sealed to it, too, while they can be fetched."""

from pathlib import Path

from components.archive.keys import KeyFileError, create_recipient_key
from components.process.errors import SiteError
from components.settings.transfer import TransferSettings


def make_delivery_key(settings: TransferSettings) -> list[Path]:
    """Make the key that opens files for those who fetch them, if there is none; raises SiteError."""
    if settings.delivery_key_file.exists():
        return []
    settings.delivery_key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        create_recipient_key(settings.delivery_key_file, "delivery")
    except KeyFileError as error:
        raise SiteError(str(error)) from None
    return [settings.delivery_key_file]
