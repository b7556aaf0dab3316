"""The one error of the command line."""


class SiteError(Exception):
    """Something an operator can put right; the message is one line that says how."""
