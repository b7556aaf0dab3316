"""The one error that an operator or an auditor can put right."""


class SiteError(Exception):
    """Something an operator or an auditor can put right; the message is one line that says how."""
