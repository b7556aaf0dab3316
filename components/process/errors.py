"""The error for problems that an operator or an auditor can fix."""


class SiteError(Exception):
    """A problem that an operator or an auditor can fix; the message is one line that says how."""
